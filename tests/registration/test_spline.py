"""Cubic interpolation against scipy and SimpleITK."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from registration.spline import interpolate, spline_coefficients

VALUES = np.random.default_rng(0).uniform(-1000, 1000, (7, 9, 11)).astype(np.float32)
INSIDE = np.random.default_rng(1).uniform(0, 1, (500, 3)) * [6, 8, 10]
# Float32 sums of 64 products of numbers up to some 10,000 (coefficients overshoot): 1e-7 * 1e4 * a few.
TOLERANCE = 0.02


def test_interpolation_agrees_with_scipy() -> None:
    expected = ndimage.map_coordinates(VALUES.astype(np.float64), INSIDE.T, order=3, mode="mirror")
    np.testing.assert_allclose(interpolate(spline_coefficients(VALUES), INSIDE), expected, atol=TOLERANCE)


def test_interpolation_agrees_with_simpleitk() -> None:
    image = sitk.GetImageFromArray(VALUES.astype(np.float64))
    image.SetSpacing((1.0, 1.0, 1.0))
    expected = [image.EvaluateAtContinuousIndex(p[::-1].tolist(), sitk.sitkBSpline) for p in INSIDE]
    np.testing.assert_allclose(interpolate(spline_coefficients(VALUES), INSIDE), expected, atol=TOLERANCE)


def test_voxels_are_given_back_corners_included() -> None:
    everywhere = np.argwhere(np.ones(VALUES.shape, dtype=bool)).astype(np.float64)
    found = interpolate(spline_coefficients(VALUES), everywhere)
    np.testing.assert_allclose(found, VALUES.ravel(), atol=TOLERANCE)


def test_beyond_the_outermost_voxels_there_is_no_value() -> None:
    beyond = np.array([[-0.01, 3, 3], [3, 8.01, 3], [3, 3, 10.01], [1e6, 0, 0], [np.nan, 1, 1]])
    assert np.isnan(interpolate(spline_coefficients(VALUES), beyond)).all()
