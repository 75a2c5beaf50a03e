"""Foreground intensities: fill values out, the method's percentiles, one seed."""

import numpy as np
import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.planning.intensities import (
    dataset_intensity_properties,
    foreground_intensities,
    intensity_properties,
)


def test_percentiles_interpolate_between_sorted_values():
    # 0..10000: the p-th percentile lies at p % of 10000.
    found = intensity_properties(np.random.default_rng(0).permutation(10001))
    assert found["percentile_00_5"] == pytest.approx(5.0)
    assert found["percentile_99_5"] == pytest.approx(9950.0)
    assert found["median"] == 5000.0
    assert found["mean"] == pytest.approx(5000.0)
    assert found["std"] == pytest.approx(np.sqrt((10001**2 - 1) / 12))  # uniform integers


def test_fill_values_and_missing_phases_are_no_tissue():
    mask = np.ones((2, 2, 2), dtype=bool)
    images = np.stack([np.arange(8.0).reshape(2, 2, 2), np.full((2, 2, 2), -1024.0), np.zeros((2, 2, 2))])
    images[0, 0, 0, 0] = -1024
    rng = np.random.default_rng(0)
    first, missing, constant = foreground_intensities(images, mask, max_voxels=100, rng=rng)
    assert sorted(first) == [1, 2, 3, 4, 5, 6, 7]
    assert len(missing) == 0
    assert len(constant) == 0


def test_large_foreground_is_sampled_without_repetition():
    images = np.arange(1000.0).reshape(1, 10, 10, 10)
    mask = images[0] >= 500
    rng = np.random.default_rng(3)
    (sample,) = foreground_intensities(images, mask, max_voxels=100, rng=rng)
    assert len(np.unique(sample)) == 100
    assert sample.min() >= 500


def test_channel_without_any_data_is_named():
    class Reader:
        def read_images(self, files):
            return np.stack([np.arange(8.0).reshape(2, 2, 2), np.full((2, 2, 2), -1024.0)]), {}

        def read_seg(self, file):
            return np.ones((1, 2, 2, 2)), {}

    cases = {"a": {"images": [], "label": ""}}
    with pytest.raises(InputError, match=r"channel 1 \(art\) has no data"):
        dataset_intensity_properties(cases, Reader, ["nc", "art"])


def test_masks_without_any_foreground_are_told_as_such():
    class Reader:
        def read_images(self, files):
            return np.arange(8.0).reshape(1, 2, 2, 2), {}

        def read_seg(self, file):
            return np.full((1, 2, 2, 2), 3), {}

    cases = {"a": {"images": [], "label": ""}, "b": {"images": [], "label": ""}}
    with pytest.raises(InputError, match="none of the masks of 2 training cases holds a foreground voxel"):
        dataset_intensity_properties(cases, Reader, ["nc"], ignore_label=3)
