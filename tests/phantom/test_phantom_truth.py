"""Facts about the known motion, checked against what the images and masks show."""

import dataclasses
import json

import numpy as np
import pytest
from conspicuity import grid_around
from scipy import ndimage

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phantom.cohort import Case, sample_case, truth_of
from nnunet_multiphase.phantom.lesions import sample_shape
from nnunet_multiphase.phantom.motion import Motion, locate, place, rotation_matrix
from nnunet_multiphase.phantom.render import Grid, render_hu, render_lesions, render_liver
from nnunet_multiphase.phantom.truth import liver_points_in_moving, read_truth
from nnunet_multiphase.phases import PHASES


@pytest.fixture(scope="module")
def case() -> Case:
    return sample_case(4, seed=0)


def voxel_points(grid: Grid, voxels: np.ndarray) -> np.ndarray:
    """(N, 3) physical points of (N, 3) voxel indices (z, y, x)."""
    return (voxels[:, ::-1] * grid.spacing_mm) @ grid.direction.T + grid.origin_mm


def fine(grid: Grid) -> Grid:
    """The same box with voxels of 1 mm."""
    extent = np.asarray(grid.size) * grid.spacing_mm
    nx, ny, nz = (int(v) for v in np.ceil(extent))
    return Grid((nx, ny, nz), (1.0, 1.0, 1.0), grid.origin_mm, grid.direction)


def test_two_phases_by_hand() -> None:
    still, turn = np.eye(3).tolist(), [[0, -1, 0], [1, 0, 0], [0, 0, 1]]  # 90 degrees about z: x -> y
    truth = {
        "reference": "pv",
        "motions": {
            "pv": {"rotation": still, "translation_mm": [10, 0, 0], "liver_shift_mm": [0, 0, 5]},
            "art": {"rotation": turn, "translation_mm": [0, 0, 100], "liver_shift_mm": [0, 0, -3]},
        },
    }
    # (14, 2, 6) in pv is (4, 2, 1) at rest; breath: (4, 2, -2); turned: (-2, 4, -2); shifted: (-2, 4, 98)
    assert liver_points_in_moving(truth, "art", [[14, 2, 6]]).tolist() == [[-2, 4, 98]]


def test_reference_to_itself_is_the_identity(case: Case) -> None:
    points = np.random.default_rng(0).uniform(-100, 100, (20, 3))
    mapped = liver_points_in_moving(truth_of(case), case.reference, points)
    np.testing.assert_allclose(mapped, points, atol=1e-9)  # float64 rounding of values near 100


def test_locate_undoes_place() -> None:
    motion = Motion(rotation_matrix([4, -3, 7]), np.array([10.0, -4, 200]), np.array([1.0, 2, -9]))
    points = np.random.default_rng(1).uniform(-90, 90, (20, 3))
    np.testing.assert_allclose(locate(motion, place(motion, points)), points, atol=1e-9)


def test_truth_survives_json_unrounded(case: Case) -> None:
    truth = truth_of(case)
    assert json.loads(json.dumps(truth)) == truth


@pytest.mark.parametrize("phase", PHASES)
def test_lesion_centroids_move_as_the_truth_says(case: Case, phase: str) -> None:
    truth = truth_of(case)
    lesion = max(case.patient.lesions, key=lambda lesion: lesion.radius_mm)
    centroids = {}
    for name in (case.reference, phase):
        grid = fine(grid_around(case.grids[name], case.motions[name], lesion))
        mask = render_lesions(case.patient, case.motions[name], grid, (lesion,))
        centroids[name] = voxel_points(grid, np.argwhere(mask)).mean(axis=0)
    mapped = liver_points_in_moving(truth, phase, centroids[case.reference])[0]
    # a tenth of the 1 mm voxel: the centroid of thousands of voxels is known far better than one voxel
    np.testing.assert_allclose(centroids[phase], mapped, atol=0.1)


@pytest.mark.parametrize("phase", ["nc", "pv", "dl"])
def test_a_cyst_in_the_image_lies_where_the_truth_says(case: Case, phase: str) -> None:
    # the image itself, not the mask: a noise-free rendering, cut half-way between cyst and liver
    where = max(case.patient.lesions, key=lambda lesion: lesion.radius_mm).centre
    cyst = sample_shape(np.random.default_rng(0), "cyst", where, 12.0)
    patient = dataclasses.replace(case.patient, lesions=(cyst,), mimics=())
    grid = fine(grid_around(case.grids[phase], case.motions[phase], cyst, margin_mm=0.0))
    hu = render_hu(patient, case.motions[phase], phase, grid)
    level = (6 + case.patient.organ_hu["liver"][PHASES.index(phase)]) / 2
    parts, _ = ndimage.label(hu < level)
    middle = tuple(n // 2 for n in hu.shape)
    centroid = voxel_points(grid, np.argwhere(parts == parts[middle])).mean(axis=0)
    in_reference = place(case.motions[case.reference], [cyst.centre])
    mapped = liver_points_in_moving(truth_of(case), phase, in_reference)[0]
    # a third of the 1 mm voxel: vessels beside the cyst soften its edge unevenly
    np.testing.assert_allclose(centroid, mapped, atol=0.33)


@pytest.mark.parametrize("phase", PHASES)
def test_the_reference_liver_falls_on_the_moving_liver(case: Case, phase: str) -> None:
    reference = case.grids[case.reference]
    liver = render_liver(case.patient, case.motions[case.reference], reference) > 0
    # one voxel in from the surface: the mapped point is read from the nearest voxel, up to half a voxel off
    inner = ndimage.binary_erosion(liver, np.ones((3, 3, 3)))
    points = voxel_points(reference, np.argwhere(inner))
    grid = case.grids[phase]
    mapped = liver_points_in_moving(truth_of(case), phase, points)
    index = np.rint((mapped - grid.origin_mm) @ grid.direction / grid.spacing_mm).astype(int)
    seen = ((index >= 0) & (index < grid.size)).all(axis=1)
    x, y, z = index[seen].T
    moving = render_liver(case.patient, case.motions[phase], grid)
    assert seen.mean() > 0.8
    assert moving[z, y, x].mean() > 0.999


def test_breathing_leaves_the_spine_in_place(case: Case) -> None:
    # the same body in two breath holds: vertebrae stay voxel for voxel (their front edge borders on moving organs)
    grid, motion = case.grids["pv"], case.motions["pv"]
    slab = dataclasses.replace(grid, size=(grid.size[0], grid.size[1], 6))
    breath = dataclasses.replace(motion, liver_shift_mm=motion.liver_shift_mm + np.array([0, 2, 12]))
    first, second = (render_hu(case.patient, m, "pv", slab) for m in (motion, breath))
    at = voxel_points(slab, np.argwhere(np.ones_like(first, dtype=bool)))
    body = ((at - motion.translation_mm) @ motion.rotation).reshape(*first.shape, 3)
    bone = (first > 300) & (np.abs(body[..., 0]) < 25) & (body[..., 1] > 50)
    assert bone.sum() > 100
    np.testing.assert_array_equal(first[bone], second[bone])
    assert (np.abs(first - second) > 30).mean() > 0.01  # and something else did move


def test_phases_differ_by_millimetres_of_breath_and_degrees_of_turn() -> None:
    breaths, turns = [], []
    for number in range(1, 13):
        motions = sample_case(number, seed=0).motions
        shifts = [motion.liver_shift_mm[2] for motion in motions.values()]
        breaths.append(max(shifts) - min(shifts))
        turn = motions["art"].rotation.T @ motions["pv"].rotation
        turns.append(np.degrees(np.arccos((np.trace(turn) - 1) / 2)))
    assert 8 < np.mean(breaths) <= 24
    assert 1 < np.mean(turns) < 11


def test_unknown_phase_and_missing_truth_are_named(case: Case, tmp_path) -> None:
    with pytest.raises(InputError, match="'venous'"):
        liver_points_in_moving(truth_of(case), "venous", [[0, 0, 0]])
    with pytest.raises(InputError, match=r"truth\.json"):
        read_truth(tmp_path)
