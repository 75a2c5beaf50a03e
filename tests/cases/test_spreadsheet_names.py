"""Names that a spreadsheet or a disk has changed: shortened numbers, failed formulas, lost zeros, accents' form."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from unopened_cohort import unopened_cohort

from nnunet_multiphase.cases.case_table import scan_table
from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.table_text import told_of_spoilt_cell

SPOILT = ["1,23E+09", "1.23457E+11", "4E+12", "1,23E+009", "#REF!", "#NAME?", "#WERT!", "#DIV/0!", "########"]


@pytest.mark.parametrize("name", SPOILT)
def test_a_patient_that_a_spreadsheet_has_shortened_is_refused(tmp_path: Path, name: str) -> None:
    raw = unopened_cohort(tmp_path, "a", "b")
    table = raw / "cases.csv"
    table.write_text(f"case;patient;nc;pv;lesions\na;{name};1;2;3\nb;P2;4;5;6\n", encoding="utf-8")
    (problem,) = scan_table(table, raw, MaskRule())[1]
    assert problem.startswith(f"case a (cases.csv, line 2): its patient is {name!r}, ")
    (raw / "patients.csv").write_text(f"case;patient\na;{name}\nb;P2\n", encoding="utf-8")
    assert f"patients.csv, line 2: the patient is {name!r}, " in find_cases(raw, Inputs()).problems[0]


def test_a_case_that_a_spreadsheet_has_shortened_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_text('case,nc,pv,lesions\n"1,23E+09",1,2,3\n', encoding="utf-8")
    (problem,) = scan_table(table, tmp_path, MaskRule())[1]
    assert "line 2: the case is '1,23E+09', a number that a spreadsheet has shortened" in problem


@pytest.mark.parametrize(
    "name", ["12E4", "1E5", "3e10", "007", "#7", "P#1", "E+12", "1.2.840.113", "Nr. #3", "1.5"]
)
def test_ordinary_names_are_not_spoilt(name: str) -> None:
    assert told_of_spoilt_cell(name) == ""


def test_a_line_that_lost_its_zeros_is_named(tmp_path: Path) -> None:
    raw = unopened_cohort(tmp_path, "001", "002")
    (raw / "patients.csv").write_text("case,patient\n1,7\n002,8\n")
    (problem,) = find_cases(raw, Inputs()).problems
    assert "its line '1' seems to be meant (spreadsheets drop leading zeros): write 001 there" in problem


@pytest.mark.parametrize(("stored", "written"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_as_signs_of_their_own_are_found(tmp_path: Path, stored: str, written: str) -> None:
    raw = unopened_cohort(tmp_path, unicodedata.normalize(stored, "Größe/Müller"))
    path = unicodedata.normalize(written, "Größe/Müller")
    table = raw / "cases.csv"
    files = ",".join(f"{path}/{name}.nii.gz" for name in ("nc", "pv", "lesions_pv", "liver_pv"))
    table.write_text(f"case,nc,pv,lesions,liver\na,{files}\n", encoding="utf-8")
    (case,), problems, _ = scan_table(table, raw, MaskRule())
    assert problems == []
    assert all(file.is_file() for file in (*case.images.values(), *case.lesions.paths))
    assert case.liver is not None
    assert case.liver.paths == (
        raw / f"{path}/liver_pv.nii.gz",
    )  # is not there in any form: as it is written
