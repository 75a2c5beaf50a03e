"""Bring volumes to one axis order, LPS, and back to the order they were stored in; no voxel is interpolated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from nnunet_multiphase.errors import InputError

AXES = "LPS"
"""Order of every volume's index axes, as near as its directions allow: to the patient's left, back and head."""

ORIGIN_STEP_MM = 0.01
"""Origins are whole multiples of it. NIfTI keeps the first voxel's place in single precision, and which voxel is the
first depends on the order: one volume stored in two orders comes back up to 0.0001 mm apart."""
TURN_STEP = 1e-5
"""The imaginary parts of an oblique direction's unit quaternion are whole multiples of it, which is 0.001 degrees: single
precision again."""
BORDER = 0.4735
"""Share of a step up to which a number goes down. At one half lie the numbers scanners write (0.125 and 0.625 mm), and
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
    if sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection()) == axes:
        return sitk.Image(image)  # ITK would copy the voxels; so they are copied only if somebody writes
    return sitk.DICOMOrient(image, axes)


def upright(image: sitk.Image) -> sitk.Image:
    """Turn a volume so that x goes to the patient's left, y to the back and z to the head, and settle its header.

    Axes are exchanged and reversed, left-handed ones too; an oblique volume stays as oblique as it is. One volume
    stored in any of the 48 orders comes out with the same header to the last bit, so that all that is computed from it
    is the same: what single precision blurs is rounded, which moves no voxel by more than 0.02 mm.

    Args:
        image: 3D, of any pixel type.

    Returns:
        The turned copy.
    """
    result = turned(image)
    before = np.array(result.GetDirection()).reshape(3, 3)
    direction = _settled_direction(before)
    result.SetSpacing(np.float32(result.GetSpacing()).tolist())
    # Turned by that little about the middle, which stays where it is.
    middle = (np.array(result.GetSize()) - 1) / 2 * result.GetSpacing()
    origin_mm = np.array(result.GetOrigin()) + (before - direction) @ middle
    result.SetOrigin(np.float32(np.round(_settled(origin_mm, ORIGIN_STEP_MM), 6)).tolist())
    # ITK would not replace a -0.0 by 0.0, being equal; between them stands a rotation without zeros.
    result.SetDirection([v / 3 for v in (2, -1, 2, 2, 2, -1, -1, 2, 2)])
    result.SetDirection(direction.ravel().tolist())
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


def _settled_direction(direction: np.ndarray) -> np.ndarray:
    """Round a rotation, 3 x 3; other matrices stay as they are."""
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4) or np.linalg.det(direction) < 0:
        return direction
    imaginary = _settled(Rotation.from_matrix(direction).as_quat(canonical=True)[:3], TURN_STEP)
    real = math.sqrt(1 - float(imaginary @ imaginary))
    return Rotation.from_quat([*imaginary, real]).as_matrix() + 0.0


def _settled(values: np.ndarray, step: float) -> np.ndarray:
    """Round numbers to whole steps; no -0.0 among them."""
    return np.floor(values / step + 1 - BORDER) * step + 0.0
