"""Offer to Python programs what is told of finished segmentations: their lesions measured, and scored against the truth.

As in `steps`, each function is the step of the same name, and reads and refuses what it is given.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.api.input import (
    Volume,
    accepted_checks,
    known_names,
    lesion_values,
    path_or_image,
    read_phases,
    read_placed,
    reference_name,
    refuse_several_values,
    tell,
    told_of_padding,
)
from nnunet_multiphase.api.kinds import refuse_other_flags, refuse_other_numbers, refuse_other_texts
from nnunet_multiphase.api.words import in_python, told_in_python
from nnunet_multiphase.errors import InputError

if TYPE_CHECKING:
    from nnunet_multiphase.cases.given import GivenPhase
    from nnunet_multiphase.evaluation.scores import Scores
    from nnunet_multiphase.measurement.record import PatientMeasures


@told_in_python
def lesion_table(
    segmentation: Volume,
    phases: Mapping[str, Volume] | None = None,
    *,
    reference: str = "",
    liver: Volume | None = None,
    lesion_labels: Iterable[int] | int | None = None,
    case: str = "",
    accept: Collection[str] = (),
) -> PatientMeasures:
    """Measure each lesion of a segmentation, whoever made it.

    Args:
        segmentation: Labels; each connected component (26 neighbours) is a lesion.
        phases: Name -> CT in HU on the segmentation's grid, for attenuation, enhancement and washout, which go by the names
            nc, art, pv and dl, in any letter case.
        reference: Phase that the segmentation was drawn on; for the record.
        liver: Mask of the whole liver on the same grid, for side, depth, burden and contrast to the liver.
        lesion_labels: Values that are lesion; None: the one value that it holds beside 0.
        case: The patient's name; for the record.
        accept: Names of the checks of plausibility (docs/data.md) that are overruled.

    Returns:
        `lesions`, from the largest to the smallest, with volume (ml), axial diameter and perpendicular (RECIST 1.1), 3-D
        diameter, centroid (LPS, mm), attenuation (HU), dynamics and what it is `cut_off` by; `liver_ml`, `burden_percent`.

    Raises:
        InputError: The volumes lie on different grids; a phase, the liver or the lesions cannot be what they are said to
            be (no HU, another size than people's, mirrored, exchanged, one volume under two names); a phase has an
            unknown name, so that enhancement would be lost; or the segmentation holds several values, or none of labels,
            and `lesion_labels` does not say which are lesion. What is only doubtful is a warning.

    >>> import nnunet_multiphase as mp
    >>> table = mp.lesion_table(
    ...     "cohort/case_001/lesions_pv.nii.gz",
    ...     {"pv": "cohort/case_001/pv.nii.gz"},
    ...     liver="cohort/case_001/liver_pv.nii.gz",
    ... )
    >>> largest = table.lesions[0]
    >>> largest.volume_ml > 0 and largest.axial.mm >= largest.perpendicular.mm
    True
    """
    from nnunet_multiphase.cases.given import judge_masks, judge_phases
    from nnunet_multiphase.measurement.ends import told_of_ends
    from nnunet_multiphase.measurement.measure import measure_patient, refuse_other_grids
    from nnunet_multiphase.prediction.liver import drawn_liver
    from nnunet_multiphase.volumes.orientation import turned

    refuse_other_texts(case=case)
    accept, names = accepted_checks(accept), known_names(phases or {}, needed=True)
    reference = names.get(reference_name(reference, names), reference)
    lesions = turned(_lesions(read_placed(segmentation, accept, drawing=True), lesion_values(lesion_labels)))
    organ = None if liver is None else turned(read_placed(liver, accept, drawing=True))
    if organ is not None:
        refuse_several_values(organ, "the liver mask")
    given = {names[name]: phase for name, phase in read_phases(phases or {}, accept, case).items()}
    images, filled = _without_filling(given)
    refuse_other_grids(lesions, images, {"the liver": organ})
    judged = judge_phases(given, accept, liver_drawn=organ is not None, aligned=True, whose=case)
    masks = {"lesions": lesions} if organ is None else {"liver": organ, "lesions": lesions}
    judge_masks(judged, masks, images, drawn_on=reference)
    table = measure_patient(
        case, reference, lesions, images, liver=None if organ is None else drawn_liver(organ, lesions)
    )
    tell(
        [
            *judged.warnings,
            *told_of_padding(given.values()),
            *filled,
            *_lesions_apart(table),
            *told_of_ends(table.lesions),
        ]
    )
    return table


def _without_filling(phases: Mapping[str, GivenPhase]) -> tuple[dict[str, sitk.Image], list[str]]:
    """Take what resampling filled with 0 for no data, and say so; else a lesion beyond it would be measured as 0 HU."""
    from nnunet_multiphase.volumes.orientation import turned
    from registration.padding import AIR_HU, without_filling, without_padding

    images, told = {}, []
    for phase, given in phases.items():
        images[phase], share = without_filling(without_padding(turned(given.image)))
        if share:
            told.append(
                f"{given.called} holds 0 HU in {max(1, round(100 * share))} % of its voxels, in pieces up to its sides, as "
                f"resampling fills where there are no data: taken as such; resample with {AIR_HU} there"
            )
    return images, told


def _lesions(labels: sitk.Image, wanted: tuple[int, ...] | None) -> sitk.Image:
    """Take what is lesion of a segmentation, or refuse to guess."""
    from nnunet_multiphase.evaluation.label_choice import listed
    from nnunet_multiphase.evaluation.lesions import lesion_image
    from nnunet_multiphase.label_classes import whole_numbers

    values = np.unique(whole_numbers(sitk.GetArrayViewFromImage(labels), "the segmentation"))
    if wanted is None and np.count_nonzero(values) > 1:
        raise InputError(
            f"the segmentation holds several values beside 0 ({', '.join(map(str, values[values != 0][:6]))}): say which "
            "are lesion with lesion_labels=[...] (all of them, if lesions are numbered)"
        )
    if wanted is not None and values.any() and not np.isin(values, wanted).any():
        warnings.warn(
            f"the segmentation holds no voxel of lesion_labels {listed(wanted)}, only {listed(values[values != 0])}",
            stacklevel=4,  # through the function that is called, and what words its refusals
        )
    return labels if wanted is None else lesion_image(labels, wanted)


def _lesions_apart(table: PatientMeasures) -> list[str]:
    """Say that nearly all of the lesions lie outside the liver."""
    from nnunet_multiphase.cases.check import MISPLACED_SHARE

    total = sum(lesion.volume_ml for lesion in table.lesions)
    outside = sum(lesion.volume_ml for lesion in table.lesions if lesion.outside_liver)
    if outside <= MISPLACED_SHARE * total:
        return []
    share = f"{100 * outside / total:.0f} % of the lesions"
    return [
        f"{share} lie outside the liver mask, which they do not touch: look whether the two belong together"
    ]


@told_in_python
def evaluate(
    prediction: Volume,
    truth: Volume,
    *,
    iou_threshold: float | None = None,
    lesion_labels: Iterable[int] | int | None = None,
    partial: bool = False,
) -> Scores:
    """Score segmentations against the truth, case by case and lesion by lesion.

    Args:
        prediction: Folder of <case>.nii.gz; or one segmentation.
        truth: The same, or a cohort's folder with its lesion masks; or the one case's truth.
        iou_threshold: Overlap from which a lesion counts as found; None: 0.1 (docs/evaluation.md).
        lesion_labels: Values that are lesion; None: as a dataset.json beside the files says, else the one value there is.
        partial: Score only the cases that both folders hold, instead of asking for all.

    Returns:
        The scores, with `summary()` (mean Dice, NSD at 2 mm, HD95, sensitivity, precision, F1, panoptic quality), `cases`
        and `lesions`. A second reading of the labels, or predictions that seem mirrored or out of date, are a warning.

    Raises:
        InputError: A case lacks its counterpart, a file is damaged, grids differ, or it is not clear what is lesion.

    >>> import nnunet_multiphase as mp
    >>> truth = "cohort/case_001/lesions_pv.nii.gz"
    >>> mp.evaluate(truth, truth).summary()["dice_mean"]
    1.0
    """
    from nnunet_multiphase.evaluation.folders import evaluate_folders, evaluate_pair
    from nnunet_multiphase.evaluation.label_choice import LabelOptions
    from nnunet_multiphase.evaluation.matching import IOU_THRESHOLD

    threshold = IOU_THRESHOLD if iou_threshold is None else iou_threshold
    refuse_other_numbers(whole=False, iou_threshold=threshold)
    if not 0 < threshold <= 1:
        raise InputError(f"iou_threshold {threshold}: expected an overlap above 0 and at most 1")
    refuse_other_flags(partial=partial)
    labels = lesion_values(lesion_labels)
    sides = [path_or_image(side) for side in (prediction, truth)]
    folders = [isinstance(side, Path) and side.is_dir() for side in sides]
    gone = next((side for side in sides if isinstance(side, Path) and not side.exists()), None)
    if gone is not None:
        raise InputError(f"{gone} does not exist: expected a folder of segmentations or one of them")
    if any(folders) and not all(folders):
        raise InputError(
            "of prediction and truth one is a folder and the other a single segmentation; give two of a kind"
        )
    if all(folders):
        scores = evaluate_folders(
            str(prediction),
            str(truth),
            iou_threshold=threshold,
            partial=partial,
            options=LabelOptions(lesion=labels),
        )
    else:
        scores = evaluate_pair(*sides, iou_threshold=threshold, lesion_labels=labels)
    if scores.note:
        warnings.warn(in_python(scores.note), stacklevel=3)
    return scores
