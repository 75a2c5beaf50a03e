"""How far a map moves a point and how much it turns, by hand: what it stretches is no turn."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nnunet_multiphase.alignment.quality import displacement

CENTRE_MM = np.array([20.0, -30.0, 400.0])


def affine(matrix: np.ndarray, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> sitk.Transform:
    """Make a map about the centre."""
    transform = sitk.AffineTransform(3)
    transform.SetCenter(CENTRE_MM.tolist())
    transform.SetMatrix(np.asarray(matrix, float).ravel().tolist())
    transform.SetTranslation(shift_mm)
    return transform


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3) * 0.9,  # a pure shrink by 10 %
        np.eye(3) * 1.2,
        np.diag([1.0, 1.0, 0.8]),
        [[1, 0.1, 0], [0.1, 1, 0], [0, 0, 1]],  # stretched along a diagonal
    ],
)
def test_a_stretch_is_no_turn(matrix: np.ndarray) -> None:
    assert displacement(affine(matrix), CENTRE_MM) == pytest.approx((0.0, 0.0), abs=1e-6)


@given(
    st.floats(0.0, 179.0),
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    st.floats(0.7, 1.4),
)
def test_a_turn_is_found_whatever_is_stretched_besides(
    angle: float, axis: tuple[float, float, float], scale: float
) -> None:
    turn = Rotation.from_rotvec(np.radians(angle) * np.array(axis) / np.linalg.norm(axis)).as_matrix()
    _, found = displacement(affine(turn @ np.diag([scale, 1.0, 1.0])), CENTRE_MM)
    assert found == pytest.approx(angle, abs=1e-4)


def test_a_rigid_motion_is_told_as_it_is() -> None:
    transform = sitk.Euler3DTransform(CENTRE_MM.tolist(), 0.0, 0.0, np.radians(10.0), (3.0, 4.0, 0.0))
    assert displacement(transform, CENTRE_MM) == pytest.approx((5.0, 10.0))


def test_a_deformation_counts_where_the_point_is() -> None:
    """Beyond its grid, as at the world's origin, a displacement field moves nothing."""
    grid = sitk.Image((20, 20, 20), sitk.sitkVectorFloat64, 3)
    grid.SetSpacing((10.0, 10.0, 10.0))
    grid.SetOrigin((CENTRE_MM - 95).tolist())
    z, y, x = np.indices((20, 20, 20)) * 10.0 - 95
    turn = Rotation.from_euler("z", 12, degrees=True).as_matrix() - np.eye(3)
    field = sitk.GetImageFromArray(np.stack([x, y, z], -1) @ turn.T + [0.0, 0.0, 7.0], isVector=True)
    field.CopyInformation(grid)
    assert displacement(sitk.DisplacementFieldTransform(field), CENTRE_MM) == pytest.approx(
        (7.0, 12.0), abs=1e-4
    )
