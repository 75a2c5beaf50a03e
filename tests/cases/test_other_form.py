"""Cohorts in other forms than case folders: nnU-Net's, a folder for each phase, BIDS; each is told patterns that read it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from layout_files import write_labels, write_volume

from nnunet_multiphase.cases.cohort import scan_cohort
from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout


def told(raw: Path) -> dict[str, list[str]]:
    """Give the options that the only problem of a cohort names: option -> values."""
    cases, (problem,) = scan_cohort(raw)
    assert cases == []
    assert problem.startswith(f"{raw} ")
    options: dict[str, list[str]] = {}
    for word in shlex.split(problem[problem.index("--pattern") :].replace(" and, for the masks,", "")):
        options.setdefault(word, []) if word.startswith("--") else options[list(options)[-1]].append(word)
    return options


def layout_of(options: dict[str, list[str]], lesions: str = "", drawn_on: str = "pv") -> Layout:
    names = [word.split("=") for word in options.get("--phase-names", [])]
    return Layout(
        options["--pattern"][0],
        {theirs: ours for ours, theirs in names} or {phase: phase for phase in ("nc", "art", "pv", "dl")},
        lesions=lesions or options["--lesions"][0],
        drawn_on=drawn_on,
    )


@pytest.mark.parametrize(
    "folders",
    [
        {"nc": "Nativ", "art": "Arteriell", "pv": "Portalven\u00f6s", "dl": "Sp\u00e4t"},
        {"art": "arterial phase", "pv": "portal phase"},
        {"nc": "nc", "art": "art", "pv": "pv", "dl": "dl"},
    ],
)
@pytest.mark.parametrize("ending", [".nii.gz", ".mha"])
def test_a_folder_for_each_phase_is_told_the_pattern_that_reads_it(
    tmp_path: Path, folders: dict[str, str], ending: str
) -> None:
    for number, case in enumerate(("a", "b")):
        for at, folder in enumerate(folders.values()):
            write_volume(tmp_path / folder / f"{case}{ending}", 10 * number + at)
        write_labels(tmp_path / "Masken" / f"{case}{ending}", 1)
    options = told(tmp_path)
    assert options["--drawn-on"] == ["PHASE"]
    found = find_cases(tmp_path, Inputs(layout=layout_of(options)))
    assert (found.problems, found.ignored) == ([], [])
    assert [(case.name, set(case.images), case.has_lesion_mask) for case in found.cases] == [
        ("a", set(folders), True),
        ("b", set(folders), True),
    ]


def test_folders_of_phases_with_a_folder_for_each_case_are_told_theirs(tmp_path: Path) -> None:
    for folder in ("art", "pv"):
        write_volume(tmp_path / folder / "a" / "scan.nii.gz")
    assert told(tmp_path)["--pattern"] == ["{phase}/{case}/*.nii.gz"]


def test_case_folders_that_are_named_like_phases_are_case_folders(tmp_path: Path) -> None:
    for case in ("art", "pv"):
        write_volume(tmp_path / case / "pv.nii.gz")
        write_labels(tmp_path / case / "lesions_pv.nii.gz", 1)
    cases, problems = scan_cohort(tmp_path)
    assert ([case.name for case in cases], problems) == (["art", "pv"], [])


@pytest.mark.parametrize("sessions", [(), ("01",), ("01", "02")], ids=["none", "one", "two"])
def test_bids_is_told_the_pattern_that_reads_it(tmp_path: Path, sessions: tuple[str, ...]) -> None:
    words = {"nc": "nat", "art": "art", "pv": "ven", "dl": "late"}
    for subject in ("01", "02"):
        for session in sessions or ("",):
            below = f"ses-{session}/" if session else ""
            stem = f"sub-{subject}_ses-{session}" if session else f"sub-{subject}"
            for word in words.values():
                write_volume(tmp_path / f"sub-{subject}" / below / "ct" / f"{stem}_ce-{word}_ct.nii.gz")
            write_labels(tmp_path / "derivatives" / f"sub-{subject}" / below / f"{stem}_mask.nii.gz", 1)
    options = told(tmp_path)
    assert options["--phase-names"] == [f"{phase}={word}" for phase, word in words.items()]
    pattern = options["--pattern"][0]
    masks = re.sub(r"/ct/.*", "/*_mask.nii.gz", f"derivatives/{pattern}")
    found = find_cases(tmp_path, Inputs(layout=layout_of(options, masks)))
    assert (found.problems, found.ignored) == ([], [])
    assert len(found.cases) == 2 * max(1, len(sessions))
    assert all(len(case.images) == 4 and case.has_lesion_mask for case in found.cases)
    assert {case.patient.removeprefix("sub-") for case in found.cases} == {"01", "02"}


def test_bids_names_that_tell_no_phase_are_left_to_the_user(tmp_path: Path) -> None:
    for run in ("1", "2"):
        write_volume(tmp_path / "sub-01" / "ct" / f"sub-01_run-{run}_ct.nii.gz")
    options = told(tmp_path)
    assert options["--pattern"] == ["{case}/ct/*_{phase}_ct.nii.gz"]
    assert options["--phase-names"][0] == "nc=..."


def test_subjects_whose_phases_are_named_as_expected_are_case_folders(tmp_path: Path) -> None:
    write_volume(tmp_path / "sub-01" / "pv.nii.gz")
    write_labels(tmp_path / "sub-01" / "lesions_pv.nii.gz", 1)
    cases, problems = scan_cohort(tmp_path)
    assert ([case.name for case in cases], problems) == (["sub-01"], [])


def write_dicom(folder: Path, name: str = "1-001.dcm") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 100)


@pytest.mark.parametrize("name", ["1-001.dcm", "IM000001"])
@pytest.mark.parametrize("deeper", ["", "103.000000-LIVER 3 PHASE"])
def test_a_tree_of_dicom_studies_is_told_to_be_imported(tmp_path: Path, name: str, deeper: str) -> None:
    for case in ("HCC_001", "HCC_002"):
        write_dicom(tmp_path / case / "04-21-2000-NA-CT" / "PRE" / deeper, name)
    (tmp_path / "clinical.xlsx").touch()
    cases, (problem,) = scan_cohort(tmp_path)
    assert cases == []
    assert problem.startswith(f"{tmp_path} seems to hold DICOM studies (HCC_001/04-21-2000-NA-CT/PRE")
    assert f"import-dicom {tmp_path} NEW_FOLDER`" in problem


def test_case_folders_with_dicom_beside_their_volumes_are_case_folders(tmp_path: Path) -> None:
    for case in ("a", "b"):
        write_dicom(tmp_path / case / "original" / "series")
        for seed, phase in enumerate(("art", "pv")):
            write_volume(tmp_path / case / f"{phase}.nii.gz", seed)
        write_labels(tmp_path / case / "lesions_pv.nii.gz", 1)
    cases, problems = scan_cohort(tmp_path)
    assert ([case.name for case in cases], problems) == (["a", "b"], [])
