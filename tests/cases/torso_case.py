"""Change the files of the torso's case, which conftest.py writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import SimpleITK as sitk


def edit(path: Path, change: Callable[[sitk.Image], sitk.Image | None]) -> None:
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(change(image) or image, str(path))


def mirror(path: Path) -> None:
    """Mirror right to left under an unchanged header."""
    image = sitk.ReadImage(str(path))
    flipped = sitk.GetImageFromArray(sitk.GetArrayFromImage(image)[:, :, ::-1].copy())
    flipped.CopyInformation(image)
    sitk.WriteImage(flipped, str(path))
