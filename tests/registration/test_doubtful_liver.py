"""What was taken for the liver, and may be another organ: it is told, and nobody need be misled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from balls_in_fat import LIVER, ball, fat_with

from registration import PreparedReference, RegistrationSettings, register
from registration.liver import look_for_liver
from registration.volume import Volume


def doubtful(*balls: tuple[tuple[float, float, float], float, float]) -> bool:
    volume = fat_with(list(balls))
    organ = look_for_liver(volume, np.ones(volume.values.shape, dtype=bool))
    assert organ is not None
    return organ.doubtful


ON_THE_LEFT = (80.0, 0.0, 0.0)


@pytest.mark.parametrize("hu", [5, 30, 65], ids=["ascites or a cyst", "a stomach", "muscle"])
def test_what_is_larger_than_a_liver_beside_it_is_doubtful(hu: float) -> None:
    # Both on the right, the liver below.
    volume = Volume(
        np.full((46, 40, 50), -100, np.float32), np.diag([6.0] * 3), np.array([-147.0, -117, -147])
    )
    volume.values[ball(volume, (-60.0, 0.0, 50.0), 60.0)] = hu
    volume.values[ball(volume, (-60.0, 0.0, -75.0), 55.0)] = 110
    organ = look_for_liver(volume, np.ones(volume.values.shape, dtype=bool))
    assert organ is not None
    assert (organ.mask & ball(volume, (-60.0, 0.0, 50.0), 60.0)).sum() > 0.9 * organ.mask.sum()
    assert organ.doubtful


def test_a_stomach_on_the_right_is_doubtful_beside_a_larger_liver_on_the_left() -> None:
    # Mirrored. The piece on the left is four times as large, and lies where livers seldom do.
    assert doubtful(((-80.0, 0.0, 0.0), 42.0, 60), (ON_THE_LEFT, 58.0, 110))


@pytest.mark.parametrize("stomach_hu", [10, 50])
def test_a_liver_beside_a_full_stomach_is_not_doubtful(stomach_hu: float) -> None:
    assert not doubtful((*LIVER, 110), ((75.0, 0.0, 0.0), 60.0, stomach_hu))


def test_a_fatty_liver_beside_a_brighter_spleen_is_not_doubtful() -> None:
    assert not doubtful((*LIVER, 20), (ON_THE_LEFT, 32.0, 60))


def test_a_doubt_about_what_was_found_is_told_unless_there_is_a_mask(
    reference: sitk.Image, breathed: sitk.Image, reference_liver: sitk.Image
) -> None:
    # Few points: that it is told is asked for, not what is found.
    few = RegistrationSettings(top_samples=500, bottom_samples=2000, half_samples=200, swarms=1)
    prepared = PreparedReference(reference, few)
    assert prepared.found is not None
    prepared.found = replace(prepared.found, doubtful=True)
    found, by_mask = (register(prepared, breathed, reference_mask=mask) for mask in (None, reference_liver))
    assert "may be another organ" in found.reasons[0]
    assert found.verdict != "ok"
    assert not any("another organ" in reason for reason in by_mask.reasons)
