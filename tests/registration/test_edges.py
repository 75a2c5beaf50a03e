"""The edges of a mask: agree where the match is right, whatever the contrast, and not where it is wrong."""

from __future__ import annotations

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantom import CENTRE_MM, HEADER_LIKE_NIFTI, OBLIQUE, liver_mask, rigid, scan

from registration import RegistrationSettings, edges, register
from registration.edges import REACH_MM, SMOOTHING_MM, edge_agreement
from registration.rigid import RigidMotion
from registration.volume import Volume, mask_from_image, volume_from_image, world_from_index

pytestmark = pytest.mark.slow

WINDOW = (-150.0, 250.0)
IDENTITY = np.zeros(6)


def agreement(
    reference: sitk.Image, moving: sitk.Image, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> float | None:
    """The liver's agreement when the moving volume is taken from beside its right place."""
    mask, fixed = mask_from_image(liver_mask(reference)), volume_from_image(reference)
    motion = RigidMotion(np.array([0.0, 0.0, 0.0, *shift_mm]), fixed.origin)
    return edge_agreement(mask, fixed, volume_from_image(moving), motion, window_hu=WINDOW, cut_mm=6.0)


@pytest.fixture(scope="module")
def fixed() -> sitk.Image:
    return scan()


@pytest.fixture(scope="module")
def enhanced() -> sitk.Image:
    return scan(phase=1, seed=2)


def test_it_falls_with_the_distance(fixed: sitk.Image, enhanced: sitk.Image) -> None:
    values = [agreement(fixed, enhanced, (mm * 0.6, mm * -0.48, mm * 0.64)) for mm in (0, 3, 6, 15)]
    assert all(value is not None for value in values)
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.75
    assert values[3] < 0.2


def test_a_volume_agrees_with_itself_entirely(fixed: sitk.Image) -> None:
    assert agreement(fixed, fixed) == pytest.approx(1.0, abs=1e-6)


def test_the_contrasts_sign_does_not_matter(fixed: sitk.Image, enhanced: sitk.Image) -> None:
    inverted = sitk.Cast(100 - sitk.Cast(enhanced, sitk.sitkInt32), sitk.sitkInt32)  # its window is itself
    assert agreement(fixed, inverted) == pytest.approx(agreement(fixed, enhanced), abs=1e-4)


@pytest.mark.parametrize("direction", [OBLIQUE, HEADER_LIKE_NIFTI])
def test_slices_may_be_thick_and_oblique_and_the_motion_counts_as_it_is(direction: np.ndarray) -> None:
    moved = rigid((6.0, -4.0, 8.0), (14.0, -9.0, 20.0))
    reference = scan(spacing_mm=(2.5, 3.5, 6.0), direction=direction)
    moving = scan(phase=1, seed=2, motion=moved, spacing_mm=(3.0, 3.0, 5.0), extent_mm=(280.0, 240.0, 190.0))
    mask, motion = mask_from_image(liver_mask(reference)), np.array(moved.GetParameters())
    volumes = volume_from_image(reference), volume_from_image(moving)
    options = {"window_hu": WINDOW, "cut_mm": 6.0}
    right, back, still = (
        edge_agreement(mask, *volumes, RigidMotion(m, CENTRE_MM), **options)
        for m in (motion, -motion, IDENTITY)
    )
    assert right is not None
    assert right > 0.8
    for wrong in (back, still):
        assert wrong is None or wrong < 0.3


def test_the_mask_need_not_be_drawn_exactly(fixed: sitk.Image, enhanced: sitk.Image) -> None:
    beside = sitk.TranslationTransform(
        3, (4.0, 0.0, 0.0)
    )  # 4 mm off: the edge is within reach, not on the surface
    mask = sitk.Resample(liver_mask(fixed), fixed, beside, sitk.sitkNearestNeighbor)
    volumes = volume_from_image(fixed), volume_from_image(enhanced)
    found = edge_agreement(
        mask_from_image(mask), *volumes, RigidMotion(IDENTITY, CENTRE_MM), window_hu=WINDOW, cut_mm=6.0
    )
    exact = agreement(fixed, enhanced)
    assert found is not None
    assert found == pytest.approx(exact, abs=0.05)


def test_only_edges_of_the_reference_count() -> None:
    # Half of a mask's surface lies within an organ: nothing is to be seen there, in either volume.
    mask, small = ball(35.0)
    noise = np.random.default_rng(0).normal(0, 4, small.values.shape).astype(np.float32)
    noisy = Volume(small.values + noise, small.index_to_world, small.origin)
    half = mask.copy()
    half[:, :, : mask.shape[2] // 2] = False
    found = edge_agreement(
        half, noisy, small, RigidMotion(IDENTITY, np.zeros(3)), window_hu=WINDOW, cut_mm=0.0
    )
    assert found is not None
    assert found > 0.85


def test_where_the_scan_ends_no_edge_is_looked_for() -> None:
    # The ends of this moving volume's anatomy lie 4 mm inside its last slices, as a padded one's do.
    mask, whole = ball(75.0)
    cut = whole.values.copy()
    cut[:2] = cut[-2:] = -100.0
    ended = Volume(cut, whole.index_to_world, whole.origin)
    inside, complete = (
        edge_agreement(mask, ended, whole, RigidMotion(IDENTITY, np.zeros(3)), window_hu=WINDOW, cut_mm=mm)
        for mm in (12.0, 0.0)
    )
    assert inside is not None
    assert complete is not None
    assert inside > complete + 0.05


def test_few_lines_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mask, volume = ball(8.0, size=40)
    options = {"window_hu": WINDOW, "cut_mm": 0.0}
    assert edge_agreement(mask, volume, volume, RigidMotion(IDENTITY, np.zeros(3)), **options) is None
    monkeypatch.setattr(edges, "FEWEST_LINES", 50)
    assert edge_agreement(
        mask, volume, volume, RigidMotion(IDENTITY, np.zeros(3)), **options
    ) == pytest.approx(1.0)


def test_lines_cross_the_surface_at_right_angles_on_any_grid() -> None:
    # Axes turned and exchanged, slices three times as thick as pixels are wide: a ball's directions are its radii.
    turned = OBLIQUE @ np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    volume = Volume(np.zeros((24, 70, 70), np.float32), turned * [2.0, 2.0, 6.0], np.array([5.0, -3.0, 8.0]))
    middle = world_from_index(volume, np.array([[11.5, 34.5, 34.5]]))
    index = np.argwhere(np.ones(volume.values.shape, bool))
    away = np.linalg.norm(world_from_index(volume, index) - middle, axis=1)
    points, normals = edges._surface((away < 45.0).reshape(volume.values.shape), volume, 0.0)
    radii = (points - middle) / np.linalg.norm(points - middle, axis=1, keepdims=True)
    assert len(points) > 500
    assert np.percentile((radii * normals).sum(axis=1), 5) > 0.95
    # The surface runs through the outermost voxels' middles: up to half a slice inside.
    assert 42.0 < np.linalg.norm(points - middle, axis=1).mean() < 45.0


def ball(radius_mm: float, spacing_mm: float = 2.0, size: int = 60) -> tuple[np.ndarray, Volume]:
    """A ball of 100 HU in 0 HU, its edge blurred by a Gaussian of 3 mm, and its mask."""
    axes = np.indices((size,) * 3) * spacing_mm
    depth = radius_mm - np.linalg.norm(axes - spacing_mm * (size - 1) / 2, axis=0)
    values = 100 * np.vectorize(lambda d: (1 + erf(d / (3 * sqrt(2)))) / 2)(depth)
    return depth > 0, Volume(values.astype(np.float32), np.eye(3) * spacing_mm, np.zeros(3))


@pytest.mark.parametrize("apart_mm", [1.0, 3.0, 6.0])
def test_balls_of_two_sizes_agree_as_two_bells_apart(apart_mm: float) -> None:
    mask, small = ball(35.0)
    _, large = ball(35.0 + apart_mm)
    found = edge_agreement(
        mask, small, large, RigidMotion(IDENTITY, np.zeros(3)), window_hu=WINDOW, cut_mm=0.0
    )
    # Blurred steps have bells as slopes; smoothing widens them.
    along, width = np.arange(-REACH_MM, REACH_MM + 1.0), sqrt(3.0**2 + SMOOTHING_MM**2)
    bells = [np.exp(-((along - middle) ** 2) / (2 * width**2)) for middle in (0.0, apart_mm)]
    assert found == pytest.approx(float(np.corrcoef(*bells)[0, 1]), abs=0.05)


def test_without_edges_or_data_there_is_no_answer(fixed: sitk.Image) -> None:
    flat = sitk.Image(fixed.GetSize(), sitk.sitkInt16)
    flat.CopyInformation(fixed)
    assert agreement(flat, fixed) is None
    nothing, volume = np.zeros(fixed.GetSize()[::-1], bool), volume_from_image(fixed)
    assert (
        edge_agreement(
            nothing, volume, volume, RigidMotion(IDENTITY, CENTRE_MM), window_hu=WINDOW, cut_mm=6.0
        )
        is None
    )
    assert agreement(fixed, fixed, (0.0, 0.0, 900.0)) is None


def test_a_registration_of_an_organ_tells_it_and_one_of_the_body_does_not(
    fixed: sitk.Image, enhanced: sitk.Image, settings: RegistrationSettings
) -> None:
    result = register(fixed, enhanced, reference_mask=liver_mask(fixed), settings=settings)
    assert result.evidence.edge_agreement is not None
    assert result.evidence.edge_agreement > 0.75
    assert result.verdict == "ok"
    found = register(fixed, enhanced, settings=settings)
    assert found.region == "liver"
    assert found.evidence.edge_agreement is not None
    assert found.evidence.edge_agreement > 0.6
    body = register(fixed, enhanced, settings=replace(settings, region="body"))
    assert body.evidence.edge_agreement is None
