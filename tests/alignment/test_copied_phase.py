"""One acquisition under two phases' names is told by its noise; two acquisitions are not, however alike."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from nnunet_multiphase.alignment.align import AlignedPhases
from nnunet_multiphase.alignment.copied_phase import find_original
from nnunet_multiphase.alignment.quality import measure_phase
from registration.resample import resample_image

SHAPE = (24, 90, 90)
CONTRAST = {
    "nc": (55, 45),
    "art": (70, 230),
    "pv": (115, 160),
    "dl": (100, 125),
}  # liver, vessels and kidneys


def acquisition(phase: str, seed: int, noise_hu: float = 12.0) -> sitk.Image:
    """Make a body of 180 x 180 x 72 mm with two organs, and smooth noise of its own."""
    _, y, x = np.indices(SHAPE) - 45
    hu = np.full(SHAPE, -1000.0)
    hu[np.hypot(x, y) < 42] = 50
    hu[np.hypot(x + 16, y) < 18] = CONTRAST[phase][0]
    hu[np.hypot(x - 18, y + 4) < 12] = CONTRAST[phase][1]
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 1, SHAPE), (0, 0.6, 0.6))
    image = sitk.GetImageFromArray((hu + noise / noise.std() * noise_hu).round().astype(np.int16))
    image.SetSpacing((2.0, 2.0, 3.0))
    return image


def moved_grid() -> sitk.Image:
    """Give a grid of other pixels, whose slices lie a little aside."""
    grid = sitk.Image([100, 100, 24], sitk.sitkInt16)
    grid.SetSpacing((1.8, 1.8, 3.0))
    grid.SetOrigin((1.0, 1.0, 0.5))
    return grid


@pytest.mark.parametrize("noise_hu", [12.0, 25.0])
def test_a_copy_resampled_onto_another_grid_is_found(noise_hu: float) -> None:
    art = acquisition("art", 1, noise_hu)
    copy = resample_image(resample_image(art, moved_grid()), art)
    images = {"nc": acquisition("nc", 0, noise_hu), "art": art, "pv": copy}
    assert find_original(images, "pv") == "art"
    assert find_original(images, "art") is None


def test_a_copy_with_an_offset_is_found() -> None:
    art = acquisition("art", 1)
    assert find_original({"art": art, "pv": art + 1}, "pv") == "art"


@pytest.mark.parametrize("noise_hu", [2.0, 6.0, 25.0])
def test_two_phases_are_no_copies(noise_hu: float) -> None:
    images = {phase: acquisition(phase, seed, noise_hu) for seed, phase in enumerate(CONTRAST)}
    assert [find_original(images, phase) for phase in images] == [None] * 4


def test_two_acquisitions_of_one_phase_are_no_copies() -> None:
    """Noise tells them apart where nothing else does."""
    images = {"pv": acquisition("pv", 1, 6.0), "dl": acquisition("pv", 2, 6.0)}
    assert find_original(images, "dl") is None


def test_the_quality_table_warns_of_a_copy() -> None:
    art = acquisition("art", 1)
    images = {"art": art, "pv": art + 1}
    aligned = AlignedPhases("pv", images, {}, {}, ((0, 0, 0), art.GetSize()), art.GetSize(), 1.0)
    row = measure_phase(aligned, "pv", case="a", patient="a", split="train", centre_mm=np.zeros(3))
    assert row.warnings.startswith("seems to be a copy of art, resampled or shifted")


def test_a_phase_that_was_left_out_and_one_of_air_are_no_copies() -> None:
    air = acquisition("pv", 1) * 0 - 1024
    assert find_original({"pv": air, "dl": air}, "dl") is None
    assert find_original({"pv": air}, "dl") is None
