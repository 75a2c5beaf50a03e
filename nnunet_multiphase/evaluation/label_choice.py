"""Find out what the labels of predictions and truth mean, or refuse to guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.label_classes import (
    LIVER,
    LabelClasses,
    classes_of_record,
    read_record,
    whole_numbers,
)
from nnunet_multiphase.volumes.orientation import turned
from nnunet_multiphase.volumes.volume_file import read_volume
from registration.file_header import unclear_headers
from registration.volume import image_like

WAY_OUT = (
    "no dataset.json beside or above says what they mean; say which labels are lesion with --lesion-labels (liver with "
    "--liver-labels, voxels that do not count with --ignore-label)"
)


@dataclass(frozen=True)
class LabelOptions:
    """Hold what the user says of labels; None: nothing, so that a dataset.json or the files have to say it.

    Attributes:
        lesion: Values that are lesion, in truth and predictions.
        liver: Values that are liver.
        ignore: Value of voxels of the truth that count for nothing.
        prediction_lesion: Values that are lesion in the predictions, where they are numbered otherwise.
    """

    lesion: tuple[int, ...] | None = None
    liver: tuple[int, ...] | None = None
    ignore: int | None = None
    prediction_lesion: tuple[int, ...] | None = None


@dataclass(frozen=True)
class BothClasses:
    """Hold what the labels mean on either side, and who says so."""

    prediction: LabelClasses
    truth: LabelClasses
    said_by: str
    note: str = ""  # a second reading that the user should know of
    borrowed: tuple[str, ...] = ()  # "prediction", "truth": what the other side's dataset.json alone explains

    @property
    def others(self) -> list[str]:
        """Name the classes besides the lesions that both sides have and understand alike."""
        return [
            name
            for name, values in self.truth.others.items()
            if name in self.prediction.others
            and _holds_lesions(self.truth, values)
            == _holds_lesions(self.prediction, self.prediction.others[name])
        ]


def read_labels(path: Path, case: str) -> sitk.Image:
    """Read a label file, whole and with whole numbers.

    Returns:
        Its values as integers, its axes in one order: a mask may be stored in another than its phase.

    Raises:
        InputError: It cannot be read, is cut off, no 3D volume, no label file, or without a voxel size; the case is named.
    """
    try:
        for unclear in unclear_headers(path) if path.exists() else []:
            if unclear.check == "spacing":
                raise InputError(f"{path} {unclear.clause}")
        image = turned(read_volume(path, drawing=True))
        values = whole_numbers(sitk.GetArrayFromImage(image), path)
    except InputError as error:
        raise InputError(f"case {case}: {error}".replace("expected HU", "expected labels")) from error
    return image_like(values, image)


def classes_from_records(
    prediction_folder: Path | None, truth_folder: Path | None, options: LabelOptions
) -> BothClasses | None:
    """Take from dataset.json, beside or above the files, what labels mean.

    Args:
        prediction_folder, truth_folder: As given to `evaluate_folders`; None: the truth is lesion masks of their own, or
            no file at all.
        options: The user's wishes go first.

    Returns:
        None where no dataset.json says it.
    """
    of_truth = None if truth_folder is None else read_record(truth_folder, truth_folder.parent)
    of_prediction = None
    if prediction_folder is not None:
        above = [prediction_folder.parent.parent] if prediction_folder.name == "validation" else []
        of_prediction = read_record(prediction_folder, prediction_folder.parent, *above)
    sides, borrowed = [], []
    for side, own, other, lesion in (
        ("prediction", of_prediction, of_truth, options.prediction_lesion or options.lesion),
        ("truth", of_truth, of_prediction, options.lesion),
    ):
        record = own or other
        if record is None:
            return None
        if lesion is None and (own is None or own == other):
            borrowed.append(side)
        try:
            classes = (
                _said_of_borrowed(record, lesion)
                if own is None and lesion is not None
                else classes_of_record(record[1], record[0], lesion)
            )
        except InputError as error:
            if lesion is None or side == "truth" or options.prediction_lesion is not None:
                raise
            raise InputError(
                f"{error}, or say with --prediction-lesion-labels what is lesion in the predictions"
            ) from error
        others = {**classes.others, **({LIVER: options.liver} if options.liver else {})}
        ignore = classes.ignore if options.ignore is None else options.ignore
        sides.append(LabelClasses(classes.lesion, others, ignore))
    paths = dict.fromkeys(str(found[0]) for found in (of_truth, of_prediction) if found)
    return BothClasses(sides[0], sides[1], " and ".join(paths), borrowed=tuple(borrowed))


def _said_of_borrowed(record: tuple[Path, dict[str, Any]], lesion: tuple[int, ...]) -> LabelClasses:
    """Take the user's word for the lesions of files that another side's record was not written for.

    Other numbers than the record's lesions are then no class of it either, such as lesions with a number each.
    """
    path, content = record
    try:
        classes = classes_of_record(content, path, lesion)
    except InputError:
        return LabelClasses(lesion, {})
    try:
        if classes_of_record(content, path).lesion == lesion:
            return classes
    except InputError:  # no class there is called lesion: that is why the user says it
        return classes
    others = {name: values for name, values in classes.others.items() if not {*values} & {*lesion}}
    return LabelClasses(lesion, others, classes.ignore)


def classes_from_values(
    predictions: Mapping[str, Sequence[int]], truths: Mapping[str, Sequence[int]], options: LabelOptions
) -> BothClasses:
    """Take from the files what labels mean: only where there is no second reading.

    Args:
        predictions, truths: File -> the values in it.
        options: The user's wishes.

    Returns:
        With `options.lesion` the rest of the truth's values are classes of their own, called "label N". Without it, the
        one value that both sides hold is lesion.

    Raises:
        InputError: Several values and nothing that says which is lesion, or other values in truth and predictions.
    """
    ignored = set() if options.ignore is None else {options.ignore}
    of_truth, of_prediction = _foreground(truths) - ignored, _foreground(predictions) - ignored
    if options.lesion is not None:
        lesions = {*options.lesion, *(options.prediction_lesion or ())}
        if (of_truth | of_prediction) and not (of_truth | of_prediction) & lesions:
            raise InputError(
                f"--lesion-labels {' '.join(map(str, options.lesion))}: no file holds such a label, found "
                f"{listed(of_truth | of_prediction)}; correct the option"
            )
        liver = {LIVER: options.liver} if options.liver else {}
        rest = of_truth - {*options.lesion, *(options.liver or ())}
        truth = LabelClasses(
            options.lesion, {**liver, **{f"label {v}": (v,) for v in sorted(rest)}}, options.ignore
        )
        if options.prediction_lesion in (None, options.lesion):
            doubtful = options.prediction_lesion is None and of_prediction and not of_prediction & lesions
            same = " ".join(map(str, sorted(lesions)))
            note = (
                f"no prediction holds a lesion ({listed(lesions)}), only {listed(of_prediction)}; if that is lesion "
                f"there, pass --prediction-lesion-labels, else --prediction-lesion-labels {same} says so"
            )
            return BothClasses(truth, truth, "--lesion-labels", note if doubtful else "")
        further = tuple(truth.known - {0, *options.prediction_lesion, *ignored})
        prediction = LabelClasses(options.prediction_lesion, {}, options.ignore, further)
        return BothClasses(prediction, truth, "--lesion-labels and --prediction-lesion-labels")
    if options.prediction_lesion is not None and len(of_truth) <= 1:
        truth = LabelClasses(tuple(of_truth) or (1,), {}, options.ignore)
        return BothClasses(
            LabelClasses(options.prediction_lesion, {}, options.ignore), truth, "--prediction-lesion-labels"
        )
    if len(of_truth | of_prediction) <= 1:
        classes = LabelClasses(tuple(of_truth | of_prediction) or (1,), {}, options.ignore)
        return BothClasses(classes, classes, "the only value there is")
    for name, values in {**truths, **predictions}.items():
        several = {*values} - {0} - ignored
        if len(several) > 1:
            raise InputError(f"{name} holds the labels {listed(several)}, and {WAY_OUT}")
    raise InputError(
        f"the truth is marked by {listed(of_truth)}, the predictions by {listed(of_prediction)}, and {WAY_OUT}; "
        "--prediction-lesion-labels says it of the predictions alone"
    )


def classes_of_drawn_masks(
    predictions: Mapping[str, Sequence[int]],
    truths: Mapping[str, Sequence[int]],
    of_record: BothClasses | None,
    options: LabelOptions,
) -> BothClasses:
    """Say what labels mean where the truth is lesion masks of their own: 1 is lesion, whatever it is in predictions.

    Args:
        predictions, truths: File -> the values in it.
        of_record: What the predictions' dataset.json says, if there is one.
        options: The user's wishes; `lesion` is meant for the masks too where they hold other values than 1.

    Raises:
        InputError: A mask holds other values, or nothing says which of the predictions' values is lesion.
    """
    ignored = set() if options.ignore is None else {options.ignore}
    if _foreground(truths) - ignored <= {1}:
        truth = LabelClasses((1,), {}, options.ignore)
    elif options.lesion is not None:
        truth = LabelClasses(options.lesion, {}, options.ignore, options.liver or ())
    else:
        name, values = next((n, v) for n, v in truths.items() if not {*v} - ignored <= {0, 1})
        raise InputError(
            f"{name} holds the labels {listed({*values} - {0})}, expected 1 = lesion alone; say which labels are lesion "
            "with --lesion-labels (voxels that do not count with --ignore-label)"
        )
    if of_record is not None:
        return BothClasses(of_record.prediction, truth, of_record.said_by)
    lesion = options.prediction_lesion or options.lesion
    found = _foreground(predictions)
    if lesion is None and found <= {1}:
        lesion = (1,)
    if lesion is None:
        name, values = next((n, v) for n, v in predictions.items() if not {*v} <= {0, 1})
        raise InputError(f"{name} holds the labels {listed({*values} - {0})}, and {WAY_OUT}")
    liver = {LIVER: options.liver} if options.liver else {}
    return BothClasses(LabelClasses(lesion, liver, None, tuple(found)), truth, "--lesion-labels")


def refuse_unknown(
    values: np.ndarray, classes: LabelClasses, what: str, said_by: str, *, may_ignore: bool
) -> None:
    """Raise InputError where a label occurs that nothing explains.

    Args:
        values: Integers.
        classes: What they mean.
        what: Case and file, for the message.
        said_by: Who says what they mean.
        may_ignore: Whether the ignore label may occur: in a truth, not in a prediction.
    """
    known = classes.known if may_ignore else classes.known - {classes.ignore}
    unknown = sorted({int(v) for v in np.unique(values)} - known)
    if unknown:
        raise InputError(
            f"{what} holds the label{'s' * (len(unknown) > 1)} {listed(unknown)}, expected only 0 and those of "
            f"{classes.described()} ({said_by}); correct the file, or say what is lesion with --lesion-labels, "
            "and with --prediction-lesion-labels where the predictions are numbered otherwise"
        )


def _holds_lesions(classes: LabelClasses, values: Sequence[int]) -> bool:
    return bool(classes.lesion) and set(values) >= set(classes.lesion)


def _foreground(files: Mapping[str, Sequence[int]]) -> set[int]:
    return {int(value) for values in files.values() for value in values} - {0}


def listed(values: Iterable[int]) -> str:
    """Write label values for a message, the first of many."""
    shown = sorted(values)
    return ", ".join(map(str, shown[:8])) + (", ..." if len(shown) > 8 else "")
