"""Layers, sample points and regions: geometry checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from registration.pyramid import shrink
from registration.region import body_region, mask_region, off_the_ends, sample_points, within
from registration.volume import Volume, index_from_world, world_from_index


def volume(values: np.ndarray, spacing_xyz: tuple[float, float, float] = (1.0, 2.0, 5.0)) -> Volume:
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return Volume(values.astype(np.float32), turn * spacing_xyz, np.array([100.0, -50.0, 7.0]))


def ramp(v: Volume) -> np.ndarray:
    """Give world x + 2 y + 3 z at each voxel: linear, so every block mean is the value at its centre."""
    index = np.argwhere(np.ones(v.values.shape, dtype=bool))
    return (world_from_index(v, index) @ [1.0, 2.0, 3.0]).reshape(v.values.shape)


def test_shrinking_keeps_values_at_their_world_places() -> None:
    empty = volume(np.zeros((9, 10, 17)))
    coarse = shrink(volume(ramp(empty)), 4.0)
    assert coarse.values.shape == (9, 5, 4)  # 5 mm stay, 2 mm by two, 1 mm by four with one left over
    np.testing.assert_allclose(coarse.spacing_mm, [4.0, 4.0, 5.0])
    np.testing.assert_allclose(coarse.values, ramp(coarse), atol=1e-4)  # float32 of values near 100


def test_shrinking_leaves_four_voxels() -> None:
    assert min(shrink(volume(np.zeros((5, 6, 7))), 50.0).values.shape) >= 4


def test_index_and_world_are_inverse() -> None:
    v = volume(np.zeros((4, 5, 6)))
    index = np.random.default_rng(0).uniform(0, 4, (10, 3))
    np.testing.assert_allclose(index_from_world(v, world_from_index(v, index)), index, atol=1e-12)


def test_widening_goes_by_millimetres() -> None:
    mask = np.zeros((5, 9, 9), dtype=bool)
    mask[2, 4, 4] = True
    widened = within(mask, np.array([5.0, 2.0, 1.0]), 4.0)
    # Half an ellipse in the slice: rows 2 mm, columns 1 mm apart; the slices at 5 mm are out of reach.
    expected = np.array([[(2 * (y - 4)) ** 2 + (x - 4) ** 2 <= 16 for x in range(9)] for y in range(9)])
    assert np.array_equal(widened[2], expected)
    assert widened.sum() == expected.sum()


def test_a_masks_region_keeps_off_the_cut_ends() -> None:
    mask = np.zeros((10, 20, 20), dtype=bool)
    mask[:8, 8:12, 8:12] = True  # cut off at the first slice
    v = volume(np.zeros(mask.shape), (2.0, 2.0, 3.0))
    region = mask_region(mask, v, margin_mm=3.0, cut_mm=6.0)
    assert not region[:2].any()  # two slices of 3 mm
    assert not region[-2:].any()
    assert region[2:8, 8:12, 8:12].all()
    assert region[5, 7, 10]  # 2 mm beyond the mask
    assert not region[5, 6, 10]  # 4 mm beyond


def test_two_slices_are_cut_off_in_any_direction() -> None:
    # The spacing of an oblique volume comes out of a norm, a rounding error beside 3 mm.
    region = np.ones((10, 4, 4), dtype=bool)
    for seed in range(50):
        axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
        v = Volume(np.zeros(region.shape, np.float32), axes * [2.0, 2.0, 3.0], np.zeros(3))
        assert (
            off_the_ends(region, v, 6.0).any(axis=(1, 2)).tolist() == [False] * 2 + [True] * 6 + [False] * 2
        )


def test_a_mask_that_lies_all_in_the_cut_is_kept() -> None:
    mask = np.zeros((10, 8, 8), dtype=bool)
    mask[0, 3:5, 3:5] = True
    assert mask_region(mask, volume(mask, (2.0, 2.0, 3.0)), margin_mm=0.0, cut_mm=6.0)[mask].all()


def test_the_body_is_the_largest_object_filled_and_with_a_rim() -> None:
    values = np.full((4, 30, 30), -1000.0)
    values[:, 8:20, 8:20] = 40.0
    values[:, 12:16, 12:16] = -800.0  # lung
    values[:, 27, :] = 200.0  # the table's shell
    body = body_region(volume(values, (5.0, 5.0, 5.0)), threshold_hu=-500.0, rim_mm=5.0)
    expected = np.zeros((30, 30), dtype=bool)
    expected[7:21, 8:20] = expected[8:20, 7:21] = True  # one voxel of rim, without the corners
    # A diamond opening takes the square's corner voxels, and the rim about them with it.
    inner = np.s_[9:19]
    assert np.array_equal(body[1][inner], expected[inner])
    assert not body[:, 25:].any()


def test_a_volume_without_body_is_taken_whole() -> None:
    assert body_region(volume(np.full((4, 9, 9), -1000.0)), threshold_hu=-500.0, rim_mm=5.0).all()


def test_sample_points_lie_in_the_regions_voxels_with_the_values_there() -> None:
    empty = volume(np.zeros((8, 9, 10)))
    v = volume(ramp(empty))
    region = np.zeros(v.values.shape, dtype=bool)
    region[3:5, 4, 5] = True
    samples = sample_points(v, region, count=5, rng=np.random.default_rng(0))
    voxels = np.rint(index_from_world(v, samples.points)).astype(int)
    assert len(voxels) == 5
    assert region[tuple(voxels.T)].all()
    # Each of the two voxels has two points, one of them a third.
    assert sorted(np.unique(voxels, axis=0, return_counts=True)[1]) == [2, 3]
    # Splines reproduce a ramp, but for the mirrored ends: three to four voxels off they are felt by 1 %.
    np.testing.assert_allclose(samples.values, samples.points @ [1.0, 2.0, 3.0], atol=0.5)


def test_an_empty_region_is_refused() -> None:
    v = volume(np.zeros((4, 4, 4)))
    with pytest.raises(ValueError, match="empty"):
        sample_points(v, v.values > 0, count=3, rng=np.random.default_rng(0))
