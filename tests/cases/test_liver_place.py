"""Where the liver lies: found without a mask, on the patient's right, near its lesions."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from torso import image_of, liver_mask, torso_hu
from torso_case import mirror

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.liver_place import locate_liver
from nnunet_multiphase.cases.plausibility import sample_volume

pytestmark = pytest.mark.slow


def test_a_mirrored_case_has_its_liver_on_the_left(case: CaseFolder) -> None:
    for path in case.path.glob("*.nii.gz"):
        mirror(path)
    (problem,) = check_case(case).problems
    assert "to the patient's left" in problem
    assert "situs inversus" in problem
    assert problem.endswith("pass --accept liver-side")


@pytest.fixture
def unmasked(case: CaseFolder) -> CaseFolder:
    """Take the liver mask away."""
    (case.path / "liver_pv.nii.gz").unlink()
    return read_case_folder(case.path, require_lesions=True)


def test_the_liver_is_found_where_it_was_made() -> None:
    found = locate_liver(sample_volume(image_of(torso_hu())))
    assert found is not None
    grid = image_of(torso_hu())
    index = [grid.TransformPhysicalPointToIndex(point) for point in found.points_mm.tolist()]
    inside = np.mean([liver_mask()[z, y, x] for x, y, z in index])
    assert inside > 0.9  # what is found is roughly the liver
    # -62 mm of half of 320 mm; the ellipsoid's even part may lie a few mm beside its centre.
    assert found.left == pytest.approx(-62 / 160, abs=0.06)


@pytest.mark.parametrize("axes", [(2,), (0,), (0, 1, 2)])
def test_the_liver_is_found_at_the_same_place_in_a_file_stored_the_other_way(axes: tuple[int, ...]) -> None:
    image = image_of(torso_hu())
    turned = sitk.Flip(image, [2 in axes, 1 in axes, 0 in axes])
    one, other = (locate_liver(sample_volume(i)) for i in (image, turned))
    assert one is not None
    assert other is not None
    # Other voxels are sampled at the far end: one sample of 5.6 or 8 mm.
    assert np.abs(one.points_mm.mean(axis=0) - other.points_mm.mean(axis=0)).max() < 8


def test_a_plausible_case_without_a_liver_mask_has_nothing(unmasked: CaseFolder) -> None:
    assert check_case(unmasked).problems == ()


def test_a_mirrored_case_without_any_liver_mask_is_found(unmasked: CaseFolder) -> None:
    for path in unmasked.path.glob("*.nii.gz"):
        mirror(path)
    (problem,) = check_case(unmasked).problems
    assert "case a seems to have its liver on the patient's left in every phase" in problem
    assert problem.endswith("--accept liver-side")


def test_one_mirrored_phase_of_two_is_no_situs(unmasked: CaseFolder) -> None:
    mirror(unmasked.images["art"])
    assert not any("in every phase" in problem for problem in check_case(unmasked).problems)


def test_lesions_away_from_any_liver_are_warned_of_without_a_liver_mask(unmasked: CaseFolder) -> None:
    assert check_case(unmasked).warnings == ()
    mirror(unmasked.path / "lesions_pv.nii.gz")  # into the spleen: soft tissue
    report = check_case(unmasked)
    assert report.problems == ()
    (warning,) = report.warnings
    assert "mm from what looks like the liver" in warning
