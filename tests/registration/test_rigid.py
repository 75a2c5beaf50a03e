"""Rigid parameters against SimpleITK's Euler3DTransform."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from registration.rigid import RigidMotion, rotation_matrices

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
    motion = RigidMotion(np.array(parameters), np.array(centre))
    np.testing.assert_allclose(motion.transform().TransformPoint(point), by_hand, atol=1e-9)
    np.testing.assert_allclose(motion.move(np.array([point, centre]))[0], by_hand, atol=1e-9)


@given(PARAMETERS, POINT, POINT, POINT)
def test_another_centre_describes_the_same_motion(
    parameters: tuple[float, ...],
    centre: tuple[float, ...],
    new_centre: tuple[float, ...],
    point: tuple[float, ...],
) -> None:
    old = RigidMotion(np.array(parameters), np.array(centre))
    new = old.about(new_centre)
    assert new.centre.tolist() == list(new_centre)
    np.testing.assert_allclose(
        new.transform().TransformPoint(point), old.transform().TransformPoint(point), atol=1e-9
    )


@given(PARAMETERS, POINT)
def test_the_same_centre_changes_no_bit(parameters: tuple[float, ...], centre: tuple[float, ...]) -> None:
    motion = RigidMotion(np.array(parameters), np.array(centre))
    assert np.array_equal(motion.about(centre).parameters, motion.parameters)


def test_many_rotations_at_once_are_those_one_by_one() -> None:
    many = np.random.default_rng(0).normal(size=(4, 6))
    one_by_one = [rotation_matrices(p)[0] for p in many]
    assert np.array_equal(rotation_matrices(many), one_by_one)


def test_quarter_turn_about_z_sends_x_to_y() -> None:
    transform = RigidMotion(np.array([0, 0, np.pi / 2, 0, 0, 0]), np.zeros(3)).transform()
    assert transform.TransformPoint((1.0, 0.0, 0.0)) == pytest.approx((0.0, 1.0, 0.0), abs=1e-12)
