"""Score predicted segmentations against the truth: per case, per lesion, and over a folder.

What is undefined is nan, and left out of every mean:
- truth and prediction empty: a true negative case; Dice, HD95, sensitivity, precision and F1 undefined.
- truth empty, prediction not: a false-alarm case; Dice 0, precision 0, F1 0; HD95 and sensitivity undefined.
- prediction empty, truth not: Dice 0, sensitivity 0, F1 0; HD95 and precision undefined.
- relative volume error is undefined for an empty truth.
False positives per case count every case, empty ones too. Over a folder, sensitivity, precision and F1 pool
the lesions of all cases.
"""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from monai.metrics import compute_hausdorff_distance

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.case_files import find_images, find_truths, lesion_mask
from nnunet_multiphase.evaluation.files import csv_cell, write_csv, write_json
from nnunet_multiphase.evaluation.lesions import label_lesions, lesion_table, require_same_grid
from nnunet_multiphase.evaluation.matching import IOU_THRESHOLD, match_lesions

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
        hd95_mm: the larger of the two directed 95th percentiles of the distance between the surfaces, in mm.
        truth_ml, prediction_ml: volumes in ml.
        volume_error_ml: prediction minus truth, in ml.
        volume_error_relative: the same, divided by the truth's volume.
        found, missed, false: lesions matched, missed, and predicted where none is.
        sensitivity, precision, f1: of the case's lesions, 0..1.
    """

    case: str
    dice: float
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


@dataclass(frozen=True)
class Scores:
    """Hold the scores of a set of cases, the lesions behind them and the threshold they were matched with."""

    cases: list[CaseScore]
    lesions: list[LesionScore]
    iou_threshold: float

    def summary(self) -> dict[str, float]:
        """Sum up the cases: plain numbers, nan where no case defines one."""
        found, missed, false = (sum(getattr(c, k) for c in self.cases) for k in ("found", "missed", "false"))
        sensitivity, precision, f1 = detection_rates(found, missed, false)
        return {
            "cases": len(self.cases),
            "dice_mean": _mean(c.dice for c in self.cases),
            "dice_median": _median(c.dice for c in self.cases),
            "dice_cases": _defined(c.dice for c in self.cases),
            "hd95_mm_mean": _mean(c.hd95_mm for c in self.cases),
            "hd95_mm_median": _median(c.hd95_mm for c in self.cases),
            "hd95_cases": _defined(c.hd95_mm for c in self.cases),
            "volume_error_ml_mean": _mean(c.volume_error_ml for c in self.cases),
            "volume_error_ml_mean_absolute": _mean(abs(c.volume_error_ml) for c in self.cases),
            "volume_error_relative_mean_absolute": _mean(abs(c.volume_error_relative) for c in self.cases),
            "lesions": found + missed,
            "lesions_found": found,
            "lesions_missed": missed,
            "lesions_false": false,
            "lesion_sensitivity": sensitivity,
            "lesion_precision": precision,
            "lesion_f1": f1,
            "false_positives_per_case": false / len(self.cases) if self.cases else math.nan,
            "true_negative_cases": sum(c.truth_ml == 0 and c.prediction_ml == 0 for c in self.cases),
            "false_alarm_cases": sum(c.truth_ml == 0 and c.prediction_ml > 0 for c in self.cases),
            "empty_prediction_cases": sum(c.truth_ml > 0 and c.prediction_ml == 0 for c in self.cases),
            "iou_threshold": self.iou_threshold,
        }


def evaluate_case(
    prediction: sitk.Image, truth: sitk.Image, *, case: str, iou_threshold: float = IOU_THRESHOLD
) -> tuple[CaseScore, list[LesionScore]]:
    """Score one predicted segmentation.

    Args:
        prediction, truth: 3D images on one grid; every non-zero voxel is lesion.
        case: the case's name, for the records and messages.
        iou_threshold: overlap from which a lesion counts as found.

    Returns:
        The case's scores, and one row a lesion of the truth and a false lesion.

    Raises:
        InputError: the two lie on different grids.
    """
    require_same_grid(truth, prediction, f"case {case}: truth and prediction", remedy=WRONG_GRID)
    spacing_xyz = truth.GetSpacing()
    voxel_ml = math.prod(spacing_xyz) / 1000.0
    p, t = _cropped(sitk.GetArrayFromImage(prediction) != 0, sitk.GetArrayFromImage(truth) != 0)
    p_voxels, t_voxels = int(np.count_nonzero(p)), int(np.count_nonzero(t))
    matches = match_lesions(label_lesions(p), label_lesions(t), iou_threshold=iou_threshold)
    found, missed, false = (sum(m.outcome == o for m in matches) for o in ("found", "missed", "false"))
    sensitivity, precision, f1 = detection_rates(found, missed, false)
    overlap = int(np.count_nonzero(p & t))
    error_ml = (p_voxels - t_voxels) * voxel_ml
    score = CaseScore(
        case=case,
        dice=2.0 * overlap / (p_voxels + t_voxels) if p_voxels + t_voxels else math.nan,
        hd95_mm=hd95_mm(p, t, spacing_xyz[::-1]),
        truth_ml=t_voxels * voxel_ml,
        prediction_ml=p_voxels * voxel_ml,
        volume_error_ml=error_ml,
        volume_error_relative=error_ml / (t_voxels * voxel_ml) if t_voxels else math.nan,
        found=found,
        missed=missed,
        false=false,
        sensitivity=sensitivity,
        precision=precision,
        f1=f1,
    )
    # Lesion numbers depend on sizes and scan order only, so the table of the whole image numbers them alike.
    truth_rows = {lesion.id: lesion for lesion in lesion_table(truth, {})}
    prediction_rows = {lesion.id: lesion for lesion in lesion_table(prediction, {})}
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


def evaluate_pairs(pairs: Mapping[str, tuple[Path, Path]], *, iou_threshold: float = IOU_THRESHOLD) -> Scores:
    """Score case -> (prediction file, truth file), in the order of the case names."""
    cases: list[CaseScore] = []
    lesions: list[LesionScore] = []
    for case in sorted(pairs):
        prediction, truth = (_read(path, case) for path in pairs[case])
        score, rows = evaluate_case(prediction, truth, case=case, iou_threshold=iou_threshold)
        cases.append(score)
        lesions.extend(rows)
    return Scores(cases, lesions, iou_threshold)


def evaluate_folders(
    prediction_folder: Path | str,
    truth_folder: Path | str,
    *,
    iou_threshold: float = IOU_THRESHOLD,
    partial: bool = False,
) -> Scores:
    """Score every case of a truth folder against the file of the same name in a prediction folder.

    Args:
        prediction_folder: holds <case>.nii.gz (or .nii, .mha, .nrrd).
        truth_folder: the same, or folders of cases with their lesion masks (see `find_truths`).
        iou_threshold: overlap from which a lesion counts as found.
        partial: score only the cases that both folders hold, instead of asking for all.

    Raises:
        InputError: a folder is absent or holds no image, a case lacks its counterpart, a file cannot be read,
            or prediction and truth lie on different grids.
    """
    predictions, truths = find_images(Path(prediction_folder)), find_truths(Path(truth_folder))
    common = [case for case in truths if case in predictions]
    if not partial:
        way_out = "or score only the cases both folders hold with --partial"
        missing = sorted(set(truths) - set(predictions))
        if missing:
            raise InputError(
                f"no prediction for case {_list(missing)} in {prediction_folder}, though its truth is in "
                f"{truth_folder}; predict it, {way_out}"
            )
        unknown = sorted(set(predictions) - set(truths))
        if unknown:
            raise InputError(
                f"no truth for case {_list(unknown)} in {truth_folder}, though its prediction is in "
                f"{prediction_folder}; add the truth, {way_out}"
            )
    if not common:
        raise InputError(f"{prediction_folder} and {truth_folder} have no case in common; compare file names")
    pairs = {case: (predictions[case], lesion_mask(truths[case])) for case in common}
    return evaluate_pairs(pairs, iou_threshold=iou_threshold)


def hd95_mm(prediction: np.ndarray, truth: np.ndarray, spacing_zyx: Sequence[float]) -> float:
    """Measure the 95th percentile Hausdorff distance of two (z, y, x) bool masks.

    Surfaces are the voxels with a face neighbour outside the mask; spacing in mm along z, y, x.

    Returns:
        mm; nan when either mask is empty.
    """
    if not prediction.any() or not truth.any():
        return math.nan
    p, t = (torch.from_numpy(np.ascontiguousarray(m))[None, None].float() for m in (prediction, truth))
    with warnings.catch_warnings():
        # MONAI 1.5 and 1.6 warn about a deprecated argument of their own that they pass themselves.
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy.*", category=FutureWarning)
        distance = compute_hausdorff_distance(
            p, t, include_background=True, percentile=95, spacing=[float(s) for s in spacing_zyx]
        )
    return float(distance.item())


def detection_rates(found: int, missed: int, false: int) -> tuple[float, float, float]:
    """Compute sensitivity, precision and F1 of counted lesions; nan where the denominator is 0."""
    sensitivity = found / (found + missed) if found + missed else math.nan
    precision = found / (found + false) if found + false else math.nan
    counted = 2 * found + missed + false
    return sensitivity, precision, 2 * found / counted if counted else math.nan


def write_scores(scores: Scores, folder: Path | str) -> list[Path]:
    """Write cases.csv, lesions.csv and summary.json into a folder; nan becomes an empty cell or null."""
    folder = Path(folder)
    written = []
    for name, record, rows in (
        ("cases.csv", CaseScore, scores.cases),
        ("lesions.csv", LesionScore, scores.lesions),
    ):
        header = list(record.__dataclass_fields__)
        cells = [[csv_cell(value) for value in asdict(row).values()] for row in rows]  # type: ignore[call-overload]
        written.append(write_csv(folder / name, header, cells))
    return [*written, write_json(folder / "summary.json", scores.summary())]


def _read(path: Path, case: str) -> sitk.Image:
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"case {case}: {path} cannot be read as an image; write or copy it again") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"case {case}: {path} must be a 3D label image, it has {image.GetDimension()} axes")
    return image


def _cropped(p: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut two masks to the box of their union, which changes no score and saves most of the time."""
    union = p | t
    if not union.any():
        return p[:0], t[:0]
    box = []
    for axis in range(3):
        hit = np.flatnonzero(union.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(hit[0], hit[-1] + 1))
    return p[tuple(box)], t[tuple(box)]


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


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
