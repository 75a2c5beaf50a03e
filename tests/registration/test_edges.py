"""The edges of a mask: agree where the match is right, whatever the contrast, and not where it is wrong."""

from __future__ import annotations

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantom import liver_mask, scan

from registration import RegistrationSettings, register
from registration.edges import REACH_MM, SMOOTHING_MM, edge_agreement
from registration.volume import Volume, mask_from_image, volume_from_image

WINDOW = (-150.0, 250.0)
STILL = np.zeros(6)


def agreement(
    reference: sitk.Image, moving: sitk.Image, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> float | None:
    """The liver's agreement when the moving volume is taken from beside its right place."""
    mask, fixed = mask_from_image(liver_mask(reference)), volume_from_image(reference)
    motion = np.array([0.0, 0.0, 0.0, *shift_mm])
    return edge_agreement(
        mask, fixed, volume_from_image(moving), motion, fixed.origin, window_hu=WINDOW, cut_mm=6.0
    )


@pytest.fixture(scope="module")
def fixed() -> sitk.Image:
    return scan()


@pytest.fixture(scope="module")
def enhanced() -> sitk.Image:
    return scan(phase=1, seed=2)


def test_it_falls_with_the_distance(fixed: sitk.Image, enhanced: sitk.Image) -> None:
    values = [agreement(fixed, enhanced, (mm * 0.6, mm * -0.48, mm * 0.64)) for mm in (0, 3, 6, 15)]
    assert all(value is not None for value in values)
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.75
    assert values[3] < 0.2


def test_a_volume_agrees_with_itself_entirely(fixed: sitk.Image) -> None:
    assert agreement(fixed, fixed) == pytest.approx(1.0, abs=1e-6)


def test_the_contrasts_sign_does_not_matter(fixed: sitk.Image, enhanced: sitk.Image) -> None:
    inverted = sitk.Cast(100 - sitk.Cast(enhanced, sitk.sitkInt32), sitk.sitkInt32)  # its window is itself
    assert agreement(fixed, inverted) == pytest.approx(agreement(fixed, enhanced), abs=1e-4)


def ball(radius_mm: float, spacing_mm: float = 2.0, size: int = 60) -> tuple[np.ndarray, Volume]:
    """A ball of 100 HU in 0 HU, its edge blurred by a Gaussian of 3 mm, and its mask."""
    axes = np.indices((size,) * 3) * spacing_mm
    depth = radius_mm - np.linalg.norm(axes - spacing_mm * (size - 1) / 2, axis=0)
    values = 100 * np.vectorize(lambda d: (1 + erf(d / (3 * sqrt(2)))) / 2)(depth)
    return depth > 0, Volume(values.astype(np.float32), np.eye(3) * spacing_mm, np.zeros(3))


@pytest.mark.parametrize("apart_mm", [1.0, 3.0, 6.0])
def test_balls_of_two_sizes_agree_as_two_bells_apart(apart_mm: float) -> None:
    mask, small = ball(35.0)
    _, large = ball(35.0 + apart_mm)
    found = edge_agreement(mask, small, large, STILL, np.zeros(3), window_hu=WINDOW, cut_mm=0.0)
    # Blurred steps have bells as slopes; smoothing widens them.
    along, width = np.arange(-REACH_MM, REACH_MM + 1.0), sqrt(3.0**2 + SMOOTHING_MM**2)
    bells = [np.exp(-((along - middle) ** 2) / (2 * width**2)) for middle in (0.0, apart_mm)]
    assert found == pytest.approx(float(np.corrcoef(*bells)[0, 1]), abs=0.05)


def test_without_edges_or_data_there_is_no_answer(fixed: sitk.Image) -> None:
    flat = sitk.Image(fixed.GetSize(), sitk.sitkInt16)
    flat.CopyInformation(fixed)
    assert agreement(flat, fixed) is None
    assert agreement(fixed, fixed, (0.0, 0.0, 900.0)) is None


def test_a_registration_with_a_mask_tells_it_and_one_without_does_not(
    fixed: sitk.Image, enhanced: sitk.Image, settings: RegistrationSettings
) -> None:
    result = register(fixed, enhanced, reference_mask=liver_mask(fixed), settings=settings)
    assert result.evidence.edge_agreement is not None
    assert result.evidence.edge_agreement > 0.75
    assert result.verdict == "ok"
    body = register(fixed, enhanced, settings=replace(settings, region="body"))
    assert body.evidence.edge_agreement is None
