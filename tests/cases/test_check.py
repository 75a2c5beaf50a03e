"""What checking a case finds: units, copies, masks that do not belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from layout_files import SIZE, write, write_labels, write_volume

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case, find_copies
from nnunet_multiphase.volumes.mask_file import MaskFiles


@pytest.fixture
def case(tmp_path: Path) -> CaseFolder:
    images = {
        phase: write_volume(tmp_path / f"{phase}.nii.gz", seed) for seed, phase in enumerate(("art", "pv"))
    }
    lesions = MaskFiles((write_labels(tmp_path / "lesions.nii.gz", 1),))
    return CaseFolder("a", tmp_path, "A", images, "pv", lesions, None)


def test_a_good_case_has_nothing(case: CaseFolder) -> None:
    report = check_case(case)
    assert report.problems == report.warnings == ()


def test_a_window_of_grey_values_is_no_hu(case: CaseFolder) -> None:
    write(case.images["art"], np.linspace(0, 255, 120).reshape(SIZE[::-1]).astype(np.uint8))
    (problem,) = check_case(case).problems
    assert "case a, phase art" in problem
    assert "from 0 to 255: a window of grey values" in problem


def test_a_missing_rescale_intercept_is_seen(case: CaseFolder) -> None:
    image = sitk.ReadImage(str(case.images["art"]))
    sitk.WriteImage(sitk.Cast(image + 1024, sitk.sitkUInt16), str(case.images["art"]))
    (problem,) = check_case(case).problems
    assert "rescale intercept" in problem


def test_padding_does_not_pass_for_air(case: CaseFolder) -> None:
    image = sitk.ReadImage(str(case.images["art"])) + 1024
    image[0, 0, 1] = -2000
    sitk.WriteImage(image, str(case.images["art"]))
    (problem,) = check_case(case).problems
    assert "rescale intercept" in problem


def test_a_normalised_image_is_no_hu(case: CaseFolder) -> None:
    write(case.images["art"], np.random.default_rng(0).normal(size=SIZE[::-1]))
    (problem,) = check_case(case).problems
    assert "as of a normalised image" in problem


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_found_in_every_format(case: CaseFolder, tmp_path: Path, value: float) -> None:
    values = np.random.default_rng(0).normal(0, 500, SIZE[::-1])
    values[1, 1, 1] = value
    path = write(tmp_path / "art.nrrd", values)
    (problem,) = check_case(replace(case, images={**case.images, "art": path})).problems
    assert "not numbers" in problem


def test_a_name_that_nnunet_passes_over_is_refused(case: CaseFolder) -> None:
    (problem,) = check_case(replace(case, name="a_seg")).problems
    assert "nnU-Net passes over" in problem


def test_two_phases_with_the_same_voxels_are_a_problem(case: CaseFolder) -> None:
    sitk.WriteImage(sitk.ReadImage(str(case.images["pv"])), str(case.images["art"]))
    (problem,) = check_case(case).problems
    assert "hold the same voxels" in problem


def test_lesions_elsewhere_than_the_liver_are_a_problem(case: CaseFolder, tmp_path: Path) -> None:
    liver = MaskFiles((write_labels(tmp_path / "liver.nii.gz", 0, 1),))
    (problem,) = check_case(replace(case, liver=liver)).problems
    assert "100 % of" in problem
    assert "do not belong together" in problem


def test_lesions_partly_outside_the_liver_are_warned_of(case: CaseFolder, tmp_path: Path) -> None:
    lesions = MaskFiles((write_labels(tmp_path / "two.nii.gz", 1, 1),))
    liver = MaskFiles((write_labels(tmp_path / "liver.nii.gz", 1),))
    report = check_case(replace(case, lesions=lesions, liver=liver))
    assert report.problems == ()
    assert report.warnings == ("case a: 50 % of the lesions lie outside the liver mask",)


def test_a_mask_on_another_phase_is_checked_on_that_phases_grid(case: CaseFolder, tmp_path: Path) -> None:
    other = write(tmp_path / "other.nii.gz", np.zeros((3 + SIZE[2], *SIZE[1::-1]), np.uint8))
    report = check_case(replace(case, moving_lesions={"art": MaskFiles((other,))}))
    (problem,) = report.problems
    assert "another geometry than art.nii.gz" in problem


def test_one_volume_of_two_patients_is_found(case: CaseFolder) -> None:
    one = check_case(case)
    two = check_case(replace(case, name="b", patient="B"))
    (problem,) = find_copies([one, two])
    assert "case b" in problem
    assert "case a, another patient's" in problem
    assert find_copies([one, replace(two, patient="A")]) == []


def test_one_volume_of_two_patients_is_found_in_another_type_of_number(
    case: CaseFolder, tmp_path: Path
) -> None:
    copies = {}
    for phase, path in case.images.items():
        copies[phase] = tmp_path / f"copy_{phase}.nii.gz"
        sitk.WriteImage(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat64), str(copies[phase]))
    two = check_case(replace(case, name="b", patient="B", images=copies))
    assert len(find_copies([check_case(case), two])) == 1


def test_the_digest_follows_voxels_geometry_and_masks(case: CaseFolder) -> None:
    before = check_case(case)
    assert check_case(case) == before
    image = sitk.ReadImage(str(case.images["art"]))
    image.SetOrigin((1, 0, 0))
    sitk.WriteImage(image, str(case.images["art"]))
    moved = check_case(case)
    assert moved.voxels == before.voxels
    assert moved.parts != before.parts
    assert case.lesions is not None
    write_labels(case.lesions.paths[0], 0, 1)
    assert check_case(case).parts != moved.parts
