"""Resampling: identities, ranges, and what lies outside."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantom import OBLIQUE, rigid, scan
from scipy import ndimage

from registration.resample import coverage, resample_image, resample_labels


@pytest.fixture(scope="module")
def image() -> sitk.Image:
    return scan(direction=OBLIQUE, extent_mm=(80.0, 60.0, 50.0), middle_mm=(-30.0, 0.0, 0.0))


def as_array(i: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(i)


def test_an_image_on_its_own_grid_stays_as_it_is(image: sitk.Image) -> None:
    assert np.array_equal(as_array(resample_image(image, image)), as_array(image))


def test_a_shift_by_whole_voxels_moves_the_voxels(image: sitk.Image) -> None:
    axis_x = np.array(image.GetDirection()).reshape(3, 3)[:, 0] * image.GetSpacing()[0]
    shift = sitk.TranslationTransform(3, (2 * axis_x).tolist())
    moved = as_array(resample_image(image, image, shift))
    assert np.array_equal(moved[:, :, :-2], as_array(image)[:, :, 2:])
    assert (moved[:, :, -2:] == -1024).all()


def test_type_and_range_are_the_movings_own(image: sitk.Image) -> None:
    moved = resample_image(image, scan(phase=1), rigid((5.0, 3.0, 2.0), (4.0, -3.0, 2.0)), fill_hu=-1024.0)
    inside = as_array(coverage(image, scan(phase=1), rigid((5.0, 3.0, 2.0), (4.0, -3.0, 2.0)))) > 0
    assert moved.GetPixelID() == image.GetPixelID()
    assert inside.any()
    assert as_array(moved)[inside].min() >= as_array(image).min()
    assert as_array(moved)[inside].max() <= as_array(image).max()
    assert (as_array(moved)[~inside] == -1024).all()


@pytest.mark.parametrize("padding_hu", [-2000, -3024, -32768])
@pytest.mark.parametrize("bent", [False, True])
def test_padding_is_air_and_rings_into_nothing(image: sitk.Image, padding_hu: int, bent: bool) -> None:
    padded, air = (sitk.Image(image) for _ in range(2))
    padded[:7, :, :], air[:7, :, :] = padding_hu, -1024
    motion: sitk.Transform = rigid((4.0, 0.0, 0.0), (1.0, 0.5, 0.3))
    if bent:  # a transform that is not linear goes another way
        motion = sitk.CompositeTransform([motion, sitk.BSplineTransformInitializer(image, [2, 2, 2])])
    moved = as_array(resample_image(padded, image, motion))
    assert np.array_equal(moved, as_array(resample_image(air, image, motion)))
    assert moved.min() == -1024


def test_a_volume_that_holds_nothing_else_is_not_taken_for_padding(image: sitk.Image) -> None:
    low = sitk.Cast(image, sitk.sitkInt16) - 8192
    assert np.array_equal(as_array(resample_image(low, image)), as_array(low))


def test_the_spline_agrees_with_scipys(image: sitk.Image) -> None:
    motion = rigid((4.0, 0.0, 0.0), (1.0, 0.5, 0.3))
    values = as_array(image).astype(np.float64)
    index_to_world = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    index = np.argwhere(np.ones(values.shape, dtype=bool))[:, ::-1]
    world = index @ index_to_world.T + image.GetOrigin()
    moved = np.array([motion.TransformPoint(point) for point in world.tolist()])
    position = (np.linalg.inv(index_to_world) @ (moved - image.GetOrigin()).T)[::-1]  # z, y, x
    expected = ndimage.map_coordinates(values, position, order=3, mode="mirror")
    expected = np.clip(expected, values.min(), values.max())
    ends = np.array(values.shape)[:, None] - 1
    inside = ((position >= 2) & (position <= ends - 2)).all(axis=0)  # what lies beyond a border is a choice
    assert inside.sum() > 500  # of 16 * 11 * 6 without the motion
    # Rounding to whole HU, and float32 positions and sums.
    assert np.abs(as_array(resample_image(image, image, motion)).ravel() - expected)[inside].max() <= 0.51


def test_labels_keep_their_values(image: sitk.Image) -> None:
    labels = sitk.GetImageFromArray((as_array(image) // 100 % 3 * 4).astype(np.uint8))
    labels.CopyInformation(image)
    moved = as_array(resample_labels(labels, image, rigid((9.0, 5.0, 3.0), (7.0, 3.0, 2.0))))
    assert set(np.unique(moved)) == {0, 4, 8}


def test_coverage_is_the_movings_box() -> None:
    reference = sitk.Image(10, 10, 10, sitk.sitkInt16)
    moving = sitk.Image(4, 10, 10, sitk.sitkInt16)
    moving.SetOrigin((3.0, 0.0, 0.0))
    covered = as_array(coverage(moving, reference))
    assert covered.dtype == np.uint8
    assert np.array_equal(covered[5, 5], [0, 0, 0, 1, 1, 1, 1, 0, 0, 0])
