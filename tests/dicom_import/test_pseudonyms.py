"""Patients and their studies under names of their own, which stay when others join."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dicom_phantom import phase_series, save, uid
from four_phases import files

from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.dicom_import.pseudonyms import Name, told_of_order
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("first", "second"), [("one", "other"), ("other", "one")])
def test_studies_are_cases_in_the_order_of_their_dates(first: str, second: str, tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", study=second, StudyDate="20220101"), tmp_path / "tree")
    save(phase_series("pv", description="pv", study=first, StudyDate="20200101"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    with (tmp_path / "raw_pseudonyms.csv").open(newline="") as stream:
        cases = {row["case"]: row["StudyInstanceUID"] for row in csv.DictReader(stream)}
    assert cases == {"patient_001": uid("P1", first), "patient_001_2": uid("P1", second)}


def test_an_earlier_examination_that_comes_in_later_is_told(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", study="b", StudyDate="20220101"), tmp_path / "tree")
    assert not any(
        "followed" in remark for remark in import_tree(tmp_path / "tree", tmp_path / "raw").remarks
    )
    save(phase_series("pv", description="pv", study="a", StudyDate="20200101"), tmp_path / "tree")
    told = [r for r in import_tree(tmp_path / "tree", tmp_path / "raw").remarks if "followed" in r]
    assert told == [
        "the examinations of patient_001 followed each other as patient_001_2, patient_001: cases keep the numbers of an "
        "earlier import"
    ]
    fresh = import_tree(tmp_path / "tree", tmp_path / "fresh")
    assert not any("followed" in remark for remark in fresh.remarks)


def test_cases_that_were_named_by_hand_are_in_no_order() -> None:
    studies: Any = [SimpleNamespace(patient_id="P1", uid=uid, date=uid) for uid in ("20200101", "20220101")]
    names = {
        ("P1", "20200101"): Name("patient_001", "patient_001_base"),
        ("P1", "20220101"): Name("patient_001", "patient_001"),
    }
    assert told_of_order(studies, names) == []


def test_studies_stay_with_their_patient(tmp_path: Path) -> None:
    for patient, study in (("P1", "one"), ("P1", "other"), ("P2", "one")):
        save(phase_series("pv", description="pv", patient=patient, study=study), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    table = (tmp_path / "raw" / "patients.csv").read_text().split()
    two = next(line for line in table if "_2," in line).split(",")[1]
    (one,) = {"patient_001", "patient_002"} - {two}
    assert table == ["case,patient", *sorted([f"{one},{one}", f"{two},{two}", f"{two}_2,{two}"])]


def test_pseudonyms_stay_when_patients_join(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", patient="P5"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    for number in range(6):
        save(phase_series("art", description="art", patient=f"P{number}"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    with (tmp_path / "raw_pseudonyms.csv").open(newline="") as stream:
        names = {row["PatientID"]: row["pseudonym"] for row in csv.DictReader(stream)}
    assert names["P5"] == "patient_001"
    assert sorted(names.values()) == [f"patient_{n:03d}" for n in range(1, 7)]
    assert files(tmp_path / "raw" / "patient_001") == ["art.nii.gz", "pv.nii.gz"]


def test_second_import_adds_to_the_first(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", patient="P1"), tmp_path / "one")
    save(phase_series("pv", description="pv", patient="P2"), tmp_path / "two")
    import_tree(tmp_path / "one", tmp_path / "raw")
    import_tree(tmp_path / "two", tmp_path / "raw")
    assert (tmp_path / "raw" / "patients.csv").read_text().split() == [
        "case,patient",
        "patient_001,patient_001",
        "patient_002,patient_002",
    ]


def test_studies_without_patient_id_are_patients_of_their_own(tmp_path: Path) -> None:
    for study in ("a", "b"):
        save(phase_series("pv", description="pv", patient="", study=study), tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert summary.written == ("patient_001", "patient_002")
    assert any("without PatientID" in remark for remark in summary.remarks)


def test_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match=r"raw holds thesis\.txt, which no import wrote"):
        import_tree(tmp_path / "tree", tmp_path / "raw")
    assert files(tmp_path / "raw") == ["thesis.txt"]


def test_folder_without_its_key_file_is_refused(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    (tmp_path / "raw_pseudonyms.csv").unlink()
    with pytest.raises(InputError, match="which no import wrote according to raw_pseudonyms"):
        import_tree(tmp_path / "tree", tmp_path / "raw")
