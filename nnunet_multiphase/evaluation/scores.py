"""Score predicted segmentations against the truth: per case, per lesion, per further class, and over a set.

Which labels are lesion, and which are another class such as the liver, is decided elsewhere (`label_choice`). Lesions are
counted in the lesions' labels alone; voxels of an ignore label count for nothing, on either side.

What is undefined is nan, and left out of every mean:
- truth and prediction empty: a true negative case; Dice, NSD, HD95, sensitivity, precision, F1 and panoptic quality
  undefined.
- truth empty, prediction not: a false-alarm case; Dice, NSD, precision, F1 and panoptic quality 0; HD95 and sensitivity
  undefined.
- prediction empty, truth not: Dice, NSD, sensitivity, F1 and panoptic quality 0; HD95 and precision undefined.
- relative volume error is undefined for an empty truth.
False positives per case count every case, empty ones too. Over a folder, sensitivity, precision, F1 and panoptic
quality pool the lesions of all cases.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import bounding_box, box_slices
from nnunet_multiphase.evaluation.label_choice import (
    BothClasses,
    LabelOptions,
    classes_from_values,
    refuse_unknown,
)
from nnunet_multiphase.evaluation.lesions import label_lesions, lesion_table, require_same_grid
from nnunet_multiphase.evaluation.matching import IOU_THRESHOLD, match_lesions
from nnunet_multiphase.evaluation.sizes import counted_by_size
from nnunet_multiphase.evaluation.surfaces import hd95_mm, normalised_surface_dice
from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.label_classes import LESION, LabelClasses, whole_numbers
from nnunet_multiphase.table_cells import csv_cell, write_csv
from nnunet_multiphase.volumes.orientation import turned
from registration.volume import image_like

WRONG_GRID = (
    "score what `nnunet-multiphase predict` wrote, on the phase's original grid, against the folder of case folders it "
    "was made from; labelsTs is cropped like imagesTs, it goes with nnUNetv2_predict on imagesTs"
)


@dataclass(frozen=True)
class LesionScore:
    """Hold one lesion of a case: "found", "missed" (truth only: prediction nan) or "false" (the reverse)."""

    case: str
    outcome: str
    iou: float
    truth_ml: float
    prediction_ml: float
    truth_diameter_mm: float
    prediction_diameter_mm: float


@dataclass(frozen=True)
class CaseScore:
    """Hold one case's scores; the module's first lines say what is nan when.

    Attributes:
        case: name of the case.
        dice: 2|P n T| / (|P| + |T|) over voxels, 0..1.
        nsd: share of both surfaces within 2 mm of the other one, 0..1.
        hd95_mm: the larger of the two directed 95th percentiles of the distance between the surfaces, in mm.
        truth_ml, prediction_ml: volumes in ml.
        volume_error_ml: prediction minus truth, in ml.
        volume_error_relative: the same, divided by the truth's volume.
        found, missed, false: lesions matched, missed, and predicted where none is.
        sensitivity, precision, f1: of the case's lesions, 0..1.
        panoptic_quality: summed IoU of the found lesions / (found + missed / 2 + false / 2), 0..1: F1 times the mean IoU of
            the found lesions (Kirillov et al., CVPR 2019, doi:10.1109/CVPR.2019.00963; they match from IoU .5 on).
    """

    case: str
    dice: float
    nsd: float
    hd95_mm: float
    truth_ml: float
    prediction_ml: float
    volume_error_ml: float
    volume_error_relative: float
    found: int
    missed: int
    false: int
    sensitivity: float
    precision: float
    f1: float
    panoptic_quality: float


@dataclass(frozen=True)
class ClassScore:
    """Hold one case's scores of a class that is not the lesions, such as the liver; as in `CaseScore`."""

    case: str
    name: str
    dice: float
    nsd: float
    hd95_mm: float
    truth_ml: float
    prediction_ml: float
    volume_error_ml: float
    volume_error_relative: float


@dataclass(frozen=True)
class Scores:
    """Hold the scores of a set of cases.

    Attributes:
        cases: The lesions of each case together.
        lesions: Each lesion.
        iou_threshold: What they were matched with.
        classes: Each further class of each case; empty where lesions are all there is.
        labels: Class -> its label values in the truth; "ignore" for those that do not count.
        note: What the user should know before the numbers are believed.
    """

    cases: list[CaseScore]
    lesions: list[LesionScore]
    iou_threshold: float
    classes: list[ClassScore] = field(default_factory=list)
    labels: dict[str, list[int]] = field(default_factory=dict)
    note: str = ""

    @property
    def class_names(self) -> list[str]:
        """Name the further classes."""
        return list(dict.fromkeys(score.name for score in self.classes))

    def class_summary(self, name: str) -> dict[str, float]:
        """Sum up a further class over the cases."""
        return _summed_up([score for score in self.classes if score.name == name])

    def summary(self) -> dict[str, Any]:
        """Sum up the cases: plain numbers of the lesions, nan where no case defines one; `classes`: the further ones."""
        found, missed, false = (sum(getattr(c, k) for c in self.cases) for k in ("found", "missed", "false"))
        sensitivity, precision, f1 = detection_rates(found, missed, false)
        return {
            **_summed_up(self.cases),
            "lesions": found + missed,
            "lesions_found": found,
            "lesions_missed": missed,
            "lesions_false": false,
            "lesion_sensitivity": sensitivity,
            "lesion_precision": precision,
            "lesion_f1": f1,
            "panoptic_quality": panoptic_quality((row.iou for row in self.lesions), found, missed, false),
            "lesions_by_size": {
                size: {"found": hit, "lesions": total}
                for size, (hit, total) in counted_by_size(self.lesions).items()
            },
            "false_positives_per_case": false / len(self.cases) if self.cases else math.nan,
            "true_negative_cases": sum(c.truth_ml == 0 and c.prediction_ml == 0 for c in self.cases),
            "false_alarm_cases": sum(c.truth_ml == 0 and c.prediction_ml > 0 for c in self.cases),
            "empty_prediction_cases": sum(c.truth_ml > 0 and c.prediction_ml == 0 for c in self.cases),
            "iou_threshold": self.iou_threshold,
            **({"labels": self.labels} if self.labels else {}),
            **({"note": self.note} if self.note else {}),
            **(
                {"classes": {name: self.class_summary(name) for name in self.class_names}}
                if self.classes
                else {}
            ),
        }


def evaluate_case(
    prediction: sitk.Image,
    truth: sitk.Image,
    *,
    case: str,
    iou_threshold: float = IOU_THRESHOLD,
    classes: BothClasses | None = None,
) -> tuple[CaseScore, list[LesionScore]]:
    """Score the lesions of one predicted segmentation.

    Args:
        prediction, truth: 3D label images on one grid.
        case: the case's name, for the records and messages.
        iou_threshold: overlap from which a lesion counts as found.
        classes: What the labels mean; None: one value but 0, the same in both, is lesion.

    Returns:
        The case's scores, and one row a lesion of the truth and a false lesion.

    Raises:
        InputError: the two lie on different grids, or hold labels that nothing explains.
    """
    prediction, truth = turned(prediction), turned(truth)  # in another axis order they are the same
    labels = read_case_labels(prediction, truth, case=case, classes=classes)
    lesions_p, lesions_t = (side.mask(LESION) for side in labels)
    spacing_xyz = truth.GetSpacing()
    p, t = _cropped(lesions_p, lesions_t)
    matches = match_lesions(label_lesions(p), label_lesions(t), iou_threshold=iou_threshold)
    found, missed, false = (sum(m.outcome == o for m in matches) for o in ("found", "missed", "false"))
    sensitivity, precision, f1 = detection_rates(found, missed, false)
    score = CaseScore(
        case=case,
        **_overlap_and_volumes(p, t, spacing_xyz),
        found=found,
        missed=missed,
        false=false,
        sensitivity=sensitivity,
        precision=precision,
        f1=f1,
        panoptic_quality=panoptic_quality((m.iou for m in matches), found, missed, false),
    )
    # Lesion numbers depend on sizes and scan order only, so the table of the whole image numbers them alike.
    truth_rows, prediction_rows = (
        {lesion.id: lesion for lesion in lesion_table(image_like(mask.astype(np.uint8), truth))}
        for mask in (lesions_t, lesions_p)
    )
    lesions = []
    for match in matches:
        truth_row = truth_rows[match.truth_id] if match.truth_id else None
        prediction_row = prediction_rows[match.prediction_id] if match.prediction_id else None
        lesions.append(
            LesionScore(
                case=case,
                outcome=match.outcome,
                iou=match.iou,
                truth_ml=truth_row.volume_ml if truth_row else math.nan,
                prediction_ml=prediction_row.volume_ml if prediction_row else math.nan,
                truth_diameter_mm=truth_row.diameter_mm if truth_row else math.nan,
                prediction_diameter_mm=prediction_row.diameter_mm if prediction_row else math.nan,
            )
        )
    return score, lesions


def evaluate_classes(
    prediction: sitk.Image, truth: sitk.Image, *, case: str, classes: BothClasses
) -> list[ClassScore]:
    """Score the classes of one case that are not the lesions; arguments and errors as in `evaluate_case`."""
    prediction, truth = turned(prediction), turned(truth)
    sides = read_case_labels(prediction, truth, case=case, classes=classes)
    spacing_xyz = truth.GetSpacing()
    return [
        ClassScore(
            case, name, **_overlap_and_volumes(*_cropped(*(side.mask(name) for side in sides)), spacing_xyz)
        )
        for name in classes.others
    ]


@dataclass(frozen=True)
class _Side:
    """Hold one side's labels, what they mean, and which voxels count."""

    values: np.ndarray  # (z, y, x) integers
    classes: LabelClasses
    counts: np.ndarray | None  # (z, y, x) bool; None: all

    def mask(self, name: str) -> np.ndarray:
        """Give a class's voxels that count, (z, y, x) bool."""
        wanted = self.classes.lesion if name == LESION else self.classes.others[name]
        mask = np.isin(self.values, wanted)
        return mask if self.counts is None else mask & self.counts


def read_case_labels(
    prediction: sitk.Image, truth: sitk.Image, *, case: str, classes: BothClasses | None
) -> tuple[_Side, _Side]:
    """Give prediction and truth as labels with a meaning; see `evaluate_case`."""
    require_same_grid(truth, prediction, f"case {case}: truth and prediction", remedy=WRONG_GRID)
    names = [f"case {case}: {side}" for side in ("the prediction", "the truth")]
    p, t = (
        whole_numbers(sitk.GetArrayFromImage(image), name)
        for image, name in zip((prediction, truth), names, strict=True)
    )
    if classes is None:
        of_p, of_t = ({name: np.unique(side).tolist()} for name, side in zip(names, (p, t), strict=True))
        classes = classes_from_values(of_p, of_t, LabelOptions())
    refuse_unknown(p, classes.prediction, names[0], classes.said_by, may_ignore=False)
    refuse_unknown(t, classes.truth, names[1], classes.said_by, may_ignore=True)
    ignore = classes.truth.ignore
    counts = None if ignore is None else t != ignore
    return _Side(p, classes.prediction, counts), _Side(t, classes.truth, counts)


def _overlap_and_volumes(p: np.ndarray, t: np.ndarray, spacing_xyz: Sequence[float]) -> dict[str, float]:
    """Compare two (z, y, x) masks: Dice, NSD, HD95 and volumes under the records' names."""
    voxel_ml = math.prod(spacing_xyz) / 1000.0
    p_voxels, t_voxels = int(np.count_nonzero(p)), int(np.count_nonzero(t))
    error_ml = (p_voxels - t_voxels) * voxel_ml
    overlap = int(np.count_nonzero(p & t))
    return {
        "dice": 2.0 * overlap / (p_voxels + t_voxels) if p_voxels + t_voxels else math.nan,
        "nsd": normalised_surface_dice(p, t, spacing_xyz[::-1]),
        "hd95_mm": hd95_mm(p, t, spacing_xyz[::-1]),
        "truth_ml": t_voxels * voxel_ml,
        "prediction_ml": p_voxels * voxel_ml,
        "volume_error_ml": error_ml,
        "volume_error_relative": error_ml / (t_voxels * voxel_ml) if t_voxels else math.nan,
    }


def detection_rates(found: int, missed: int, false: int) -> tuple[float, float, float]:
    """Compute sensitivity, precision and F1 of counted lesions; nan where the denominator is 0."""
    sensitivity = found / (found + missed) if found + missed else math.nan
    precision = found / (found + false) if found + false else math.nan
    counted = 2 * found + missed + false
    return sensitivity, precision, 2 * found / counted if counted else math.nan


def panoptic_quality(ious: Iterable[float], found: int, missed: int, false: int) -> float:
    """Compute the panoptic quality of counted lesions, given the IoU of each (0 where not found); nan without any."""
    counted = 2 * found + missed + false
    return 2 * math.fsum(ious) / counted if counted else math.nan


def write_scores(scores: Scores, folder: Path | str) -> list[Path]:
    """Write cases.csv, lesions.csv, summary.json and, for further classes, classes.csv; nan is an empty cell or null."""
    folder = Path(folder)
    written = []
    tables: list[tuple[str, type, Sequence[Any]]] = [
        ("cases.csv", CaseScore, scores.cases),
        ("lesions.csv", LesionScore, scores.lesions),
    ]
    if scores.classes:
        tables.append(("classes.csv", ClassScore, scores.classes))
    else:
        (folder / "classes.csv").unlink(missing_ok=True)  # of an earlier run
    for name, record, rows in tables:
        header = [field.name for field in fields(record)]
        cells = [[csv_cell(value) for value in asdict(row).values()] for row in rows]
        written.append(write_csv(folder / name, header, cells))
    return [*written, write_json(folder / "summary.json", scores.summary())]


def _cropped(p: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut two masks to the box of their union, which changes no score and saves most of the time."""
    union = p | t
    if not union.any():
        return p[:0], t[:0]
    box = box_slices(bounding_box(union))
    return p[box], t[box]


def _summed_up(scores: Sequence[CaseScore] | Sequence[ClassScore]) -> dict[str, float]:
    """Sum up overlap, distance and volume over cases; nan where no case defines one."""
    return {
        "cases": len(scores),
        "dice_mean": _mean(c.dice for c in scores),
        "dice_median": _median(c.dice for c in scores),
        "dice_cases": _defined(c.dice for c in scores),
        "nsd_mean": _mean(c.nsd for c in scores),
        "hd95_mm_mean": _mean(c.hd95_mm for c in scores),
        "hd95_mm_median": _median(c.hd95_mm for c in scores),
        "hd95_cases": _defined(c.hd95_mm for c in scores),
        "volume_error_ml_mean": _mean(c.volume_error_ml for c in scores),
        "volume_error_ml_mean_absolute": _mean(abs(c.volume_error_ml) for c in scores),
        "volume_error_relative_mean_absolute": _mean(abs(c.volume_error_relative) for c in scores),
    }


def _kept(values: Iterable[float]) -> list[float]:
    return [v for v in values if not math.isnan(v)]


def _mean(values: Iterable[float]) -> float:
    kept = _kept(values)
    return float(np.mean(kept)) if kept else math.nan


def _median(values: Iterable[float]) -> float:
    kept = _kept(values)
    return float(np.median(kept)) if kept else math.nan


def _defined(values: Iterable[float]) -> int:
    return len(_kept(values))
