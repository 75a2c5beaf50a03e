"""Bring volumes to one axis order, LPS, and back to the order they were stored in; no voxel is interpolated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError

AXES = "LPS"
"""Order of every volume's index axes, as near as its directions allow: to the patient's left, back and head."""

ORIGIN_STEP_MM = 0.01
"""Origins are whole multiples of it. NIfTI keeps the first voxel's place in single precision, and which voxel is the
first depends on the order: one volume stored in two orders comes back up to 0.0001 mm apart."""
ORIGIN_BORDER = 0.4735
"""Share of a step up to which an origin goes down. At one half lie the numbers scanners write (0.125 and 0.625 mm), and
they would go either way; here lies none of theirs."""


@dataclass(frozen=True)
class StoredGrid:
    """Hold the grid of a volume as its file has it.

    Attributes:
        size: Voxels along its index axes.
        spacing_mm: Voxel size along them.
        origin_mm: World position (x, y, z) of the first voxel.
        direction: 3 x 3 matrix, row by row; its columns are the index axes.
        axes: Where the index axes go, nearest, such as RAS or ASL.
    """

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]
    axes: str


def stored_grid(image: sitk.Image) -> StoredGrid:
    """Give the grid of a volume as it came."""
    direction = image.GetDirection()
    axes = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(direction)
    return StoredGrid(image.GetSize(), image.GetSpacing(), image.GetOrigin(), direction, axes)


def turned(image: sitk.Image, axes: str = AXES) -> sitk.Image:
    """Exchange and reverse a volume's index axes until they go as near to `axes` as they can; it stays in its place."""
    return sitk.DICOMOrient(image, axes)


def upright(image: sitk.Image) -> sitk.Image:
    """Turn a volume so that x goes to the patient's left, y to the back and z to the head, and settle its header.

    Axes are exchanged and reversed, left-handed ones too; an oblique volume stays as oblique as it is. One volume
    stored in any of the 48 orders comes out the same to the last bit of its header, so that all that is computed
    from it is the same: its origin is rounded to `ORIGIN_STEP_MM`, which moves it by 0.006 mm along an axis at most.

    Args:
        image: 3D, of any pixel type.

    Returns:
        The turned copy.
    """
    result = turned(image)
    result.SetOrigin([_settled(value) for value in result.GetOrigin()])
    direction = np.array(result.GetDirection())
    along_axes = np.rint(direction)
    if np.abs(direction - along_axes).max() < 1e-6:  # from a NIfTI's quaternion
        direction = along_axes
    # ITK would not replace a -0.0 by 0.0, being equal; between them stands a rotation without zeros.
    result.SetDirection([v / 3 for v in (2, -1, 2, 2, 2, -1, -1, 2, 2)])
    result.SetDirection((direction + 0.0).tolist())
    return result


def as_stored(image: sitk.Image, grid: StoredGrid) -> sitk.Image:
    """Turn what lies on an upright volume's grid back to the order that volume was stored in.

    Args:
        image: On the grid of `upright(volume)`.
        grid: `stored_grid(volume)`.

    Returns:
        The turned copy, with the header of `grid`.

    Raises:
        InputError: The image cannot lie on that grid.
    """
    result = turned(image, grid.axes)
    if result.GetSize() != grid.size:
        raise InputError(
            f"expected {grid.size} voxels to write on the grid as stored, found {result.GetSize()}: "
            "give an image on the upright volume's grid"
        )
    result.SetSpacing(grid.spacing_mm)
    result.SetOrigin(grid.origin_mm)
    result.SetDirection(grid.direction)
    return result


def _settled(value_mm: float) -> float:
    """Round a coordinate, mm, to a step, and to the number that NIfTI keeps of it."""
    steps = math.floor(value_mm / ORIGIN_STEP_MM + 1 - ORIGIN_BORDER)
    return float(np.float32(round(steps * ORIGIN_STEP_MM, 6))) + 0.0
