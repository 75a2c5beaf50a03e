"""Judge whether a header's millimetres can be a CT's: a header in another unit is read as if it were right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from registration.finding import Finding
from registration.itk_name import itk_name
from registration.nifti_bytes import check_nifti_header, unit_code

LEAST_SPACING_MM, MOST_SPACING_MM = 0.1, 20.0
UNITS = {"metres": 1000.0, "centimetres": 10.0, "inches": 25.4, "micrometres": 0.001}
UNIT_CODES = {1: ("metre", 1000.0), 3: ("micrometre", 0.001)}
"""NIfTI's code of a unit that is not mm -> its name, and mm."""
PLAUSIBLE_SPACING_MM = (0.3, 12.0)
MATRICES = (512, 768, 1024)
"""Pixels of a slice as scanners make them: with 1 mm each, the field of view would be larger than any is."""
LENGTH_MM = (15.0, 2300.0)
"""Along the table: at least some slices, at most what a scanner reaches."""
MANY_SLICES = 12
BARE_SIDE_MM, BARE_LONGEST_MM = 90.0, 130.0
"""What a volume with a liver in it has along each axis, and along one of them: of crops and infants too."""


def is_bare(
    spacing_mm: Sequence[float], origin_mm: Sequence[float], direction: Sequence[float] | np.ndarray
) -> bool:
    """Tell a grid such as an array gets that is written without a header: 1 mm, the origin at 0, straight axes.

    Args:
        spacing_mm: Voxel size (x, y, z).
        origin_mm: World position of the first voxel.
        direction: Nine numbers, as SimpleITK gives them.
    """
    straight = np.eye(3).ravel()  # nibabel's np.eye(4) has x and y reversed here
    return bool(
        np.allclose(spacing_mm, 1.0, atol=1e-6)
        and np.allclose(origin_mm, 0.0, atol=1e-6)
        and np.allclose(np.abs(direction), straight, atol=1e-6)
    )


def find_implausible_size(
    spacing_mm: Sequence[float], size: Sequence[int], unit_code: int = 0, *, bare: bool = False
) -> Finding | None:
    """Say why voxels cannot be of the size that the header gives.

    Args:
        spacing_mm: Voxel size along the volume's axes (x, y, z), as it was read.
        size: Voxels along them.
        unit_code: What a NIfTI header says its numbers are; one of `UNIT_CODES` says that they were turned into mm.
        bare: Whether the header says no more than an array has, as `is_bare`.
    """
    shown = " x ".join(f"{s:.4g}" for s in spacing_mm)
    if not (np.isfinite(spacing_mm).all() and min(spacing_mm) > 0):
        return Finding(
            "spacing", f"has voxels of {shown} mm: the header gives no size; write it into the header"
        )
    if min(spacing_mm) < LEAST_SPACING_MM or max(spacing_mm) > MOST_SPACING_MM:
        low, high = PLAUSIBLE_SPACING_MM
        said, factor = UNIT_CODES.get(unit_code, ("", 1.0))
        if said and all(low <= s / factor <= high for s in spacing_mm):
            return Finding(
                "spacing",
                f"has voxels of {shown} mm, as no scanner makes: its header's unit code (xyzt_units {unit_code}) says "
                f"{said}, and its numbers seem to be mm; set the code to 2 (mm)",
            )
        unit = next((u for u, mm in UNITS.items() if all(low <= s * mm <= high for s in spacing_mm)), "")
        why = (
            f"the header seems to be in {unit}, or" if unit else "the header seems to be in another unit, or"
        )
        return Finding(
            "spacing",
            f"has voxels of {shown} mm, as no scanner makes: {why} the size is lost; write it into the header in mm",
        )
    if np.allclose(spacing_mm, 1.0, atol=1e-6) and size[0] == size[1] and size[0] in MATRICES:
        return Finding(
            "spacing",
            f"has voxels of 1 x 1 x 1 mm at {size[0]} x {size[1]} pixels, a field of view of {size[0]} mm that scanners do "
            "not have: the size seems to be lost; export it again with its header",
        )
    if bare and (min(size) < BARE_SIDE_MM or max(size) < BARE_LONGEST_MM):
        extent = " x ".join(f"{n}" for n in size)
        return lost_header(f"it would be {extent} mm, too small to hold a liver")
    length = spacing_mm[2] * size[2]
    if length > LENGTH_MM[1] or (length < LENGTH_MM[0] and size[2] >= MANY_SLICES):
        return Finding(
            "spacing",
            f"is {length:.0f} mm long ({size[2]} slices of {spacing_mm[2]:.4g} mm), where {LENGTH_MM[0]:.0f} to "
            f"{LENGTH_MM[1]:.0f} mm are expected; correct the slices' distance in the header",
        )
    return None


def lost_header(why: str) -> Finding:
    """Say that nothing of a header seems to be left, and what speaks against its 1 mm."""
    return Finding(
        "spacing",
        "has voxels of 1 x 1 x 1 mm and its first voxel at 0 0 0, as an image written from an array without its header, "
        f"and {why}: the size seems to be lost; export it again with its header",
    )


def find_implausible_file(path: Path) -> Finding | None:
    """Judge a file by its header alone; None also where it cannot be read, or is no volume: the reader says so."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # ITK's own complaints come in the reader's words
    try:
        check_nifti_header(path)
        reader.SetFileName(itk_name(path))
        reader.ReadImageInformation()
    except (RuntimeError, ValueError):
        return None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    if reader.GetDimension() < 3:
        return None
    direction = np.reshape(reader.GetDirection(), (reader.GetDimension(), -1))[:3, :3].ravel()
    spacing, origin = reader.GetSpacing()[:3], reader.GetOrigin()[:3]
    bare = is_bare(spacing, origin, direction)
    return find_implausible_size(spacing, reader.GetSize()[:3], unit_code(path), bare=bare)
