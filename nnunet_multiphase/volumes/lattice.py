"""Tell whether two grids are cuts of the same voxels, and bring labels from one to the other: nothing is interpolated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from registration.volume import SAME_GRID_VOXELS, image_like


def first_voxel(part: sitk.Image, grid: sitk.Image) -> tuple[int, ...] | None:
    """Give the voxel (x, y, z) of a grid at which another one begins, negative before it.

    Args:
        part: The other, its axes in the grid's order.
        grid: The grid; neither need hold the other.

    Returns:
        None where the voxels of the two do not lie on each other.
    """
    if not np.allclose(part.GetSpacing(), grid.GetSpacing(), rtol=1e-3):
        return None
    ends = np.diag(np.array(part.GetSize()) - 1.0)
    corners = np.array(
        [
            grid.TransformPhysicalPointToContinuousIndex(part.TransformContinuousIndexToPhysicalPoint(corner))
            for corner in ([0.0, 0.0, 0.0], *ends.tolist())
        ]
    )
    first = np.rint(corners[0]).astype(int)
    if np.abs(corners - (first + np.vstack([np.zeros(3), ends]))).max() > SAME_GRID_VOXELS:
        return None
    return tuple(int(start) for start in first)


def put_on_grid(labels: sitk.Image, grid: sitk.Image, first: Sequence[int]) -> sitk.Image:
    """Put labels on a grid that they begin at the voxel `first` of: 0 where they have none, without what is outside."""
    values = sitk.GetArrayViewFromImage(labels)
    whole = np.zeros(grid.GetSize()[::-1], values.dtype)
    mine, theirs = [], []
    for start, count, size in zip(first, labels.GetSize(), grid.GetSize(), strict=True):
        low, high = max(start, 0), max(min(start + count, size), 0)
        theirs.append(slice(low, high))
        mine.append(slice(low - start, max(high - start, 0)))
    whole[tuple(theirs[::-1])] = values[tuple(mine[::-1])]
    return image_like(whole, grid)
