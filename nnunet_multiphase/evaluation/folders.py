"""Score a folder of predictions against a folder of truth, once it is clear what the labels mean."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError, first_of
from nnunet_multiphase.evaluation.borrowed import BorrowedWatch
from nnunet_multiphase.evaluation.case_files import (
    DrawnMasks,
    drawn_masks,
    find_images,
    find_truths,
    is_lesion_mask,
)
from nnunet_multiphase.evaluation.doubtful_sides import SideWatch
from nnunet_multiphase.evaluation.exchanged import ExchangeWatch
from nnunet_multiphase.evaluation.label_choice import (
    BothClasses,
    LabelOptions,
    classes_from_records,
    classes_from_values,
    classes_of_drawn_masks,
    listed,
    read_labels,
)
from nnunet_multiphase.evaluation.left_by_predict import doubts_of_labels
from nnunet_multiphase.evaluation.lesions import require_same_grid
from nnunet_multiphase.evaluation.matching import IOU_THRESHOLD
from nnunet_multiphase.evaluation.mirrored import MirrorWatch
from nnunet_multiphase.evaluation.scores import (
    CaseScore,
    ClassScore,
    LesionScore,
    Scores,
    evaluate_case,
    evaluate_classes,
)
from nnunet_multiphase.label_classes import LESION, LIVER, LabelClasses, whole_numbers
from nnunet_multiphase.volumes.mask_file import MaskFiles, read_mask
from nnunet_multiphase.volumes.orientation import turned
from nnunet_multiphase.volumes.volume_file import read_grid
from registration.volume import image_like

Place = Callable[[str, sitk.Image, sitk.Image], sitk.Image]
"""Brings a case's prediction to the grid of its truth, or refuses it."""


def evaluate_folders(
    prediction_folder: Path | str,
    truth_folder: Path | str,
    *,
    iou_threshold: float = IOU_THRESHOLD,
    partial: bool = False,
    options: LabelOptions | None = None,
) -> Scores:
    """Score every case of a truth folder against the file of the same name in a prediction folder.

    Args:
        prediction_folder: holds <case>.nii.gz (or .nii, .mha, .nrrd).
        truth_folder: the same, or folders of cases with their lesion masks (see `find_truths`).
        iou_threshold: overlap from which a lesion counts as found.
        partial: score only the cases that both folders hold, instead of asking for all.
        options: what the user says the labels mean; without it a dataset.json beside or above the files, else the one
            value that they all hold.

    Raises:
        InputError: a folder is absent or holds no image, a case lacks its counterpart, a file cannot be read,
            prediction and truth lie on different grids, or it is not clear which labels are lesion.
    """
    prediction_folder, truth_folder = Path(prediction_folder), Path(truth_folder)
    options = options or LabelOptions()
    if prediction_folder.is_dir() and truth_folder.is_dir() and prediction_folder.samefile(truth_folder):
        raise InputError(
            f"predictions and truth are one folder, {truth_folder}: all would be right; name the folder of the other"
        )
    predictions, truths = find_images(prediction_folder), find_truths(truth_folder)
    common = [case for case in truths if case in predictions]
    if not partial:
        way_out = "or score only the cases both folders hold with --partial"
        missing = sorted(set(truths) - set(predictions))
        if missing:
            raise InputError(
                f"no prediction for case {first_of(missing)} in {prediction_folder}, though its truth is in "
                f"{truth_folder}; {_nearly(missing[0], predictions) or 'predict it'}, {way_out}"
            )
        unknown = sorted(set(predictions) - set(truths))
        if unknown:
            raise InputError(
                f"no truth for case {first_of(unknown)} in {truth_folder}, though its prediction is in "
                f"{prediction_folder}; add the truth, {way_out}"
            )
    if not common:
        raise InputError(f"{prediction_folder} and {truth_folder} have no case in common; compare file names")
    are_drawn = truths[common[0]].is_dir()
    classes = classes_from_records(prediction_folder, None if are_drawn else truth_folder, options)
    if are_drawn:
        drawn = {case: drawn_masks(truths[case]) for case in common}
        scores = _evaluate_drawn(
            {case: predictions[case] for case in common}, drawn, classes, iou_threshold, options
        )
    else:
        pairs = {case: (predictions[case], truths[case]) for case in common}
        scores = evaluate_pairs(pairs, iou_threshold=iou_threshold, classes=classes, options=options)
    said = options.lesion is not None or options.prediction_lesion is not None
    counted = None if said or classes is None else classes.prediction.lesion
    doubts = doubts_of_labels(prediction_folder, common, counted)
    alone = sorted(set(predictions) - set(truths))
    left = f"not scored, for their truth is not there: {first_of(alone)}" if alone else ""
    return replace(scores, note="; ".join(filter(None, (scores.note, doubts, left))))


def evaluate_pairs(
    pairs: Mapping[str, tuple[Path, Path]],
    *,
    iou_threshold: float = IOU_THRESHOLD,
    classes: BothClasses | None = None,
    options: LabelOptions | None = None,
    place: Place | None = None,
) -> Scores:
    """Score case -> (prediction file, truth file), in the order of the case names.

    Args:
        pairs: The files.
        iou_threshold: overlap from which a lesion counts as found.
        classes: What the labels mean; None: the files have to say it (see `classes_from_values`).
        options: The user's wishes, where `classes` is None.
        place: Brings a case's prediction to the grid of its truth, or refuses it; None: it has to lie there.
    """
    if classes is None:
        predictions, truths = ({case: pair[side] for case, pair in pairs.items()} for side in (0, 1))
        classes = classes_from_values(_values(predictions), _values(truths), options or LabelOptions())
    return _scored(_read_pairs(pairs, place), classes, iou_threshold)


def _read_pairs(
    pairs: Mapping[str, tuple[Path, Path]], place: Place | None
) -> Iterator[tuple[str, sitk.Image, sitk.Image]]:
    for case in sorted(pairs):
        prediction, truth = (read_labels(path, case) for path in pairs[case])
        yield case, prediction if place is None else place(case, prediction, truth), truth


def _scored(
    sides: Iterable[tuple[str, sitk.Image, sitk.Image]], classes: BothClasses, iou_threshold: float
) -> Scores:
    """Score case, prediction and truth, one after the other."""
    cases: list[CaseScore] = []
    lesions: list[LesionScore] = []
    further: list[ClassScore] = []
    mirrors, exchanged, borrowed = MirrorWatch(), ExchangeWatch(classes), BorrowedWatch(classes)
    doubtful = SideWatch()
    for case, prediction, truth in sides:
        score, rows = evaluate_case(
            prediction, truth, case=case, iou_threshold=iou_threshold, classes=classes
        )
        cases.append(score)
        lesions.extend(rows)
        further.extend(evaluate_classes(prediction, truth, case=case, classes=classes))
        mirrors.look(prediction, truth, classes.prediction.lesion, classes.truth.lesion)
        doubtful.look(case, prediction, truth, classes.prediction.lesion, classes.truth.lesion)
        exchanged.look(prediction, truth)
        borrowed.look(case, prediction, truth)
    borrowed.refuse()
    note = "; ".join(filter(None, (classes.note, mirrors.note(), exchanged.note(), doubtful.note())))
    return Scores(cases, lesions, iou_threshold, further, _labels(classes), note)


def evaluate_pair(
    prediction: sitk.Image | Path,
    truth: sitk.Image | Path,
    *,
    iou_threshold: float = IOU_THRESHOLD,
    lesion_labels: Sequence[int] | None = None,
) -> Scores:
    """Score one segmentation against its truth.

    Args:
        prediction, truth: Labels; beside or above a file a dataset.json may lie, which says what they mean, on either side
            for both. A file called lesions_<phase> is a mask of lesions alone.
        iou_threshold: overlap from which a lesion counts as found.
        lesion_labels: Values that are lesion, whatever else there is; None: as a dataset.json says, else the one value.

    Raises:
        InputError: A file cannot be read, the two lie on different grids, or it is not clear which labels are lesion.
    """
    options = LabelOptions(lesion=None if lesion_labels is None else tuple(lesion_labels))
    beside = [side.parent if isinstance(side, Path) else None for side in (prediction, truth)]
    predicted, true = _labels_of(prediction, "the prediction"), _labels_of(truth, "the truth")
    of_prediction, of_truth = (
        _values_of(image, f"{what}, {side}" if isinstance(side, Path) else what)
        for what, side, image in (("the prediction", prediction, predicted), ("the truth", truth, true))
    )
    drawn = isinstance(truth, Path) and is_lesion_mask(truth)
    classes = classes_from_records(beside[0], None if drawn else beside[1], options)
    if drawn:
        classes = classes_of_drawn_masks(of_prediction, of_truth, classes, options)
    elif classes is None and options.lesion is not None:
        classes = _by_lesion_labels(options.lesion, of_prediction, of_truth)
    elif classes is None:
        classes = classes_from_values(of_prediction, of_truth, options)
    return _scored([("given", predicted, true)], classes, iou_threshold)


def _labels_of(side: sitk.Image | Path, what: str) -> sitk.Image:
    if isinstance(side, Path):
        return read_labels(side, "given")
    values = whole_numbers(sitk.GetArrayViewFromImage(side), what)
    return turned(image_like(values, side))


def _values_of(labels: sitk.Image, what: str) -> dict[str, Sequence[int]]:
    return {what: _held(labels)}


def _by_lesion_labels(
    lesion: tuple[int, ...], prediction: Mapping[str, Sequence[int]], truth: Mapping[str, Sequence[int]]
) -> BothClasses:
    """Take the user's word for what is lesion, and say where neither side holds it."""
    held = [{value for values in side.values() for value in values} - {0} for side in (prediction, truth)]
    of_prediction, of_truth = (
        LabelClasses(lesion, {}, None, tuple(sorted(values - {*lesion}))) for values in held
    )
    everything = held[0] | held[1]
    lacking = everything and not everything & {*lesion}
    note = f"neither holds a voxel of lesion_labels {listed(lesion)}, only {listed(everything)}"
    return BothClasses(of_prediction, of_truth, "lesion_labels", note if lacking else "")


def _evaluate_drawn(
    predictions: Mapping[str, Path],
    drawn: Mapping[str, DrawnMasks],
    of_record: BothClasses | None,
    iou_threshold: float,
    options: LabelOptions,
) -> Scores:
    """Score predictions against the masks of case folders: lesions, and the liver where there is a mask of it."""
    found = {} if of_record is not None else _values(predictions)
    masks = {
        f"case {case}: {files.lesions}": _held(_read_drawn(files.lesions, files, case, options))
        for case, files in drawn.items()
    }
    both = classes_of_drawn_masks(found, masks, of_record, options)
    liver = {name: values for name, values in both.prediction.others.items() if name == LIVER}
    cases: list[CaseScore] = []
    lesions: list[LesionScore] = []
    further: list[ClassScore] = []
    mirrors, exchanged, doubtful = MirrorWatch(), ExchangeWatch(both), SideWatch()
    for case in sorted(predictions):
        files = drawn[case]
        prediction, truth = (
            read_labels(predictions[case], case),
            _read_drawn(files.lesions, files, case, options),
        )
        score, rows = evaluate_case(prediction, truth, case=case, iou_threshold=iou_threshold, classes=both)
        cases.append(score)
        lesions.extend(rows)
        mirrors.look(prediction, truth, both.prediction.lesion, both.truth.lesion)
        doubtful.look(case, prediction, truth, both.prediction.lesion, both.truth.lesion)
        exchanged.look(prediction, truth)
        if liver and files.liver is not None:
            # The file is the whole liver; the class may be the liver around the lesions.
            mask = _read_drawn(files.liver, files, case, options)
            require_same_grid(truth, mask, f"case {case}: {files.liver.name} and {files.lesions.name}")
            organ, tumour = (sitk.GetArrayFromImage(image) for image in (mask, truth))
            is_lesion = np.isin(tumour, both.truth.lesion)
            whole = set(liver[LIVER]) >= set(both.prediction.lesion)
            values = ((organ != 0) | is_lesion) if whole else ((organ != 0) & ~is_lesion)
            numbers = values.astype(np.int32)
            if both.truth.ignore is not None:
                numbers[tumour == both.truth.ignore] = 2
            organ_truth = image_like(numbers, truth)
            # Lesions are in the numbers of the liver, or are not, as in the predictions.
            of_truth = LabelClasses((1,) if whole else (), {LIVER: (1,)}, 2)
            classes = BothClasses(both.prediction, of_truth, both.said_by)
            further.extend(evaluate_classes(prediction, organ_truth, case=case, classes=classes))
    labels = {LESION: sorted(both.prediction.lesion), **{name: sorted(v) for name, v in liver.items()}}
    note = "; ".join(filter(None, (mirrors.note(), exchanged.note(), doubtful.note())))
    return Scores(cases, lesions, iou_threshold, further, labels, note)


def _read_drawn(path: Path, files: DrawnMasks, case: str, options: LabelOptions) -> sitk.Image:
    """Read one of a case folder's masks; Slicer's, cut to what is drawn, lies where it was cut from, as 0 and 1."""
    if not path.name.lower().endswith(".seg.nrrd"):
        return read_labels(path, case)
    organ = "lesions" if path == files.lesions else "liver"
    labels = options.lesion if organ == "lesions" else options.liver
    wanted = MaskFiles((path,), labels or (1,), organ=organ)
    try:
        mask = read_mask(wanted, turned(read_grid(files.image)), files.image.name)
    except InputError as error:
        raise InputError(f"case {case}: {error}") from error
    return mask


def _values(files: Mapping[str, Path]) -> dict[str, Sequence[int]]:
    """Read which values each file holds."""
    return {f"case {case}: {path}": _held(read_labels(path, case)) for case, path in files.items()}


def _held(labels: sitk.Image) -> list[int]:
    return [int(value) for value in np.unique(sitk.GetArrayViewFromImage(labels))]


def _labels(classes: BothClasses) -> dict[str, list[int]]:
    """Say for the record which of the truth's labels were which class."""
    labels = {LESION: sorted(classes.truth.lesion)}
    labels |= {name: sorted(classes.truth.others[name]) for name in classes.others}
    return labels if classes.truth.ignore is None else {**labels, "ignore": [classes.truth.ignore]}


def _nearly(case: str, predictions: Mapping[str, Path]) -> str:
    """Name a file that only a letter's case or nnU-Net's channel number keeps from being a case's prediction."""
    for name, path in predictions.items():
        if name.lower() in (case.lower(), f"{case}_0000".lower()):
            return f"if {path.name} is it, rename it to {case}{path.name[len(name) :].lower()}"
    return ""
