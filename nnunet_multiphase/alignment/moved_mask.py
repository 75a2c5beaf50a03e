"""Bring a mask that was drawn on another phase to the reference's grid, and see that nothing of it is lost unsaid."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError

WORTH_SAYING = 0.05
"""Of a part's volume that the end of the reference's scan cuts off: nearest neighbours alone change a lesion by less."""
MOST_CUT = 0.5
"""What is left of a part that loses more is not what was drawn."""


def bring_mask(
    mask: sitk.Image, grid: sitk.Image, transform: sitk.Transform, what: str, reference: str
) -> tuple[sitk.Image, str]:
    """Resample a mask by nearest neighbour, each connected part for itself.

    Args:
        mask: On the grid that it was drawn on.
        grid: The reference.
        transform: Reference points -> points of the mask, mm.
        what: Whose mask it is, for messages.
        reference: What the reference is called.

    Returns:
        The mask on the reference's grid, and what the end of the reference's scan cuts off of it; the empty text if nothing.

    Raises:
        InputError: A part is lost, or more than half of one lies beyond the reference's scan.
    """
    parts = sitk.ConnectedComponent(mask, True)
    moved = sitk.Resample(parts, grid, transform, sitk.sitkNearestNeighbor, 0, parts.GetPixelID())
    before, after = sitk.GetArrayViewFromImage(parts), sitk.GetArrayViewFromImage(moved)
    number = int(before.max())
    drawn_ml = _volumes_ml(before, number, parts)
    left_ml = _volumes_ml(after, number, moved)
    lost = int(np.count_nonzero(left_ml == 0))
    way_out = "choose the masks' phase as reference"
    if lost:
        raise InputError(
            f"{what}: {lost} of {number} are lost on {reference}'s grid, being outside it or thinner than its voxels; "
            f"{way_out}"
        )
    share = 1 - left_ml / drawn_ml
    cut = [part for part in _at_the_end(after) if share[part - 1] > WORTH_SAYING]
    told = [
        f"{drawn_ml[part - 1]:.2f} ml to {left_ml[part - 1]:.2f} ml"
        for part in sorted(cut, key=lambda part: -share[part - 1])
    ]
    if any(share[part - 1] > MOST_CUT for part in cut):
        raise InputError(
            f"{what}: {reference}'s scan ends amid {len(cut)} of {number} and would cut them off ({', '.join(told)}); "
            f"{way_out}"
        )
    if not told:
        return moved > 0, ""
    return (
        moved > 0,
        f"{reference}'s scan ends amid {len(cut)} of {number} lesions: {', '.join(told)} are left",
    )


def _volumes_ml(parts: np.ndarray, number: int, grid: sitk.Image) -> np.ndarray:
    """Give the volume (number,) of each part of numbered ones (z, y, x)."""
    voxel_ml = math.prod(grid.GetSpacing()) / 1000.0
    return np.bincount(parts.ravel(), minlength=number + 1)[1:] * voxel_ml


def _at_the_end(parts: np.ndarray) -> set[int]:
    """List the parts (z, y, x) that reach an outer face of their grid."""
    faces = [parts.take(place, axis) for axis in range(3) for place in (0, -1)]
    return {int(part) for face in faces for part in np.unique(face)} - {0}
