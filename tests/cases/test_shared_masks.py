"""A mask is drawn on one case's volume: two cases do not share one, neither its file nor a copy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from layout_files import write_labels, write_volume

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.shared_masks import find_equal_masks, find_shared_files
from nnunet_multiphase.volumes.mask_file import MaskFiles


def case_of(folder: Path, name: str, seed: int, *labels: int) -> CaseFolder:
    place = folder / name
    place.mkdir()
    mask = write_labels(place / "lesions.nii.gz", *labels)
    return CaseFolder(
        name, place, name, {"pv": write_volume(place / "pv.nii.gz", seed)}, "pv", MaskFiles((mask,)), None
    )


@pytest.fixture
def two(tmp_path: Path) -> tuple[CaseFolder, CaseFolder]:
    return case_of(tmp_path, "a", 0, 1), case_of(tmp_path, "b", 1, 1, 1)


def shared(*cases: CaseFolder) -> list[str]:
    return find_shared_files(cases, [check_case(case) for case in cases])


def equal(*cases: CaseFolder) -> list[str]:
    return find_equal_masks([check_case(case) for case in cases])


def test_cases_with_their_own_masks_pass(two: tuple[CaseFolder, CaseFolder]) -> None:
    assert shared(*two) == equal(*two) == []


def test_one_mask_file_for_two_cases_is_refused(two: tuple[CaseFolder, CaseFolder]) -> None:
    one, other = two
    (problem,) = shared(one, replace(other, lesions=one.lesions))
    assert problem.startswith(
        f"case b: its mask of the lesions on pv is {one.path / 'lesions.nii.gz'}, which is case a's"
    )


def test_one_file_under_two_kinds_of_mask_and_two_paths_is_refused(
    two: tuple[CaseFolder, CaseFolder], tmp_path: Path
) -> None:
    one, other = two
    link = tmp_path / "link.nii.gz"
    link.symlink_to(one.path / "lesions.nii.gz")
    (problem,) = shared(one, replace(other, liver=MaskFiles((link,))))
    assert "case b: its mask of the liver on pv" in problem


def test_a_copied_mask_is_told(two: tuple[CaseFolder, CaseFolder]) -> None:
    one, other = two
    shutil.copy(one.path / "lesions.nii.gz", other.path / "lesions.nii.gz")
    assert shared(one, other) == []
    (note,) = equal(one, other)
    assert note.startswith(
        "case a (lesions on pv) has the same mask, voxel by voxel, as b (lesions on pv): see"
    )


def test_empty_masks_may_be_shared(two: tuple[CaseFolder, CaseFolder]) -> None:
    one, other = two
    for case in two:
        write_labels(case.path / "lesions.nii.gz", 0)
    assert shared(*two) == shared(one, replace(other, lesions=one.lesions)) == equal(*two) == []


def test_two_cases_of_one_volume_may_share_its_mask(two: tuple[CaseFolder, CaseFolder]) -> None:
    twin = replace(two[0], name="a2")
    assert shared(two[0], twin) == equal(two[0], twin) == []
