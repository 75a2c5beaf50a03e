"""Step 5: read a volume's voxels in HU, in the order of its grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.dicom.decode import read_file, stored_values
from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.errors import InputError


def read_hu(grid: Grid, name: str) -> np.ndarray:
    """Read the pixels of sorted slices and rescale them.

    Args:
        grid: Sorted slices.
        name: What to call the volume in a message.

    Returns:
        HU, (z, y, x); int16 where that loses nothing, else float32.

    Raises:
        InputError: A file is cut off or cannot be decoded.
    """
    planes, unreadable = [], 0
    file: tuple[Path, Any] | None = None
    for part in grid.slices:
        try:
            if file is None or file[0] != part.path:  # one file may hold many frames
                file = part.path, read_file(part.path)
            plane = stored_values(file[1], part.frame)
        except Exception:  # whatever a decoder trips over
            unreadable += 1
            continue
        if plane.shape != (part.rows, part.columns):
            raise InputError(
                f"{name}: expected slices of {part.rows} x {part.columns} grey values, found {plane.shape}; "
                "export the series again as plain CT images"
            )
        planes.append(_rescaled(plane, file[1]))
    if unreadable:
        raise InputError(
            f"{name}: {unreadable} of {len(grid.slices)} images have pixels that cannot be read (cut off, or in an "
            "unknown compression); export the series again, or set use to no for it in the series table"
        )
    volume = np.stack(planes)
    if np.issubdtype(volume.dtype, np.floating) and not np.array_equal(volume, np.round(volume)):
        return volume.astype(np.float32)
    limits = np.iinfo(np.int16)
    if volume.min() < limits.min or volume.max() > limits.max:
        return volume.astype(np.float32)
    return volume.astype(np.int16)


def _rescaled(stored: np.ndarray, item: Any) -> np.ndarray:
    """Turn stored values into HU, slice by slice; what the file does not give changes nothing."""
    slope, intercept = item.get("RescaleSlope"), item.get("RescaleIntercept")
    return stored * float(slope or 1) + float(intercept or 0)


def as_image(voxels: np.ndarray, grid: Grid) -> sitk.Image:
    """Put voxels (z, y, x) on their grid; the image carries no metadata at all."""
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin(grid.origin)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction)
    return image
