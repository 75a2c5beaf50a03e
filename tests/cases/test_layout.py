"""Cases found by file name patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layout_files import (
    LAYOUT,
    NAMES,
    ONE,
    write,
    write_labels,
    write_layout,
    write_series,
    write_volume,
)

from nnunet_multiphase.cases.layout import Layout, compile_pattern
from nnunet_multiphase.cases.layout_scan import scan_layout
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import read_volume


def test_cases_phases_and_masks_are_found_by_pattern(tmp_path: Path) -> None:
    write_layout(tmp_path)
    cases, problems, unmatched = scan_layout(tmp_path, LAYOUT, ONE)
    assert problems == unmatched == []
    assert [(c.name, tuple(c.images), c.reference) for c in cases] == [
        ("P1", ("nc", "art", "pv"), "pv"),
        ("P2", ("art", "dl"), "art"),
    ]
    assert cases[0].images["art"] == tmp_path / "P1" / "1_scan.nii.gz"
    assert [len(c.lesions.paths) for c in cases if c.lesions is not None] == [2, 1]


def test_files_that_match_nothing_are_named(tmp_path: Path) -> None:
    write_layout(tmp_path)
    (tmp_path / "P1" / "notes.txt").touch()
    (tmp_path / ".hidden").touch()
    assert scan_layout(tmp_path, LAYOUT, ONE)[2] == ["P1/notes.txt"]


def test_the_patient_comes_from_the_pattern(tmp_path: Path) -> None:
    for case in ("A_1", "A_2"):
        write_volume(tmp_path / f"{case}_pv.nii.gz")
        write_labels(tmp_path / f"{case}_mask_pv.nii.gz", 1)
    layout = Layout("{patient}_{case}_{phase}.nii.gz", {"pv": "pv"}, lesions="*_{case}_mask_{phase}.nii.gz")
    cases, problems, _ = scan_layout(tmp_path, layout, ONE)
    assert problems == []
    assert [(c.name, c.patient) for c in cases] == [("1", "A"), ("2", "A")]


def test_letters_with_marks_match_in_either_form(tmp_path: Path) -> None:
    """macOS and some archives write an accent as a sign of its own."""
    write_volume(tmp_path / "Jos\u00e9_pv.nii.gz")
    write_labels(tmp_path / "Jose\u0301_l\u00e4sion.nii.gz", 1)
    layout = Layout(
        "{case}_{phase}.nii.gz", {"pv": "pv"}, lesions="{case}_la\u0308sion.nii.gz", drawn_on="pv"
    )
    ((case,), problems, unmatched) = scan_layout(tmp_path, layout, ONE)
    assert problems == unmatched == []
    assert (case.name, case.has_lesion_mask) == ("Jos\u00e9", True)


@pytest.mark.parametrize("folder", ["Sp\u00e4t", "Spa\u0308t"])
@pytest.mark.parametrize("told", ["Sp\u00e4t", "Spa\u0308t"])
def test_letters_with_marks_in_a_phases_name_match_in_either_form(
    tmp_path: Path, folder: str, told: str
) -> None:
    write_volume(tmp_path / folder / "a.nii.gz")
    write_labels(tmp_path / "a_mask.nii.gz", 1)
    layout = Layout("{phase}/{case}.nii.gz", {told: "dl"}, lesions="{case}_mask.nii.gz", drawn_on="dl")
    ((case,), problems, unmatched) = scan_layout(tmp_path, layout, ONE)
    assert problems == unmatched == []
    assert list(case.images) == ["dl"]


def test_studies_numbered_anew_for_each_patient_stay_apart(tmp_path: Path) -> None:
    for patient, phases in (("A", ("nc", "pv")), ("B", ("art", "pv"))):
        for phase in phases:
            write_volume(tmp_path / patient / "study1" / f"{phase}.nii.gz")
        write_labels(tmp_path / patient / "study1" / "mask_pv.nii.gz", 1)
    names = {phase: phase for phase in ("nc", "art", "pv")}
    layout = Layout("{patient}/{case}/{phase}.nii.gz", names, lesions="{patient}/{case}/mask_{phase}.nii.gz")
    cases, problems, _ = scan_layout(tmp_path, layout, ONE)
    assert problems == []
    assert [(c.name, c.patient, tuple(c.images)) for c in cases] == [
        ("A_study1", "A", ("nc", "pv")),
        ("B_study1", "B", ("art", "pv")),
    ]
    loose = Layout("{patient}/{case}/{phase}.nii.gz", names, lesions="*/{case}/mask_{phase}.nii.gz")
    assert "may be of several patients (A, B)" in scan_layout(tmp_path, loose, ONE)[1][0]


def test_a_case_name_that_looks_like_a_phase_is_not_parted(tmp_path: Path) -> None:
    write_volume(tmp_path / "pat_1" / "2_scan.nii.gz")
    write_labels(tmp_path / "masks" / "pat_1_2_0.nrrd", 1)
    (case,), problems, _ = scan_layout(tmp_path, LAYOUT, ONE)
    assert problems == []
    assert (case.name, case.reference) == ("pat_1", "pv")


def test_linked_case_folders_count(tmp_path: Path) -> None:
    write_layout(tmp_path / "far")
    (tmp_path / "raw").mkdir()
    for name in ("P1", "P2", "masks"):
        (tmp_path / "raw" / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "raw" / "P1_again").symlink_to(tmp_path / "raw")  # a loop
    cases, problems, _ = scan_layout(tmp_path / "raw", LAYOUT, ONE)
    assert problems == []
    assert [c.name for c in cases] == ["P1", "P2"]


def test_a_dicom_folder_with_a_gap_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    write_series(folder, write(tmp_path / "v.nii", np.zeros((9, 5, 6), np.int16)))
    assert read_volume(folder).GetSize() == (6, 5, 9)
    (folder / "image_4.dcm").unlink()
    with pytest.raises(
        InputError, match=r"missing slices: about 1 in 1 gap; import-dicom --resample-irregular"
    ):
        read_volume(folder)


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("{case}/{case}_{phase}.nii", "x/x_1.nii", {"case": "x", "phase": "1"}),
        ("{case}/{case}_{phase}.nii", "x/y_1.nii", None),
        ("{case}_{phase}.nii", "a_b_2.nii", {"case": "a_b", "phase": "2"}),
        ("{case}_{phase}.nii", "a_7.nii", None),
        ("{case}.nii", "a/b.nii", None),
        ("*/{case}.nii", "any/b.nii", {"case": "b"}),
        ("a+{case}", "a+b", {"case": "b"}),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, path: str, groups: dict[str, str] | None) -> None:
    match = compile_pattern(pattern, NAMES).fullmatch(path)
    assert (match.groupdict() if match else None) == groups


def test_a_longer_phase_name_wins() -> None:
    match = compile_pattern("{phase}*.nii", {"p": "pv", "pv": "art"}).fullmatch("pvx.nii")
    assert match is not None
    assert match["phase"] == "pv"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image": "{phase}.nii"}, r"image pattern '\{phase\}.nii' has no \{case\}"),
        ({"image": "{case}.nii"}, r"has no \{phase\}: expected one where there are several"),
        ({"image": "{case}/{fase}.nii"}, r"\{fase\} is unknown"),
        ({"lesions": "{case}.nrrd"}, "say on which phase it is drawn"),
        ({"phase_names": {"0": "native"}}, "unknown phase native"),
    ],
)
def test_a_layout_that_cannot_work_is_refused(tmp_path: Path, change: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        scan_layout(tmp_path, Layout(**({**vars(LAYOUT)} | change)), ONE)


def test_each_problem_names_case_and_file(tmp_path: Path) -> None:
    write_layout(tmp_path)
    write_volume(tmp_path / "P3" / "1_scan.nii.gz")  # no mask
    write_labels(tmp_path / "masks" / "P4_1_1.nrrd", 1)  # no image
    write_labels(tmp_path / "masks" / "P2_2_1.nrrd", 1)  # a second phase, which is not there
    cases, problems, _ = scan_layout(tmp_path, LAYOUT, ONE)
    assert [c.name for c in cases] == ["P1"]
    assert len(problems) == 3
    for words in (("P3", "no lesion mask"), ("P4_1_1.nrrd", "no image"), ("P2_2_1.nrrd", "drawn on pv")):
        assert any(all(word in problem for word in words) for problem in problems), words


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    assert "nothing found, expected {case}/{phase}_scan.nii.gz" in scan_layout(tmp_path, LAYOUT, ONE)[1][0]
