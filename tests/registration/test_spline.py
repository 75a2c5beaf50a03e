"""Cubic interpolation against scipy and SimpleITK."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from registration.spline import (
    Interpolant,
    add_joint_histograms,
    interpolate,
    linear_interpolant,
    spline_coefficients,
)

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


def read_one_by_one(interpolant: Interpolant, positions: np.ndarray) -> np.ndarray:
    """Read values back from histograms of one sample each, in whose two bins a value of -1000..1000 is split."""
    count = len(positions)
    histograms, inside = np.zeros((count, 1, 1, 2)), np.zeros((count, 1), np.int64)
    motions = np.zeros((count, 3, 4), np.float32)
    motions[:, :, 3] = positions
    point = np.zeros((3, 1), np.float32)
    arguments = (point, np.zeros(1, np.int32), motions, -1000.0, 1 / 2000, 1, 0, 1, histograms, inside)
    add_joint_histograms(interpolant.table, interpolant.cubic, *arguments)
    assert inside.all()
    return histograms[:, 0, 0, 1] * 2000 - 1000


def test_linear_reading_agrees_with_scipy() -> None:
    expected = ndimage.map_coordinates(VALUES.astype(np.float64), INSIDE.T, order=1)
    # Float32 positions up to 10 and shares of 2000 HU: 1e-6 * 2000 * a few.
    np.testing.assert_allclose(read_one_by_one(linear_interpolant(VALUES), INSIDE), expected, atol=TOLERANCE)


def test_linear_reading_gives_back_voxels_corners_included() -> None:
    everywhere = np.argwhere(np.ones(VALUES.shape, dtype=bool)).astype(np.float64)
    found = read_one_by_one(linear_interpolant(VALUES), everywhere)
    np.testing.assert_allclose(found, VALUES.ravel(), atol=TOLERANCE)
