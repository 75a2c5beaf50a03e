"""One person under two PatientIDs is noticed, as a split would put that person on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_phantom import phase_series, save, uid
from four_phases import NAMES

from nnunet_multiphase.dicom_import.import_tree import import_tree

pytestmark = pytest.mark.slow

WOMAN = {"PatientName": "Doe^Jane", "PatientSex": "F", "PatientBirthDate": "19500101"}


def save_as(tmp_path: Path, patient: str, study: str, phase: str = "pv", **tags: str) -> None:
    """Write a phase whose StudyInstanceUID does not depend on the PatientID."""
    tags = {"StudyInstanceUID": uid("study", study), **tags}
    save(
        phase_series(phase, description=NAMES[phase], patient=patient, study=study, **tags), tmp_path / "tree"
    )


def told(tmp_path: Path) -> list[str]:
    remarks = import_tree(tmp_path / "tree", tmp_path / "raw").remarks
    return [remark for remark in remarks if "training and test" in remark]


@pytest.mark.parametrize("other", ["12345", ""])
def test_one_study_under_two_ids_is_said(other: str, tmp_path: Path) -> None:
    save_as(tmp_path, "0012345", "A")
    save_as(tmp_path, other, "A", "art")
    (sentence,) = told(tmp_path)
    assert (
        "patients patient_001 and patient_002 are of one StudyInstanceUID, but not of one PatientID"
        in sentence
    )
    assert "12345" not in sentence


def test_the_other_id_may_come_in_a_later_import(tmp_path: Path) -> None:
    save_as(tmp_path, "0012345", "A")
    assert told(tmp_path) == []
    for path in (tmp_path / "tree").iterdir():
        path.unlink()
    save_as(tmp_path, "12345", "A", "art")
    assert len(told(tmp_path)) == 1


def test_two_ids_of_one_name_birth_date_and_sex_are_said(tmp_path: Path) -> None:
    save_as(tmp_path, "1234567", "A", **WOMAN)
    save_as(tmp_path, "01234567", "B", **WOMAN | {"PatientName": "DOE^JANE^M"})
    (sentence,) = told(tmp_path)
    assert (
        "patients patient_001 and patient_002 are of one name, birth date and sex, but not of one PatientID"
        in sentence
    )
    assert "Jane" not in sentence
    assert "1950" not in sentence


@pytest.mark.parametrize(
    "other",
    [
        {"PatientName": "Roe^Richard", "PatientSex": "M"},
        {"PatientBirthDate": "19600101"},
        {"PatientName": "Roe^Mary"},  # UIDs that a de-identification made alike for all
    ],
)
def test_one_study_uid_of_different_people_goes_without_a_word(other: dict[str, str], tmp_path: Path) -> None:
    save_as(tmp_path, "P1", "A", **WOMAN)
    save_as(tmp_path, "P2", "A", "art", **WOMAN | other)
    assert told(tmp_path) == []


def test_a_name_that_was_written_for_all_goes_without_a_word(tmp_path: Path) -> None:
    for n in range(3):
        save_as(tmp_path, f"P{n}", f"study {n}", **WOMAN)
    assert told(tmp_path) == []


def test_people_of_whom_nothing_is_said_go_without_a_word(tmp_path: Path) -> None:
    for n in range(2):
        save_as(tmp_path, f"P{n}", f"study {n}", PatientName="Anonymous", PatientSex="", PatientBirthDate="")
    assert told(tmp_path) == []
