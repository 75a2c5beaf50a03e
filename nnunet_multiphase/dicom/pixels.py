"""Step 5: read a volume's voxels in HU, in the order of its grid."""

from __future__ import annotations

import numpy as np
import pydicom
import SimpleITK as sitk

from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.dicom.scan import Slice
from nnunet_multiphase.errors import InputError


def read_hu(grid: Grid, name: str) -> np.ndarray:
    """Read the pixels of sorted slices through GDCM, which knows the compressed forms and applies the rescaling.

    Args:
        grid: Sorted slices.
        name: What to call the volume in a message.

    Returns:
        HU, (z, y, x); int16 where that loses nothing, else float32.

    Raises:
        InputError: A file is cut off or cannot be decoded.
    """
    planes = []
    for part in grid.slices:
        try:
            plane = sitk.GetArrayFromImage(sitk.ReadImage(str(part.path), imageIO="GDCMImageIO"))
            _check_length(part)
        except (RuntimeError, EOFError) as error:
            raise InputError(
                f"{name}: an image file has pixels that cannot be read (cut off, or in an unknown compression); "
                "export the series again, or set use to no for it in the series table"
            ) from error
        if plane.shape != (1, part.rows, part.columns):
            raise InputError(
                f"{name}: expected slices of {part.rows} x {part.columns} grey values, found {plane.shape}; "
                "export the series again as plain CT images"
            )
        planes.append(plane[0])
    volume = np.stack(planes)
    if np.issubdtype(volume.dtype, np.floating) and not np.array_equal(volume, np.round(volume)):
        return volume.astype(np.float32)
    limits = np.iinfo(np.int16)
    if volume.min() < limits.min or volume.max() > limits.max:
        return volume.astype(np.float32)
    return volume.astype(np.int16)


def _check_length(part: Slice) -> None:
    """Make sure that uncompressed pixels are all there: GDCM makes up what is missing.

    Raises:
        EOFError: They are not.
    """
    item = pydicom.dcmread(part.path)
    expected = part.rows * part.columns * int(item.get("BitsAllocated") or 16) // 8
    if not item.file_meta.TransferSyntaxUID.is_compressed and len(item.get("PixelData") or b"") < expected:
        raise EOFError


def as_image(voxels: np.ndarray, grid: Grid) -> sitk.Image:
    """Put voxels (z, y, x) on their grid; the image carries no metadata at all."""
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin(grid.origin)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction)
    return image
