"""The liver that is found, and the shapes it is found by, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from balls_in_fat import LIVER, ball, fat_with
from registration_phantom import HEADER_LIKE_NIFTI, OBLIQUE, liver_mask, scan
from scipy import ndimage

from registration.liver import find_liver, grown_to_its_edges
from registration.pyramid import on_layer, shrink
from registration.region import body_region
from registration.shapes import distances_to, filled_in_slices, lowest_around, opened_in_slices, pieces
from registration.volume import Volume, mask_from_image, volume_from_image

SPACING = np.array([5.0, 2.0, 3.0])
BLOBS = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(9, 20, 30)), (1, 2, 2)) > 0.02


def found(image: sitk.Image) -> tuple[Volume, np.ndarray | None]:
    top = shrink(volume_from_image(image), 6.0)
    return top, find_liver(top, body_region(top, threshold_hu=-500.0, rim_mm=8.0))


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("direction", [None, OBLIQUE, HEADER_LIKE_NIFTI], ids=["lps", "oblique", "ras"])
def test_the_liver_is_found_in_any_phase_and_direction(phase: int, direction: np.ndarray | None) -> None:
    image = scan(phase=phase, direction=direction)
    top, liver = found(image)
    truth = on_layer(mask_from_image(liver_mask(image)), volume_from_image(image), top)
    assert liver is not None
    # A region to fit on needs to be liver and to be most of it; it need not be all of it.
    assert (liver & truth).sum() > 0.9 * liver.sum()
    assert (liver & truth).sum() > 0.4 * truth.sum()


def test_what_is_found_grows_to_the_livers_edges_and_not_beyond() -> None:
    image = scan(spacing_mm=(3.0, 3.0, 3.0))
    volume = volume_from_image(image)
    truth = mask_from_image(liver_mask(image))
    # 8 mm within the true edge all around, as a finder that is sure leaves it.
    inner = distances_to(~truth, volume.spacing_zyx_mm) > 8.0
    grown = grown_to_its_edges(inner, volume)

    def dice(mask: np.ndarray) -> float:
        return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())

    assert dice(inner) < 0.8
    assert dice(grown) > 0.93
    assert (grown & truth).sum() > 0.95 * grown.sum()


def test_where_there_is_no_liver_none_is_found() -> None:
    # The pelvis' end of the phantom: muscle, fat, spine, and nothing thick and even.
    _, liver = found(scan(middle_mm=(0.0, 0.0, -130.0), extent_mm=(240.0, 180.0, 50.0)))
    assert liver is None


def test_noise_is_no_liver() -> None:
    values = np.random.default_rng(0).normal(0, 300, (20, 30, 30)).astype(np.float32)
    volume = Volume(values, np.diag([6.0, 6.0, 6.0]), np.zeros(3))
    assert find_liver(volume, np.ones(values.shape, dtype=bool)) is None


@pytest.mark.parametrize(
    ("liver_hu", "noise_hu"), [(55, 0), (55, 20), (20, 8), (90, 8), (143, 8)], ids=str
)  # 40 HU of noise in pixels of 3 mm leave some 15 on this layer
def test_noise_fat_and_iron_do_not_hide_the_liver(liver_hu: float, noise_hu: float) -> None:
    volume = fat_with([(*LIVER, liver_hu)], noise_hu)
    liver = find_liver(volume, np.ones(volume.values.shape, dtype=bool))
    truth = ball(volume, *LIVER)
    assert liver is not None
    assert (liver & truth).sum() > 0.9 * liver.sum()
    assert (liver & truth).sum() > 0.6 * truth.sum()


@pytest.mark.parametrize("stomach_hu", [10, 30, 50])
def test_a_larger_stomach_on_the_left_is_not_taken_for_the_liver(stomach_hu: float) -> None:
    volume = fat_with([(*LIVER, 110), ((75.0, 0.0, 0.0), 60.0, stomach_hu)])
    liver = find_liver(volume, np.ones(volume.values.shape, dtype=bool))
    assert liver is not None
    assert not (liver & ball(volume, (75.0, 0.0, 0.0), 60.0)).any()


def test_a_liver_on_the_left_is_found_where_nothing_on_the_right_is_as_large() -> None:
    volume = fat_with([((60.0, 0.0, 0.0), 50.0, 110), ((-75.0, 0.0, 0.0), 25.0, 110)])
    liver = find_liver(volume, np.ones(volume.values.shape, dtype=bool))
    assert liver is not None
    assert (liver & ball(volume, (60.0, 0.0, 0.0), 50.0)).sum() > 0.9 * liver.sum()


@pytest.mark.parametrize(("x_mm", "radius_mm"), [(60.0, 50.0), (-60.0, 42.0)], ids=["left", "small"])
def test_fluid_is_taken_for_a_fatty_liver_only_if_large_and_right(x_mm: float, radius_mm: float) -> None:
    # 42 mm: 310 ml
    volume = fat_with([((x_mm, 0.0, 0.0), radius_mm, 8)])
    assert find_liver(volume, np.ones(volume.values.shape, dtype=bool)) is None


def test_the_lowest_around_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7, 9)).astype(np.float32)
    assert np.array_equal(lowest_around(values), ndimage.minimum_filter(values, size=3, mode="nearest"))


def test_distances_agree_with_scipy() -> None:
    expected = ndimage.distance_transform_edt(~BLOBS, sampling=SPACING)
    np.testing.assert_allclose(distances_to(BLOBS, SPACING), expected, atol=1e-3)  # float32 of some 10 mm


def test_pieces_agree_with_scipy() -> None:
    expected, count = ndimage.label(BLOBS)
    numbered = pieces(BLOBS)
    assert len(np.unique(numbered[BLOBS])) == count
    assert len(np.unique(numbered[BLOBS] + 1000 * expected[BLOBS])) == count  # one to one
    assert not numbered[~BLOBS].any()


def test_filling_and_opening_agree_with_scipy() -> None:
    cross = ndimage.generate_binary_structure(2, 1)
    for slice_, filled, opened in zip(BLOBS, filled_in_slices(BLOBS), opened_in_slices(BLOBS), strict=True):
        assert np.array_equal(filled, ndimage.binary_fill_holes(slice_))
        inner = (slice(2, -2), slice(2, -2))  # beyond the border scipy sees nothing, ITK more of the same
        assert np.array_equal(opened[inner], ndimage.binary_opening(slice_, cross)[inner])
