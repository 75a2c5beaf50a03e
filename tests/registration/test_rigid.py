"""Rigid parameters against SimpleITK's Euler3DTransform."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from registration.rigid import recentre, rotation_matrices, transform_from_parameters

ANGLE = st.floats(-3.0, 3.0)
SHIFT = st.floats(-200.0, 200.0)
PARAMETERS = st.tuples(ANGLE, ANGLE, ANGLE, SHIFT, SHIFT, SHIFT)
POINT = st.tuples(SHIFT, SHIFT, SHIFT)


@given(PARAMETERS)
def test_rotation_is_simpleitks(parameters: tuple[float, ...]) -> None:
    expected = np.array(sitk.Euler3DTransform((0, 0, 0), *parameters[:3]).GetMatrix()).reshape(3, 3)
    np.testing.assert_allclose(rotation_matrices(parameters)[0], expected, atol=1e-12)


@given(PARAMETERS, POINT, POINT)
def test_transform_moves_points_as_its_parameters_say(
    parameters: tuple[float, ...], centre: tuple[float, ...], point: tuple[float, ...]
) -> None:
    by_hand = rotation_matrices(parameters)[0] @ np.subtract(point, centre) + centre + parameters[3:]
    found = transform_from_parameters(parameters, centre).TransformPoint(point)
    np.testing.assert_allclose(found, by_hand, atol=1e-9)


@given(PARAMETERS, POINT, POINT, POINT)
def test_another_centre_describes_the_same_motion(
    parameters: tuple[float, ...],
    centre: tuple[float, ...],
    new_centre: tuple[float, ...],
    point: tuple[float, ...],
) -> None:
    old = transform_from_parameters(parameters, centre)
    new = transform_from_parameters(recentre(parameters, centre, new_centre), new_centre)
    np.testing.assert_allclose(new.TransformPoint(point), old.TransformPoint(point), atol=1e-9)


def test_many_rotations_at_once_are_those_one_by_one() -> None:
    many = np.random.default_rng(0).normal(size=(4, 6))
    one_by_one = [rotation_matrices(p)[0] for p in many]
    assert np.array_equal(rotation_matrices(many), one_by_one)


def test_quarter_turn_about_z_sends_x_to_y() -> None:
    transform = transform_from_parameters([0, 0, np.pi / 2, 0, 0, 0], [0, 0, 0])
    assert transform.TransformPoint((1.0, 0.0, 0.0)) == pytest.approx((0.0, 1.0, 0.0), abs=1e-12)
