"""Padding that is no number below air: one value around a round picture becomes air, and what is like it stays."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from registration.padding import AIR_HU, tell_padding, without_padding

SIZE = 64


def scan(seed: int = 0) -> np.ndarray:
    """Make a body of 40 HU in noisy air, (z, y, x)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    hu = np.where((x / 22) ** 2 + (y / 16) ** 2 < 1, 40.0, -1000.0)
    return np.rint(hu + rng.normal(0, 10, (6, SIZE, SIZE))).astype(np.int16)


def outside_the_circle() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    return np.broadcast_to(np.hypot(x, y) > SIZE / 2, (6, SIZE, SIZE))


@pytest.mark.parametrize("value", [0, 3071, 3095, -500])
def test_one_value_around_the_picture_becomes_air_and_is_told(value: int) -> None:
    hu = scan()
    hu[3, 32, 30:34] = value  # within the body it is measured
    expected = np.where(outside_the_circle(), AIR_HU, hu)
    image = sitk.GetImageFromArray(np.where(outside_the_circle(), np.int16(value), hu))
    assert np.array_equal(sitk.GetArrayFromImage(without_padding(image)), expected)
    share = round(100 * outside_the_circle().mean())
    assert tell_padding(image) == (
        f"holds {value} in {share} % of its voxels, around the picture: taken as air (-1024 HU)"
    )


def test_padding_of_two_kinds_is_told_in_one_sentence() -> None:
    hu = np.where(outside_the_circle(), np.int16(0), scan())
    hu[0] = -3024
    image = sitk.GetImageFromArray(hu)
    told = tell_padding(image)
    assert "-3024 and the like in 17 % of its voxels, where nothing was seen, and 0 in" in told
    assert sitk.GetArrayFromImage(without_padding(image)).max(axis=(1, 2))[0] == AIR_HU


@pytest.mark.parametrize("value", [-1024, -1000])
def test_air_around_the_picture_is_left_and_not_told(value: int) -> None:
    image = sitk.GetImageFromArray(np.where(outside_the_circle(), np.int16(value), scan()))
    assert without_padding(image) is image
    assert tell_padding(image) == ""


def test_a_value_that_fills_a_volume_without_air_is_left() -> None:
    crop = scan()[:, 24:40, 24:40]  # within the body
    crop[:, :3] = 0
    crop[:, -3:] = 0
    image = sitk.GetImageFromArray(crop)
    assert without_padding(image) is image
    assert tell_padding(image) == ""


def test_unsigned_numbers_hold_no_air() -> None:
    image = sitk.GetImageFromArray(np.where(outside_the_circle(), 4000, 1000).astype(np.uint16))
    assert without_padding(image) is image
    assert tell_padding(image) == ""
