"""Facts about the clinical size: the liver's box in clinical voxels, with a scanner's noise."""

import itertools

import numpy as np
import pytest

from nnunet_multiphase.phantom.cohort import sample_case
from nnunet_multiphase.phantom.render import add_kernel_noise, render_liver
from nnunet_multiphase.phases import PHASES

PIXEL_MM, PEAK_PER_MM = 0.8, 0.25


def test_voxels_are_clinical_and_only_the_liver_is_covered() -> None:
    for number in range(1, 6):
        for grid in sample_case(number, seed=5, size="clinical").grids.values():
            assert grid.spacing_mm == (PIXEL_MM, PIXEL_MM, 2.5)
            assert max(n * mm for n, mm in zip(grid.size, grid.spacing_mm, strict=True)) < 260


@pytest.mark.parametrize("number", [1, 2])
def test_the_masks_phase_holds_the_whole_liver(number: int) -> None:
    case = sample_case(number, seed=5, size="clinical")
    liver = render_liver(case.patient, case.motions[case.reference], case.grids[case.reference])
    assert liver.any()
    for axis in range(3):
        assert not liver.take([0, -1], axis=axis).any()


def test_noise_has_the_spectrum_asked_for() -> None:
    flat = np.full((24, 128, 160), 50.0, np.float32)
    noise = add_kernel_noise(np.random.default_rng(0), flat, 12.0, pixel_mm=PIXEL_MM, peak_per_mm=PEAK_PER_MM)
    noise = noise.astype(float) - 50.0
    assert noise.std() == pytest.approx(12.0, rel=1e-3)
    assert abs(noise.mean()) < 0.1
    # Independently of how it was made: power over rings of frequency, against the formula.
    power = (np.abs(np.fft.fft2(noise)) ** 2).mean(axis=0)
    f = np.hypot(np.fft.fftfreq(128, PIXEL_MM)[:, None], np.fft.fftfreq(160, PIXEL_MM)[None])
    edges = np.arange(0.02, 0.62, 0.05)
    rings = [(f >= low) & (f < high) for low, high in itertools.pairwise(edges)]
    found = np.array([power[ring].mean() for ring in rings])
    expected = np.array([(f[ring] * np.exp(-(f[ring] ** 2) / (2 * PEAK_PER_MM**2))).mean() for ring in rings])
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), atol=0.01)


def test_cases_follow_the_seed() -> None:
    one, again, other = (sample_case(1, seed=seed, size="clinical") for seed in (5, 5, 6))
    assert [one.grids[p].origin_mm for p in PHASES] == [again.grids[p].origin_mm for p in PHASES]
    assert one.grids["pv"].origin_mm != other.grids["pv"].origin_mm
