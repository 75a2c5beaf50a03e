"""What of a patient is cut into slices: the liver with a margin, carried over to the grid that is shown."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from patient_cases import SIZE, grid, lesions, organ, patient, result

from nnunet_multiphase.report.slices import region_to_show, slices_to_show

# The liver's voxels are 14 to 45, 12 to 39 and 3 to 14, of 3, 3 and 5 mm.


def region(tmp_path, *, liver=None, liver_labelled=False, labels=None, **options):
    _, prepared, found = patient(tmp_path, **options)
    labels = found.labels if labels is None else grid(labels)
    return region_to_show(replace(prepared, liver=liver), labels, liver_labelled=liver_labelled)


def test_a_drawn_liver_is_shown_with_fifteen_millimetres(tmp_path):
    # 5, 5 and 3 voxels; the lowest slice and the ends of the volume hold.
    expected = ((9, 7, 0), (51 - 9, 45 - 7, 18))
    assert region(tmp_path, liver=grid(organ())) == expected
    assert region(tmp_path, labels=organ(), liver_labelled=True) == expected


def test_a_liver_that_was_only_found_gets_more(tmp_path):
    part = np.zeros(SIZE[::-1], np.uint8)
    part[10:12, 22:26, 20:36] = 1
    found = result(region="liver")
    found.fitted = grid(part)
    shown = region(tmp_path, results={"art": found}, labels=part)
    # 45 mm are 15, 15 and 9 voxels.
    assert shown == ((5, 7, 1), (51 - 5, 41 - 7, 20 - 1))


def test_a_liver_on_a_coarser_grid_lies_where_it_lies(tmp_path):
    fine = grid(organ())
    coarse = sitk.BinShrink(sitk.Cast(fine, sitk.sitkFloat32), [2, 2, 1])
    shown = region(tmp_path, liver=sitk.Cast(coarse > 0, sitk.sitkUInt8))
    assert shown == region(tmp_path, liver=fine)


def test_a_lesion_beyond_the_liver_is_shown_too(tmp_path):
    mask = lesions()
    mask[18, 2, 58] = 1
    (_, y, _), _ = shown = region(tmp_path, liver=grid(organ()), labels=mask)
    assert y == 0
    assert np.add(*shown).tolist() == [60, 45, 20]


def test_without_a_liver_everything_is_shown(tmp_path):
    assert region(tmp_path) == ((0, 0, 0), SIZE)


@pytest.mark.parametrize(("count", "step"), [(150, 1), (151, 2), (300, 2), (301, 3)])
def test_of_many_slices_some_are_shown_and_those_that_are_needed(count, step):
    shown = slices_to_show(((0, 0, 10), (5, 5, count)), [11])
    assert shown == sorted({11, *range(10, 10 + count, step)})
