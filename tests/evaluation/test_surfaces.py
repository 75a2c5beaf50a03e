"""Surface distances against hand-made shapes and, on random ones, against scipy alone."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from nnunet_multiphase.evaluation.surfaces import hd95_mm, normalised_surface_dice

SPACING_ZYX = (4.0, 2.0, 1.0)
SHAPE = (6, 16, 30)


def box(z, y, x, depth, height, width):
    mask = np.zeros(SHAPE, bool)
    mask[z : z + depth, y : y + height, x : x + width] = True
    return mask


def blobs(seed):
    rng = np.random.default_rng(seed)
    return [ndimage.gaussian_filter(rng.normal(size=(9, 26, 31)), (1, 3, 3)) > 0.02 for _ in range(2)]


def scipy_distances(p, t, spacing_zyx):
    """Measure with scipy alone from each surface voxel to the other surface, both ways."""
    surfaces = [m & ~ndimage.binary_erosion(m) for m in (p, t)]
    to_p, to_t = (ndimage.distance_transform_edt(~s, sampling=spacing_zyx) for s in surfaces)
    return to_t[surfaces[0]], to_p[surfaces[1]]


@pytest.mark.parametrize("seed", range(4))
def test_hd95_agrees_with_scipy_on_anisotropic_blobs(seed):
    spacing_zyx = (4.0, 0.8, 1.3)
    p, t = blobs(seed)
    expected = max(np.percentile(d, 95) for d in scipy_distances(p, t, spacing_zyx))
    assert expected > 1.0
    assert hd95_mm(p, t, spacing_zyx) == pytest.approx(expected, rel=1e-5)  # MONAI computes in float32


def test_hd95_of_two_shifted_plates_is_the_shift():
    p, t = box(2, 0, 0, 1, 16, 30), box(4, 0, 0, 1, 16, 30)
    assert hd95_mm(p, t, SPACING_ZYX) == pytest.approx(8.0)


@pytest.mark.parametrize("seed", range(4))
def test_surface_dice_agrees_with_scipy_on_anisotropic_blobs(seed):
    spacing_zyx = (4.0, 0.83, 1.37)  # no distance between voxels is 2 mm
    p, t = blobs(seed)
    distances = np.concatenate(scipy_distances(p, t, spacing_zyx))
    expected = np.mean(distances <= 2.0)
    assert 0.2 < expected < 0.9
    # float32 holds the ratio
    assert normalised_surface_dice(p, t, spacing_zyx) == pytest.approx(expected, rel=1e-6)


# Ten voxels in a row of x, all of them surface: moved by 3 mm, one of ten on either side has none of the other within 2 mm.
@pytest.mark.parametrize(("dy", "dx", "expected"), [(0, 2, 1.0), (1, 0, 1.0), (0, 3, 0.9), (2, 0, 0.0)])
def test_surface_dice_of_a_shifted_row_is_the_share_within_2_mm(dy, dx, expected):
    row, moved = box(2, 5, 5, 1, 1, 10), box(2, 5 + dy, 5 + dx, 1, 1, 10)
    assert normalised_surface_dice(row, moved, SPACING_ZYX) == pytest.approx(expected)


def test_surface_dice_of_plates_beyond_the_tolerance_is_zero():
    assert normalised_surface_dice(box(2, 0, 0, 1, 16, 30), box(3, 0, 0, 1, 16, 30), SPACING_ZYX) == 0.0


def test_2_mm_but_for_the_rounding_of_a_spacing_lie_within_2_mm():
    one, other = box(2, 5, 5, 1, 1, 1), box(2, 5, 10, 1, 1, 1)
    assert normalised_surface_dice(one, other, (4.0, 0.4, 0.40001)) == 1.0  # 2.00005 mm
    assert normalised_surface_dice(one, other, (4.0, 0.4, 0.401)) == 0.0  # 2.005 mm


def test_surface_dice_without_a_surface_is_zero_and_without_both_undefined():
    empty, full = np.zeros(SHAPE, bool), box(2, 5, 5, 1, 1, 10)
    assert normalised_surface_dice(empty, full, SPACING_ZYX) == 0.0
    assert normalised_surface_dice(full, empty, SPACING_ZYX) == 0.0
    assert math.isnan(normalised_surface_dice(empty, empty, SPACING_ZYX))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_surface_measures_are_the_same_both_ways_round(seed):
    rng = np.random.default_rng(seed)
    p, t = (ndimage.binary_dilation(rng.random((5, 9, 9)) > 0.98) for _ in range(2))
    for measure in (hd95_mm, normalised_surface_dice):
        there, back = measure(p, t, SPACING_ZYX), measure(t, p, SPACING_ZYX)
        assert there == back or (math.isnan(there) and math.isnan(back))
