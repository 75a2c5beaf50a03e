"""Setup, registration and evaluation take the same two grids for one, or none of them does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.evaluation.lesions import require_same_grid
from nnunet_multiphase.volumes.mask_file import MaskFiles, read_mask
from registration.volume import check_same_grid

SPACING_MM = (0.8, 0.8, 2.5)
"""A twentieth of the smallest is 0.04 mm."""


def grid(shift_mm: float = 0.0, *, turn: float = 0.0, stretch: float = 0.0) -> sitk.Image:
    """Make a mask of 20 x 30 x 10 voxels: shifted along x, turned about z (radians), or of longer voxels along y (mm)."""
    image = sitk.GetImageFromArray(np.zeros((10, 30, 20), np.uint8))
    image.SetSpacing((SPACING_MM[0], SPACING_MM[1] + stretch, SPACING_MM[2]))
    image.SetOrigin((-100.0 + shift_mm, 50.0, -300.0))
    image.SetDirection([np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, 1])
    return image


def by_setup(mask: sitk.Image, volume: sitk.Image, folder: Path) -> None:
    sitk.WriteImage(mask, str(folder / "mask.nrrd"))
    read_mask(MaskFiles((folder / "mask.nrrd",)), volume, "the volume")


def by_registration(mask: sitk.Image, volume: sitk.Image, _: Path) -> None:
    check_same_grid(mask, volume)


def by_evaluation(mask: sitk.Image, volume: sitk.Image, _: Path) -> None:
    require_same_grid(volume, mask, "truth and prediction")


WHO = pytest.mark.parametrize("who", [by_setup, by_registration, by_evaluation])
Who = Callable[[sitk.Image, sitk.Image, Path], None]


@WHO
@pytest.mark.parametrize(
    "mask",
    [
        grid(0.02),
        grid(0.038),
        grid(turn=0.0012),  # over 29 voxels of 0.8 mm: 0.028 mm; over the diagonal 0.033 mm
        grid(stretch=0.0012),  # times 29: 0.035 mm
    ],
)
def test_a_mask_less_than_a_twentieth_of_a_voxel_off_lies_on_the_grid(
    mask: sitk.Image, who: Who, tmp_path: Path
) -> None:
    who(mask, grid(), tmp_path)


@WHO
@pytest.mark.parametrize(
    "mask",
    [
        grid(0.05),
        grid(turn=0.002),  # 0.046 mm along y alone
        grid(stretch=0.0016),  # 0.046 mm
    ],
)
def test_a_mask_further_off_lies_on_another_grid(mask: sitk.Image, who: Who, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"grid|geometry"):
        who(mask, grid(), tmp_path)
