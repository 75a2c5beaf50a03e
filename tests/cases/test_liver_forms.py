"""What may be called a liver mask: the whole liver, or the liver around its lesions; vessels are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from torso import SIZE, SPACING_MM, image_of, lesion_mask, liver_mask, torso_hu

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.given import GivenPhase, judge_masks, judge_phases
from nnunet_multiphase.cases.plausible_masks import find_vessels_for_liver
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import MaskFiles

VESSELS = (1, 2)  # label 1, with the tumours as a part of it, as --liver-labels 1 2 has them


def vessels() -> np.ndarray:
    """Draw rods of two voxels, 11 mm, through the liver along each axis; boolean (z, y, x)."""
    grid = np.indices(SIZE[::-1])
    rods = [(grid[a] % 5 < 2) & (grid[b] % 5 < 2) for a, b in ((0, 1), (0, 2), (1, 2))]
    return rods[1] & liver_mask()


def test_livers_are_deep_enough() -> None:
    image = image_of(torso_hu())
    assert find_vessels_for_liver(liver_mask(), None, image) is None
    assert find_vessels_for_liver(liver_mask(), lesion_mask(), image) is None
    assert find_vessels_for_liver(liver_mask() & ~lesion_mask(), lesion_mask(), image) is None


def test_a_rim_of_liver_around_a_huge_tumour_is_a_liver() -> None:
    """Tissue of 20 mm on one side alone: what counts is how deep it lies in liver and tumour together."""
    z, y, x = np.indices((40, 60, 60)) * 3.0
    organ = ((z - 60) / 55) ** 2 + ((y - 90) / 80) ** 2 + ((x - 90) / 80) ** 2 < 1
    tumour = ((z - 60) / 50) ** 2 + ((y - 90) / 65) ** 2 + ((x - 80) / 65) ** 2 < 1
    image = sitk.GetImageFromArray(np.zeros(organ.shape, np.int16))
    image.SetSpacing((3.0, 3.0, 3.0))
    assert find_vessels_for_liver(organ, tumour, image) is None


def test_a_liver_that_the_volume_cuts_to_one_slice_is_not_thin() -> None:
    image = image_of(torso_hu())[:, :, 12:13]
    assert find_vessels_for_liver(liver_mask()[12:13], None, image) is None


def test_vessels_are_refused_as_a_liver(case: CaseFolder) -> None:
    assert case.lesions is not None
    (path,) = case.lesions.paths
    both = np.where(lesion_mask(), 2, vessels()).astype(np.uint8)
    sitk.WriteImage(image_of(both, np.uint8), str(path))
    one_file = replace(case, lesions=MaskFiles((path,), (2,), (1,)), liver=MaskFiles((path,), VESSELS))
    (problem,) = check_case(one_file).problems
    assert problem.startswith(
        f"case a: {path} is thin for a liver: nine tenths of it lie within 6 mm of its edge"
    )
    assert "--other-labels" in problem
    assert problem.endswith("--accept mask-size")
    report = check_case(one_file, accept=["mask-size"])
    assert report.problems == ()


def test_vessels_are_refused_as_a_liver_by_the_functions_too() -> None:
    image = image_of(torso_hu())
    judged = judge_phases({"pv": GivenPhase(image, "pv")}, (), liver_drawn=True)
    masks = {
        "liver": image_of(vessels() | lesion_mask(), np.uint8),
        "lesions": image_of(lesion_mask(), np.uint8),
    }
    with pytest.raises(InputError, match="the liver mask is thin for a liver"):
        judge_masks(judged, masks, {"pv": image})


def test_a_liver_with_its_lesions_cut_out_is_taken(case: CaseFolder) -> None:
    """In a file of its own, and as label 1 beside lesions 2, read with --liver-labels 1."""
    assert case.lesions is not None
    assert case.liver is not None
    around = image_of(liver_mask() & ~lesion_mask(), np.uint8)
    sitk.WriteImage(around, str(case.liver.paths[0]))
    assert check_case(case).problems == check_case(case).warnings == ()
    both = case.lesions.paths[0]
    sitk.WriteImage(image_of(np.where(lesion_mask(), 2, liver_mask()).astype(np.uint8), np.uint8), str(both))
    report = check_case(
        replace(case, lesions=MaskFiles((both,), (2,), (1,)), liver=MaskFiles((both,), (1,), (2,)))
    )
    assert report.problems == report.warnings == ()


def test_lesions_beside_the_liver_do_not_belong_to_it(case: CaseFolder) -> None:
    """In the spleen, a few voxels off."""
    assert case.lesions is not None
    moved = np.roll(lesion_mask(), round(150 / SPACING_MM[0]), axis=2)
    sitk.WriteImage(image_of(moved, np.uint8), str(case.lesions.paths[0]))
    assert any("they do not belong together" in problem for problem in check_case(case).problems)
