"""Free-form deformations: against ITK's transform, against finite differences, and against plain geometry."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from registration.free_form import (
    ControlGrid,
    bending,
    control_grid,
    displacements,
    everywhere,
    gathered,
    jacobian,
    spline_transform,
)
from registration.free_form_fit import LEVELS, Kept, refine
from registration.local_match import LocalMatch
from registration.spline import spline_coefficients
from registration.volume import Volume, world_from_index

SPACING = np.array([2.0, 3.0, 4.0])  # x, y, z
TURNED = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def box() -> Volume:
    """A textured box of 36 x 42 x 48 mm, turned by 90 degrees about z."""
    rng = np.random.default_rng(1)
    coarse = sitk.GetImageFromArray(rng.normal(0, 60, (12, 14, 18)).astype(np.float32))
    values = sitk.GetArrayFromImage(sitk.DiscreteGaussian(coarse, 1.0))
    return Volume(values, TURNED * SPACING, np.array([5.0, -20.0, 7.0]))


def random_controls(grid: ControlGrid, size_mm: float) -> np.ndarray:
    return np.random.default_rng(2).normal(0, size_mm, grid.shape) * grid.free()


def match_of(box: Volume) -> LocalMatch:
    """The box against itself, 1.4 mm aside along y, in another contrast."""
    affine = np.eye(3, 4)
    affine[1, 3] = 1.4 / box.spacing_zyx_mm[1]
    return LocalMatch(
        box.values,
        np.ones(box.values.shape, bool),
        spline_coefficients(50 - 0.5 * box.values),
        affine,
        np.diag(1 / box.spacing_zyx_mm),
        box.spacing_zyx_mm,
        window_mm=6.0,
        noise_hu=5.0,
        window_hu=(-1000.0, 1000.0),
    )


def test_displacements_are_those_of_itks_transform(box: Volume) -> None:
    grid = control_grid(box, 15.0, 30.0)
    controls = random_controls(grid, 3.0)
    field = displacements(grid, controls)
    transform = spline_transform(grid, controls, box)
    for index in ((0, 0, 0), (3, 5, 7), (11, 13, 17)):
        point = world_from_index(box, np.array([index]))[0]
        moved = np.array(transform.TransformPoint(point.tolist())) - point
        along_axes = field[(slice(None), *index)]
        np.testing.assert_allclose(box.directions @ along_axes[::-1], moved, atol=1e-4)


def test_beyond_its_control_points_nothing_moves(box: Volume) -> None:
    grid = control_grid(box, 15.0, 30.0)
    controls = random_controls(grid, 3.0)
    field = displacements(everywhere(grid, box)[0], controls)
    assert abs(field).max() > 1.0
    for axis in (1, 2, 3):
        for end in (0, -1):
            assert abs(np.take(field, end, axis=axis)).max() < 0.05  # mm: it has faded, by cubic splines
    far = (500.0, 0.0, 0.0)
    assert spline_transform(grid, controls, box).TransformPoint(far) == far


def test_gathering_is_the_transpose_of_spreading(box: Volume) -> None:
    grid = control_grid(box, 15.0, 30.0)
    controls = random_controls(grid, 1.0)
    forces = np.random.default_rng(3).normal(0, 1, (3, *box.values.shape)).astype(np.float32)
    spread = float((displacements(grid, controls) * forces).sum(dtype=np.float64))
    assert spread == pytest.approx(float((controls * gathered(grid, forces)).sum()), rel=1e-4)


def test_what_bends_nowhere_has_no_bending_energy(box: Volume) -> None:
    grid = control_grid(box, 15.0, 30.0)
    z, y, x = np.indices(grid.shape[1:]) * grid.mesh_mm
    straight = np.stack([0.1 * x, 0.2 * y - 0.1 * z, 3.0 + 0 * z])
    inner = (slice(None), *(slice(2, -2),) * 3)  # beyond the ends ITK and we take 0, which is a kink
    assert abs(bending(grid, straight)[inner]).max() < 1e-9
    # u = x^2 / 2 has the second derivative 1: half the energy's derivative of a parabola alone is 0 but the energy is not
    small = random_controls(grid, 1.0)
    assert float((small * bending(grid, small)).sum()) > 0


def test_the_jacobian_of_a_known_stretch_is_its_volume() -> None:
    z, y, x = np.indices((6, 7, 8)).astype(np.float32)
    spacing = np.array([4.0, 3.0, 2.0])
    field = np.stack([0.1 * 4 * z, -0.2 * 3 * y, 0.3 * 2 * x + 0.5 * 3 * y])  # a shear keeps the volume
    np.testing.assert_allclose(jacobian(field, spacing), 1.1 * 0.8 * 1.3, rtol=1e-5)


def test_force_is_the_misfits_slope(box: Volume) -> None:
    match, grid = match_of(box), control_grid(box, 15.0, 30.0)
    controls = random_controls(grid, 0.3)
    step = match.step(displacements(grid, controls))
    slope = -gathered(grid, step.slopes * step.force)
    for place in ((0, 4, 4, 4), (1, 4, 5, 4), (2, 4, 4, 5)):
        changed = []
        for side in (-1, 1):
            there = controls.copy()
            there[place] += side * 0.05
            changed.append(match.step(displacements(grid, there)).misfit)
        # Half the misfit: its factor of two is left out of force and stiffness alike.
        assert (changed[1] - changed[0]) / 0.1 / 2 == pytest.approx(slope[place], rel=0.03, abs=0.02)


def test_a_shift_in_another_contrast_is_found_where_the_volumes_overlap(box: Volume) -> None:
    match, grid = match_of(box), control_grid(box, 25.0, 45.0)
    found = displacements(grid, refine(grid, np.zeros(grid.shape), match, LEVELS[-1], box, ()))
    middle = (slice(None), slice(3, -3), slice(3, -3), slice(3, -3))
    apart = found[middle] - np.array([0.0, -1.4, 0.0]).reshape(3, 1, 1, 1)
    assert np.sqrt((apart**2).sum(axis=0)).mean() < 0.35  # mm: a quarter of the shift


def test_a_piece_to_be_kept_keeps_its_volume(box: Volume) -> None:
    grid = control_grid(box, 25.0, 45.0)
    match = match_of(box)
    squeezed = match.step

    def squeezing(field: np.ndarray):  # type: ignore[no-untyped-def]
        step = squeezed(field)
        z = np.indices(box.values.shape)[0] - 5.5
        pull = -0.2 * z * box.spacing_zyx_mm[0] - field[0]  # all is to shrink along z to 80 %
        slopes = np.zeros_like(step.slopes)
        slopes[0] = 1
        return type(step)(
            0.01 * float((pull**2).sum()),
            slopes,
            0.01 * pull.astype(np.float32),
            0.01 * np.ones_like(step.stiffness),
        )

    match.step = squeezing  # type: ignore[method-assign]
    piece = Kept(np.argwhere(np.ones((4, 4, 4))) + 4)
    changes = []
    for kept in ((), (piece,)):
        controls = refine(grid, np.zeros(grid.shape), match, LEVELS[-1], box, kept)
        volumes = jacobian(displacements(grid, controls), box.spacing_zyx_mm)
        changes.append(float(volumes[tuple(piece.voxels.T)].mean() - 1))
    assert changes[0] < -0.1
    assert abs(changes[1]) < 0.03
