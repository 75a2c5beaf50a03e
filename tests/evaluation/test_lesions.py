"""Lesions as components: order, connectivity, volume, axial diameter, centre, HU. Expectations by hand."""

import math

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from nnunet_multiphase.evaluation.lesions import (
    label_lesions,
    lesion_table,
    slice_diameter_mm,
)
from nnunet_multiphase.evaluation.matching import match_lesions

SPACING_XYZ = (0.8, 1.5, 5.0)
# A quarter turn about z (x index -> +y, y index -> -x) keeps the hand arithmetic readable.
QUARTER_TURN = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def image(array, spacing=SPACING_XYZ, origin=(10.0, -20.0, 30.0), direction=QUARTER_TURN):
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(spacing)
    made.SetOrigin(origin)
    made.SetDirection(direction)
    return made


def two_boxes():
    """A small box of 2x2x2 voxels first in scan order, then a large one of z 2, y 3, x 10 voxels."""
    mask = np.zeros((8, 12, 20), np.uint8)
    mask[0:2, 0:2, 0:2] = 1
    mask[4:6, 5:8, 4:14] = 1
    return mask


def test_lesions_are_numbered_from_the_largest():
    labels = label_lesions(two_boxes())
    assert labels[4, 5, 4] == 1
    assert labels[0, 0, 0] == 2
    assert labels.dtype == np.int32


def test_equally_large_lesions_keep_their_scan_order():
    mask = np.zeros((1, 1, 9), np.uint8)
    mask[0, 0, [0, 4, 8]] = 1
    assert label_lesions(mask)[0, 0].tolist() == [1, 0, 0, 0, 2, 0, 0, 0, 3]


def test_lesions_at_all_borders_have_the_numbers_they_have_amid_background():
    mask = np.random.default_rng(0).random((5, 6, 7)) < 0.2
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    amid = label_lesions(np.pad(mask, ((1, 3), (2, 1), (4, 2))))
    assert label_lesions(mask).max() > 2
    np.testing.assert_array_equal(amid[1:-3, 2:-1, 4:-2], label_lesions(mask))
    assert np.count_nonzero(amid) == np.count_nonzero(mask)


def test_voxels_touching_at_a_corner_are_one_lesion():
    mask = np.zeros((2, 2, 2), np.uint8)
    mask[0, 0, 0] = mask[1, 1, 1] = 1
    assert label_lesions(mask).max() == 1


def test_different_label_values_that_touch_are_one_lesion():
    assert label_lesions(np.array([[[1, 2, 0, 5]]])).tolist() == [[[1, 1, 0, 2]]]


def test_an_empty_mask_has_no_lesion():
    empty = np.zeros((3, 4, 5), np.uint8)
    assert not label_lesions(empty).any()
    assert lesion_table(image(empty)) == []


def test_a_mask_needs_three_axes():
    with pytest.raises(ValueError, match="three axes"):
        label_lesions(np.zeros((3, 3)))


def test_volume_of_a_box_is_its_voxels_times_their_size():
    large, small = lesion_table(image(two_boxes()))
    # 2*3*10 and 2*2*2 voxels of .8*1.5*5 = 6 mm3; exact but for floating point
    assert large.volume_ml == pytest.approx(0.36, rel=1e-12)
    assert small.volume_ml == pytest.approx(0.048, rel=1e-12)


def test_centre_of_a_box_is_its_middle_in_the_patients_frame():
    large, _ = lesion_table(image(two_boxes()))
    # middle index x 8.5, y 6, z 4.5; x runs along the patient's +y, y along -x:
    # 10 - 6*1.5, -20 + 8.5*.8, 30 + 4.5*5
    assert large.centre_mm == pytest.approx((1.0, -13.2, 52.5), abs=1e-9)


def test_diameter_of_a_row_of_voxels_is_their_number_times_the_spacing():
    mask = np.zeros((1, 3, 12), bool)
    mask[0, 1, 2:9] = True
    assert slice_diameter_mm(mask, (0.8, 1.5)) == pytest.approx(7 * 0.8, rel=1e-12)


def test_diameter_of_a_single_voxel_is_its_longer_side():
    assert slice_diameter_mm(np.ones((1, 1, 1), bool), (0.8, 1.5)) == pytest.approx(1.5, rel=1e-12)


def test_diameter_of_a_box_runs_between_edge_midpoints():
    large, _ = lesion_table(image(two_boxes()))
    # 10 x 3 voxels: from the left edge's midpoint of one corner voxel to the right edge's of the opposite one
    assert large.diameter_mm == pytest.approx(math.hypot(10 * 0.8, 2 * 1.5), rel=1e-12)


def test_diameter_is_the_largest_slices_and_ignores_the_length_across_slices():
    mask = np.zeros((30, 3, 12), bool)
    mask[:, 1, 1] = True
    mask[7, 1, 1:5] = True
    assert slice_diameter_mm(mask, (2.0, 2.0)) == pytest.approx(8.0, rel=1e-12)


def test_diameter_of_an_empty_mask_is_zero():
    assert slice_diameter_mm(np.zeros((2, 3, 4), bool), (1.0, 1.0)) == 0.0


@pytest.mark.parametrize("radius_mm", [6.0, 9.3, 14.0])
def test_a_sphere_has_its_own_volume_and_diameter(radius_mm):
    spacing = (0.7, 0.9, 2.0)
    z, y, x = np.ogrid[:21, :45, :55]
    centre = (10.3, 22.1, 27.4)
    r2 = ((x - centre[2]) * 0.7) ** 2 + ((y - centre[1]) * 0.9) ** 2 + ((z - centre[0]) * 2.0) ** 2
    (lesion,) = lesion_table(image((r2 <= radius_mm**2).astype(np.uint8), spacing))
    # the surface is known to half a voxel; its error averages out over the hundreds of surface voxels: 3 %
    assert lesion.volume_ml == pytest.approx(4 / 3 * math.pi * radius_mm**3 / 1000, rel=0.03)
    # each of the two ends is off by half an in-plane voxel (diagonal .57 mm) at most
    assert lesion.diameter_mm == pytest.approx(2 * radius_mm, abs=2 * 0.57)


class _Counted(np.ndarray):
    """Count how often an array as large as the volume is compared with something."""

    compared = 0

    def __eq__(self, other):
        type(self).compared += self.size > 1000
        return np.asarray(self) == other

    __hash__ = None


def test_many_specks_are_matched_without_searching_the_volume_for_each():
    z, y, x = (axis.ravel() for axis in np.meshgrid(*[np.arange(1, 25, 4)] * 3, indexing="ij"))  # 216 of them
    truth, prediction = np.zeros((2, 25, 25, 26), np.uint8)
    truth[z, y, x] = truth[z, y, x + 1] = 1
    prediction[z, y, x] = 1
    prediction[1, 1, 1] = 0  # one missed
    prediction[1, 3, 3:5] = 1  # touches no other: one false
    labels = [label_lesions(mask).view(_Counted) for mask in (prediction, truth)]
    matches = match_lesions(*labels)
    assert [sum(m.outcome == o for m in matches) for o in ("found", "missed", "false")] == [215, 1, 1]
    assert {m.iou for m in matches if m.outcome == "found"} == {0.5}
    assert _Counted.compared <= 5


@pytest.mark.parametrize("seed", range(5))
def test_the_overlap_of_a_found_lesion_is_counted_right(seed):
    rng = np.random.default_rng(seed)
    truth, prediction = (ndimage.gaussian_filter(rng.normal(size=(12, 20, 20)), 1.5) > 0.12 for _ in range(2))
    prediction |= truth & (rng.random(truth.shape) < 0.7)
    labels_p, labels_t = label_lesions(prediction), label_lesions(truth)
    for match in match_lesions(labels_p, labels_t):
        if match.outcome == "found":
            p, t = labels_p == match.prediction_id, labels_t == match.truth_id
            assert match.iou == (p & t).sum() / (p | t).sum()
