"""Resampling whole volumes: the same numbers as ITK's and scipy's, in any parts."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantom import OBLIQUE, rigid, scan
from scipy import ndimage

from registration.resample import coverage, resample_with_coverage
from registration.whole_volume import SLICES, resample_linearly_moved

MOTION = rigid((7.0, -4.0, 3.0), (3.0, -5.0, 2.0))


@pytest.fixture(scope="module")
def moving() -> sitk.Image:
    return sitk.Cast(scan(direction=OBLIQUE, extent_mm=(90.0, 80.0, 70.0)), sitk.sitkFloat32)


@pytest.fixture(scope="module")
def reference() -> sitk.Image:
    return scan(extent_mm=(110.0, 90.0, 80.0), middle_mm=(4.0, 0.0, 3.0))


def test_values_and_coverage_are_itks(moving: sitk.Image, reference: sitk.Image) -> None:
    found, covered = resample_with_coverage(moving, reference, MOTION, fill_hu=-7.0)
    itk = sitk.GetArrayFromImage(
        sitk.Resample(moving, reference, MOTION, sitk.sitkBSpline, 0.0, sitk.sitkFloat32)
    )
    values = sitk.GetArrayViewFromImage(moving)
    expected = np.where(covered, np.clip(itk, values.min(), values.max()), -7.0)
    assert np.array_equal(covered, sitk.GetArrayFromImage(coverage(moving, reference, MOTION)) > 0)
    assert 0.2 < covered.mean() < 0.9
    np.testing.assert_allclose(sitk.GetArrayFromImage(found), expected, atol=0.01)  # HU


def test_threads_change_nothing(moving: sitk.Image, reference: sitk.Image) -> None:
    one, two, three = (
        sitk.GetArrayFromImage(resample_with_coverage(moving, reference, MOTION, threads=n)[0])
        for n in (1, 2, 3)
    )
    assert np.array_equal(one, two)
    assert np.array_equal(one, three)


@pytest.mark.parametrize(
    "shape", [(4, 4, 4), (5, 23, 7), (SLICES + 3, 9, 40), (1, 9, 8), (5, 1, 8), (5, 9, 1)]
)
def test_the_coefficients_are_itks(shape: tuple[int, int, int]) -> None:
    values = np.random.default_rng(0).normal(0.0, 100.0, shape)
    # Between voxels a spline is only right if all coefficients are, those beyond the ends too.
    affine = np.column_stack([np.eye(3), [0.25, -0.25, 0.4]])
    found = np.full(shape, np.nan)
    for slices, part, inside in resample_linearly_moved(values, affine, shape):
        found[slices] = np.where(inside, part, np.nan)
    grid = np.indices(shape) + np.array([0.25, -0.25, 0.4])[:, None, None, None]
    expected = ndimage.map_coordinates(values, grid, order=3, mode="mirror")
    assert not np.isnan(found).any()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_beyond_half_a_voxel_there_is_nothing() -> None:
    values = np.ones((6, 6, 6), np.float32)
    affine = np.column_stack([np.eye(3), [0.0, 0.0, -0.51]])
    (_, _, inside), *_ = resample_linearly_moved(values, affine, values.shape)
    assert not inside[:, :, 0].any()
    assert inside[:, :, 1:].all()
