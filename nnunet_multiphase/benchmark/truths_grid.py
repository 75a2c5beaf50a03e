"""Bring a prediction to the truth's grid where both are cuts of the same voxels, and refuse any other grid."""

from pathlib import Path

import SimpleITK as sitk

from nnunet_multiphase.benchmark.layout import Plan, Training, prediction_file, truth_file
from nnunet_multiphase.benchmark.place import place_of
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.lesions import require_same_grid
from nnunet_multiphase.volumes.lattice import first_voxel, put_on_grid
from nnunet_multiphase.volumes.mask_file import grid_difference
from nnunet_multiphase.volumes.orientation import stored_grid, turned
from nnunet_multiphase.volumes.volume_file import read_grid

REMEDY = (
    "expected the truth's voxels, a part of them or more around them, or those of the image predicted from; mend the "
    "header or predict again"
)


def on_truths_grid(
    work: Path, plan: Plan, training: Training, case: str, prediction: sitk.Image, truth: sitk.Image
) -> sitk.Image:
    """Give a prediction on the truth's grid.

    A dataset that was cropped otherwise has other cuts of the reference's voxels. A header that was lost may by chance lie
    on the same voxels, too: so either grid has to hold the other, or the image predicted from has to lie there.

    Args:
        work: The benchmark's folder.
        plan: Its plan.
        training: Whose prediction it is.
        case: Of which case.
        prediction: Labels, their axes in the truth's order.
        truth: Labels.

    Returns:
        The prediction itself where it lies there; otherwise a copy, 0 where it has no voxels.

    Raises:
        InputError: It lies on other voxels, or beside the truth's.
    """
    if not grid_difference(prediction, truth):
        return prediction
    first = first_voxel(prediction, truth)
    if first is not None:
        image = _predicted_from(work, plan, training, case, stored_grid(prediction).axes)
        if _belongs(prediction, truth, first, image):
            return put_on_grid(prediction, truth, first)
    what = f"{prediction_file(work, training, case)} and its truth {truth_file(work, case)}"
    require_same_grid(truth, prediction, f"case {case}: {what}", remedy=REMEDY)
    return prediction


def _belongs(
    prediction: sitk.Image, truth: sitk.Image, first: tuple[int, ...], image: sitk.Image | None
) -> bool:
    """Tell whether a prediction that begins at a voxel of the truth's grid can be meant to."""
    spans = list(zip(first, prediction.GetSize(), truth.GetSize(), strict=True))
    inside = all(start >= 0 and start + count <= size for start, count, size in spans)
    around = all(start <= 0 and start + count >= size for start, count, size in spans)
    meets = all(start < size and start + count > 0 for start, count, size in spans)
    return inside or around or (meets and image is not None and not grid_difference(prediction, image))


def _predicted_from(work: Path, plan: Plan, training: Training, case: str, axes: str) -> sitk.Image | None:
    """Give the grid, without values, of the image that a case was predicted from; None where it is not there any more."""
    if training.contestant not in plan.places:
        return None
    try:
        return turned(read_grid(place_of(work, plan, training.contestant).images(case)[0]), axes)
    except (InputError, OSError):
        return None
