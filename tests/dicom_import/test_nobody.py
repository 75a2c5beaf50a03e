"""Images whose headers say nothing of person and study: one person's are a case, several people's are asked about."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from dicom_phantom import ORIGIN_MM, phase_series, save
from four_phases import NAMES, files

from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree

pytestmark = pytest.mark.slow

EMPTIED = (
    *(
        "PatientID",
        "PatientName",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "FrameOfReferenceUID",
        "StudyDate",
    ),
    *("StudyTime", "AcquisitionDate", "ContentDate", "AcquisitionTime", "ContentTime"),
)


def save_emptied(folder: Path, phase: str, said: str = "", **options: Any) -> None:
    number = {"number": list(NAMES).index(phase)}
    slices = phase_series(phase, description=NAMES[phase], **number, **options)
    for item in slices:
        for name in EMPTIED:
            setattr(item, name, said if name == "PatientID" else "")
    save(slices, folder)


def imported(tmp_path: Path) -> Summary:
    return import_tree(tmp_path / "tree", tmp_path / "raw")


@pytest.mark.parametrize("said", ["", "ANONYMOUS"])
def test_two_peoples_folders_are_no_case(said: str, tmp_path: Path) -> None:
    for person, phases in (("A", ("nc", "pv")), ("B", ("art", "dl"))):
        for phase in phases:
            save_emptied(tmp_path / "tree" / person / phase, phase, said, study=person)
    summary = imported(tmp_path)
    (failure,) = summary.failures
    assert "case patient_001: its images say neither whose they are nor of which study" in failure
    assert "as one of several folders holds several series; fill in PatientID" in failure
    assert not (tmp_path / "raw" / "patient_001").exists()
    assert not any("each counts as a patient of its own" in remark for remark in summary.remarks)


def test_phases_that_lie_far_apart_are_no_case(tmp_path: Path) -> None:
    x, y, z = ORIGIN_MM
    save_emptied(tmp_path / "tree", "nc", study="A")
    save_emptied(tmp_path / "tree", "pv", study="B", origin=(x, y, z - 450))
    (failure,) = imported(tmp_path).failures
    assert "as phases lie at heights that have nothing in common" in failure


@pytest.mark.parametrize("layout", ["{n}/{phase}/{n}", "{phase}", "all", "{n}"])
def test_one_persons_emptied_files_are_a_case(layout: str, tmp_path: Path) -> None:
    for n, phase in enumerate(NAMES):
        save_emptied(tmp_path / "tree" / layout.format(phase=phase, n=n), phase)
    summary = imported(tmp_path)
    assert summary.failures == ()
    assert files(tmp_path / "raw" / "patient_001") == ["art.nii.gz", "dl.nii.gz", "nc.nii.gz", "pv.nii.gz"]


def test_folders_of_so_many_files_each_are_no_people(tmp_path: Path) -> None:
    for phase in NAMES:
        save_emptied(tmp_path / "all", phase)
    for n, path in enumerate(sorted((tmp_path / "all").iterdir())):
        folder = tmp_path / "tree" / f"DIR{n // 18}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    assert imported(tmp_path).failures == ()


def test_a_patient_id_settles_it(tmp_path: Path) -> None:
    for person in "AB":
        for phase in ("nc", "pv"):
            slices = phase_series(phase, description=NAMES[phase], study=person, patient=person)
            for item in slices:
                for name in EMPTIED[1:]:
                    setattr(item, name, "")
            save(slices, tmp_path / "tree" / person / phase)
    summary = imported(tmp_path)
    assert (summary.failures, len(summary.written)) == ((), 2)


def test_another_persons_emptied_files_do_not_replace_the_first(tmp_path: Path) -> None:
    save_emptied(tmp_path / "tree", "pv", study="A")
    imported(tmp_path)
    before = (tmp_path / "raw" / "patient_001" / "pv.nii.gz").read_bytes()
    assert imported(tmp_path).failures == ()  # the same again
    shutil.rmtree(tmp_path / "tree")
    save_emptied(tmp_path / "tree", "pv", study="B", origin=(-90.0, -80.0, 47.0))
    (failure,) = imported(tmp_path).failures
    assert "pv: other images, whose headers do not say whose they are: give them a PatientID" in failure
    assert (tmp_path / "raw" / "patient_001" / "pv.nii.gz").read_bytes() == before
