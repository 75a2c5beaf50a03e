"""Step 5: read a volume's voxels in HU, in the order of its grid."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.dicom.decode import read_file, stored_values
from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.dicom.header import text_of
from nnunet_multiphase.dicom.multiframe import PIXEL_VALUES, group_of, uids_of
from nnunet_multiphase.dicom.padding import MOST_NO_HU, padding_to_air, share_of_no_hu
from nnunet_multiphase.dicom.regrid import resample_hu
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import FILL_HU
from registration.padding import AIR_BELOW, NO_HU_ABOVE, NO_HU_BELOW, reaches_edge

LARGEST_HU = 31000
"""Above it no scanner's range goes: extended ones end at 30710."""
FURTHEST = 1e6
"""Beyond it the values are of a lost rescaling, and single precision does not keep them to a tenth."""


def read_hu(grid: Grid, name: str) -> np.ndarray:
    """Read the HU alone: see `read_hu_and_remarks`."""
    return read_hu_and_remarks(grid, name)[0]


def read_hu_and_remarks(grid: Grid, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read the pixels of sorted slices, rescale them, and make air of what was not measured.

    Args:
        grid: Sorted slices.
        name: What to call the volume in a message.

    Returns:
        HU, (z, y, x); int16 where that loses nothing, else float32; and what was done to them or is odd about them,
        one phrase each.

    Raises:
        InputError: A file is cut off or cannot be decoded, or its rescaling is no number, absurd or plainly wrong.
    """
    planes, told = _read_planes(grid, name, as_hu=True)
    volume = np.stack(planes)
    furthest = float(np.abs(volume).max())
    if furthest > FURTHEST:
        raise InputError(
            f"{name}: values up to {furthest:.3g}, which are no HU: RescaleSlope or RescaleIntercept is wrong; "
            "export the series again"
        )
    volume = _smallest_type(volume)
    if (share := share_of_no_hu(volume)) > MOST_NO_HU:
        raise InputError(
            f"{name}: {100 * share:.0f} % of what was measured has values below -1500 HU, which are no padding, as they are "
            "many, and cannot be HU: RescaleIntercept seems to be wrong; export the series again, or set use to no for it "
            "in the series table"
        )
    volume, padding = padding_to_air(volume)
    for value in padding:
        told[f"padding of {value:g} HU became air"] = len(planes)
    highest = float(volume.max())
    if highest > LARGEST_HU:
        told[f"values up to {highest:.0f}, which are no HU"] = len(planes)
    return resample_hu(_smallest_type(volume), grid), tuple(told)


def read_drawing(grid: Grid, name: str) -> np.ndarray:
    """Read a mask that was stored as a series of images, with 0 as its background.

    Args:
        grid: Sorted slices.
        name: What to call the volume in a message.

    Returns:
        (z, y, x); the values as stored, or rescaled where that is what makes the lowest 0: headers are often copied
        from the images.

    Raises:
        InputError: A file is cut off or cannot be decoded.
    """
    rescaled, _ = _read_planes(grid, name, as_hu=False)
    volume = _smallest_type(np.stack(rescaled))
    if volume.min() == 0:
        return volume
    return _smallest_type(np.stack(_read_planes(grid, name, as_hu=None)[0]))


def _read_planes(grid: Grid, name: str, *, as_hu: bool | None) -> tuple[list[np.ndarray], dict[str, int]]:
    """Read slice by slice: as HU with padding as air, rescaled only (False), or as stored (None)."""
    planes: list[np.ndarray] = []
    told: dict[str, int] = {}
    unreadable = changed = 0
    file: tuple[Path, Any] | None = None
    for part in grid.slices:
        try:
            if file is None or file[0] != part.path:  # one file may hold many frames
                file = part.path, read_file(part.path)
            changed += part.uid not in uids_of(text_of(file[1], "SOPInstanceUID"), part.frame)
            plane = stored_values(file[1], part.frame)
        except Exception:  # whatever a decoder trips over
            unreadable += 1
            continue
        if plane.shape != (part.rows, part.columns):
            raise InputError(
                f"{name}: expected slices of {part.rows} x {part.columns} grey values, found {plane.shape}; "
                "export the series again as plain CT images"
            )
        try:
            slope, intercept = _rescaling(file[1], part.frame)
        except ValueError as error:
            raise InputError(
                f"{name}: RescaleSlope or RescaleIntercept of an image is no number, so that its values are no HU; "
                "export the series again"
            ) from error
        if as_hu:
            plane, remarks = _measured(plane, file[1], slope, intercept)
            for remark in remarks:
                told[remark] = told.get(remark, 0) + 1
        elif as_hu is not None:
            plane = plane * slope + intercept
        planes.append(_smallest_type(plane))  # hundreds of slices: not eight bytes a voxel
    if changed:
        raise InputError(
            f"{name}: {changed} of {len(grid.slices)} images are others than when the headers were read: something writes "
            "the files meanwhile; wait until it has ended, then run the same again"
        )
    if unreadable:
        raise InputError(
            f"{name}: {unreadable} of {len(grid.slices)} images have pixels that cannot be read (cut off, too "
            "many, or in an unknown compression); export the series again, or set use to no for it in the series table"
        )
    return planes, told


def _rescaling(item: Any, number: int) -> tuple[float, float]:
    """Give slope and intercept of a frame; what the file does not give changes nothing.

    Raises:
        ValueError: It gives what is no number.
    """
    frames = item.get("PerFrameFunctionalGroupsSequence") or []
    group = group_of(item, frames[number], PIXEL_VALUES) if number < len(frames) else None
    values = item if group is None else group
    try:
        slope, intercept = float(values.get("RescaleSlope") or 1), float(values.get("RescaleIntercept") or 0)
    except (TypeError, ValueError) as error:  # words, or several numbers
        raise ValueError("its rescaling is no number") from error
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise ValueError("its rescaling is no number")
    return slope, intercept


def _measured(stored: np.ndarray, item: Any, slope: float, intercept: float) -> tuple[np.ndarray, list[str]]:
    """Turn one slice's stored values into HU, with its padding, as the file names it, as air."""
    remarks = []
    bits = int(item.BitsAllocated)
    negative = stored * slope + intercept > LARGEST_HU
    if bits == 16 and not int(item.get("PixelRepresentation") or 0) and (stored[negative] >= 1 << 15).any():
        stored = np.where(stored >= 1 << 15, stored.astype(np.int32) - (1 << 16), stored)
        remarks.append("negative values, which the files call unsigned, were read as negative")
    hu = stored * slope + intercept
    padded = _padded(stored, item, bits)
    if padded is None or not padded.any():
        return hu, remarks
    values = hu[padded]
    if values.max() > AIR_BELOW and values.min() <= NO_HU_ABOVE:
        # A value that tissue has, too: only what lies around the picture is padding.
        padded = reaches_edge(padded[np.newaxis])[0]
    elif values.min() >= NO_HU_BELOW and values.max() <= AIR_BELOW:
        return hu, remarks  # air already
    if padded.any():
        low, high = hu[padded].min(), hu[padded].max()
        value = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        remarks.append(f"padding of {value} HU (PixelPaddingValue) became air")
        hu = np.where(padded, float(FILL_HU), hu)
    return hu, remarks


def _padded(stored: np.ndarray, item: Any, bits: int) -> np.ndarray | None:
    """Mark what PixelPaddingValue (to PixelPaddingRangeLimit) names, whether or not either side has the sign right."""
    try:
        value = int(item.PixelPaddingValue)
        limit = item.get("PixelPaddingRangeLimit")
        low, high = sorted((value, value if limit is None else int(limit)))
    except (AttributeError, TypeError, ValueError):
        return None
    whole = 1 << bits
    bare = stored.astype(np.int64) % whole
    if low == high:
        return np.asarray(bare == low % whole)
    signed = np.where(bare >= whole // 2, bare - whole, bare)
    return np.asarray(((bare >= low) & (bare <= high)) | ((signed >= low) & (signed <= high)))


def _smallest_type(volume: np.ndarray) -> np.ndarray:
    if np.issubdtype(volume.dtype, np.floating) and not np.array_equal(volume, np.round(volume)):
        return volume.astype(np.float32)
    limits = np.iinfo(np.int16)
    if volume.min() < limits.min or volume.max() > limits.max:
        return volume.astype(np.float32)
    return volume.astype(np.int16)


def as_image(voxels: np.ndarray, grid: Grid) -> sitk.Image:
    """Put voxels (z, y, x) on their grid; the image carries no metadata at all."""
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin(grid.origin)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction)
    return image
