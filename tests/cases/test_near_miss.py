"""Files where they are looked for: other formats and letter case are taken, near misses are named with what helps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
from layout_files import touch, write_labels, write_volume

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.cohort import find_case_folders, scan_cohort
from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.errors import CohortError, InputError

MASKED = ("pv.nii.gz", "lesions_pv.nii.gz")
OURS = {phase: phase for phase in ("nc", "art", "pv", "dl")}


def problems_of(folder: Path) -> str:
    with pytest.raises(CohortError) as raised:
        read_case_folder(folder, require_lesions=True)
    (problem,) = raised.value.problems
    assert "case a: " in problem
    return problem


@pytest.mark.parametrize(
    "name", ["art.mha", "art.mhd", "art.nrrd", "art.nhdr", "art.hdr", "ART.nii.gz", "Art.NII.GZ", "art.nii"]
)
def test_a_phase_is_taken_in_any_format_and_letter_case(tmp_path: Path, name: str) -> None:
    folder = touch(tmp_path / "a", name, *MASKED)
    assert read_case_folder(folder, require_lesions=True).images["art"] == folder / name


@pytest.mark.parametrize("name", ["lesions_pv.seg.nrrd", "Lesions_PV.nrrd", "LESIONS_pv.mha"])
def test_a_mask_is_taken_in_any_format_and_letter_case(tmp_path: Path, name: str) -> None:
    case = read_case_folder(touch(tmp_path / "a", "pv.nii.gz", name), require_lesions=True)
    assert case.reference == "pv"
    assert case.lesions is not None
    assert case.lesions.names == name


@pytest.mark.parametrize(
    "names", [("art.hdr", "art.img"), ("art.mhd", "art.raw"), ("art.nhdr", "art.raw.gz")]
)
def test_a_volume_in_two_files_is_one_phase(tmp_path: Path, names: tuple[str, str]) -> None:
    case = read_case_folder(touch(tmp_path / "a", *names, *MASKED), require_lesions=True)
    assert case.images["art"].name == names[0]
    assert case.ignored == (f"{names[1]} (the voxels of {names[0]})",)


def test_one_phase_in_two_formats_is_refused(tmp_path: Path) -> None:
    problem = problems_of(touch(tmp_path / "a", "art.nrrd", "ART.nii.gz", *MASKED))
    assert "the same thing twice" in problem
    assert "art.nrrd" in problem
    assert "ART.nii.gz" in problem


@pytest.mark.parametrize(
    ("name", "seems", "option"),
    [
        ("a_art.nii.gz", "rename it to art.nii.gz", "--pattern '{case}/{case}_{phase}.nii.gz'"),
        ("portal.nii.gz", "rename it to pv.nii.gz", "--phase-names pv=portal"),
        (
            "arterial_phase.mha",
            "rename it to art.mha",
            "'{case}/{phase}_phase.mha' --phase-names art=arterial",
        ),
        ("CT_Delayed.nrrd", "rename it to dl.nrrd", "'{case}/CT_{phase}.nrrd' --phase-names dl=Delayed"),
        ("native.nii", "rename it to nc.nii", "--phase-names nc=native"),
    ],
)
def test_a_phase_under_another_name_is_named_with_what_helps(
    tmp_path: Path, name: str, seems: str, option: str
) -> None:
    there = "art" if seems.endswith("pv.nii.gz") else "pv"
    problem = problems_of(touch(tmp_path / "a", name, f"{there}.nii.gz", f"lesions_{there}.nii.gz"))
    assert str(tmp_path / "a" / name) in problem
    assert seems in problem
    assert option in problem


@pytest.mark.parametrize(
    ("name", "seems"),
    [
        ("tumor_pv.nii.gz", "rename it to lesions_pv.nii.gz"),
        ("pv_liver.nii.gz", "rename it to liver_pv.nii.gz"),
        ("lesions.nii.gz", "rename it to lesions_<phase>.nii.gz (the phase it is drawn on)"),
        ("segmentation.nrrd", "rename it to lesions_<phase>.nrrd"),
        ("liver.mha", "rename it to liver_<phase>.mha"),
        ("liver_smoothed.nii.gz", "rename it to liver_<phase>.nii.gz"),
    ],
)
def test_a_mask_under_another_name_is_named_with_what_helps(tmp_path: Path, name: str, seems: str) -> None:
    problem = problems_of(touch(tmp_path / "a", name, "art.nii.gz", "pv.nii.gz", "lesions_art.nii.gz"))
    assert "it seems to be a mask" in problem
    assert seems in problem


@pytest.mark.parametrize(
    "name", ["spleen_pv", "vessels_pv", "portalvein", "Leber_Gefaesse_pv", "lesions_pv_old"]
)
def test_another_mask_beside_a_phase_is_not_told_to_take_its_place(tmp_path: Path, name: str) -> None:
    problem = problems_of(touch(tmp_path / "a", f"{name}.nii.gz", "art.nii.gz", *MASKED))
    assert "it seems to be a mask " in problem
    assert problem.endswith("pv.nii.gz beside it is: remove it")


@pytest.mark.parametrize(
    ("name", "twin"),
    [("pv (1)", "pv"), ("Portal", "pv"), ("lesions_pv (2)", "lesions_pv"), ("mask_pv", "lesions_pv")],
)
def test_a_second_file_of_what_is_there_is_told_so(tmp_path: Path, name: str, twin: str) -> None:
    problem = problems_of(touch(tmp_path / "a", f"{name}.nii.gz", *MASKED))
    assert f", as {twin}.nii.gz beside it: remove one of them" in problem
    assert "--pattern" not in problem


def test_a_name_of_a_phase_and_of_an_organ_is_told_both_readings(tmp_path: Path) -> None:
    problem = problems_of(touch(tmp_path / "a", "abdomen_art.nii.gz", *MASKED))
    assert (
        "it may be art (rename it to art.nii.gz, or pass setup's --pattern '{case}/abdomen_{phase}" in problem
    )
    assert "or a mask of another structure (remove it)" in problem


def test_a_mask_that_is_not_plainly_of_lesions_is_told_why(tmp_path: Path) -> None:
    problem = problems_of(touch(tmp_path / "a", "kidney_lesion_art.nii.gz", "art.nii.gz", *MASKED))
    assert "another organ or structure ('kidney')" in problem
    assert "if it holds the lesions, rename it to lesions_art.nii.gz" in problem
    assert problem.endswith("else remove it")


def test_an_organs_mask_without_a_phase_has_no_use(tmp_path: Path) -> None:
    problem = problems_of(touch(tmp_path / "a", "kidney_left.nii.gz", *MASKED))
    assert "a mask of another structure, which has no use here: remove it" in problem


@pytest.mark.parametrize("phase", OURS)
def test_our_own_names_of_phases_are_known_within_a_name(tmp_path: Path, phase: str) -> None:
    there = "art" if phase == "pv" else "pv"
    folder = touch(tmp_path / "a", f"2021-03-04_{phase}.nii.gz", f"{there}.nii.gz", f"lesions_{there}.nii.gz")
    problem = problems_of(folder)
    assert f"it seems to be {phase}: rename it to {phase}.nii.gz" in problem
    assert "--pattern '{case}/2021-03-04_{phase}.nii.gz'" in problem


@pytest.mark.parametrize(
    "name", ["art.dcm", "art.npz", "art.nii.bz2", "ART.tif", "lesions_art.npy", "arterial.zip"]
)
def test_a_file_that_cannot_be_read_and_is_named_like_a_phase_is_refused(tmp_path: Path, name: str) -> None:
    problem = problems_of(touch(tmp_path / "a", name, *MASKED))
    assert f"{tmp_path / 'a' / name} seems to be " in problem
    assert "convert it" in problem


def test_notes_and_pictures_named_like_a_phase_are_ignored(tmp_path: Path) -> None:
    names = ("art.json", "art.png", "liver_art.stl", "portal.txt", "._dl.nii.gz", "pv.nii.gz.bak")
    case = read_case_folder(touch(tmp_path / "a", *names, *MASKED), require_lesions=True)
    assert list(case.images) == ["pv"]
    assert {entry.split(" (")[0] for entry in case.ignored} == set(names)


def test_a_folder_of_dicom_files_named_like_a_phase_is_refused(tmp_path: Path) -> None:
    folder = touch(tmp_path / "a", *MASKED)
    touch(folder / "art", "IM0001.dcm")
    problem = problems_of(folder)
    assert f"{folder / 'art'} is a folder that seems to hold art as DICOM" in problem
    assert "import-dicom" in problem


def test_a_folder_with_a_phase_in_it_is_refused(tmp_path: Path) -> None:
    folder = touch(tmp_path / "a", *MASKED)
    touch(folder / "Arterial", "scan.nii.gz")
    assert "--pattern" in problems_of(folder)


def test_a_folder_of_something_else_is_ignored(tmp_path: Path) -> None:
    folder = touch(tmp_path / "a", *MASKED)
    touch(folder / "notes", "art.nii.gz")
    assert read_case_folder(folder, require_lesions=True).ignored == ("notes (a folder)",)


def test_phases_one_folder_too_deep_are_named(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "scans", *MASKED)
    assert "--pattern '{case}/scans/{phase}.nii.gz'" in problems_of(tmp_path / "a")


def test_what_an_archive_left_behind_is_no_case(tmp_path: Path) -> None:
    touch(tmp_path / "a", *MASKED)
    touch(tmp_path / "__MACOSX" / "a", "._pv.nii.gz")
    touch(tmp_path / "@eaDir", "x@SynoEAStream")
    assert [case.name for case in find_case_folders(tmp_path)] == ["a"]


def test_a_cohort_without_case_folders_is_told_its_pattern(tmp_path: Path) -> None:
    touch(tmp_path / "raw", "p1_art.nii.gz", "p1_pv.nii.gz")
    (problem,) = scan_cohort(tmp_path / "raw")[1]
    assert "--pattern '{case}_{phase}.nii.gz'" in problem


def test_a_dataset_of_nnunets_is_told_its_pattern(tmp_path: Path) -> None:
    touch(tmp_path / "raw" / "imagesTr", "a_0000.nii.gz", "a_0001.nii.gz")
    touch(tmp_path / "raw" / "labelsTr", "a.nii.gz")
    (problem,) = scan_cohort(tmp_path / "raw")[1]
    assert "--pattern 'imagesTr/{case}_{phase}.nii.gz' --phase-names nc=0000" in problem


@pytest.mark.parametrize("other", ["art.nrrd", "ART.nii.gz", "art.nii"])
def test_a_file_that_a_pattern_misses_by_format_or_case_is_refused(tmp_path: Path, other: str) -> None:
    write_volume(tmp_path / "a" / "pv.nii.gz")
    write_labels(tmp_path / "a" / "lesions.nii.gz", 1)
    shutil.copy(tmp_path / "a" / "pv.nii.gz", tmp_path / "a" / other)
    layout = Layout("{case}/{phase}.nii.gz", OURS, lesions="{case}/lesions.nii.gz", drawn_on="pv")
    (problem,) = find_cases(tmp_path, Inputs(layout=layout)).problems
    assert f"{tmp_path / 'a' / other} would be its art by the pattern" in problem


def test_a_second_format_of_a_phase_that_a_pattern_finds_is_ignored(tmp_path: Path) -> None:
    write_volume(tmp_path / "a" / "pv.nii.gz")
    write_volume(tmp_path / "a" / "pv.mha")
    write_labels(tmp_path / "a" / "lesions.nii.gz", 1)
    layout = Layout("{case}/{phase}.nii.gz", OURS, lesions="{case}/lesions.nii.gz", drawn_on="pv")
    found = find_cases(tmp_path, Inputs(layout=layout))
    assert found.problems == []
    assert found.ignored == ["a/pv.mha (matches no pattern)"]


def test_a_4d_file_in_a_case_folder_is_told_its_pattern(tmp_path: Path) -> None:
    folder = touch(tmp_path / "a", *MASKED)
    volume = sitk.Image(5, 5, 5, sitk.sitkInt16)
    sitk.WriteImage(sitk.JoinSeries([volume] * 4), str(folder / "a.nii.gz"))
    problem = problems_of(folder)
    assert "4D file of 4 volumes" in problem
    assert "--pattern '{case}/{case}.nii.gz#{phase}' --phase-names nc=0 art=1 pv=2 dl=3" in problem


def test_a_missing_case_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        read_case_folder(tmp_path / "gone", require_lesions=True)
