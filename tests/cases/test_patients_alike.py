"""One person under two names that programs write apart would be in training and test: such names are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from unopened_cohort import unopened_cohort

from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Smith", "smith"),
        ("Jones", "JONES "),
        ("Ann Lee", "Ann  Lee"),
        ("A 12", "A12"),
        ("007", "7"),
        ("STRASSE", "straße"),
        ("x\u00a01", "x1"),
    ],
)
def test_patients_that_differ_as_programs_write_them_are_refused(
    tmp_path: Path, one: str, other: str
) -> None:
    raw = unopened_cohort(tmp_path, "p1", "p2")
    (raw / "patients.csv").write_text(f'case,patient\np1,{one}\np2,"{other}"\n', encoding="utf-8")
    (problem,) = find_cases(raw, Inputs()).problems
    assert problem.startswith("case p2: its patient ")
    assert "of case p1 differ only in letter case, blanks or leading zeros" in problem
    assert "write them the same in patients.csv; if they are two, name them apart" in problem


def test_patients_that_differ_otherwise_pass(tmp_path: Path) -> None:
    raw = unopened_cohort(tmp_path, "p1", "p2", "p3", "p4", "p5", "p6")
    (raw / "patients.csv").write_text("case,patient\np1,P07\np2,P7\np3,70\np4,7\np5,7\np6,0\n")
    found = find_cases(raw, Inputs())
    assert found.problems == []
    assert [case.patient for case in found.cases] == ["P07", "P7", "70", "7", "7", "0"]


def test_each_name_is_said_once(tmp_path: Path) -> None:
    raw = unopened_cohort(tmp_path, "p1", "p2", "p3")
    (raw / "patients.csv").write_text("case,patient\np1,A\np2,a\np3,a\n")
    assert len(find_cases(raw, Inputs()).problems) == 1


def test_folders_that_are_their_own_patients_pass(tmp_path: Path) -> None:
    assert find_cases(unopened_cohort(tmp_path, "7", "007"), Inputs()).problems == []


def test_a_table_of_cases_is_looked_at_too(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("case,patient,nc,pv,lesions\na,Smith,1,2,3\nb,smith,4,5,6\n")
    (problem,) = find_cases(tmp_path, Inputs(table=table)).problems
    assert "'smith' and the patient 'Smith' of case a" in problem
    assert "in t.csv" in problem


def test_patients_of_a_pattern_are_looked_at_too(tmp_path: Path) -> None:
    raw = unopened_cohort(tmp_path, "007/x", "7/y")
    layout = Layout(
        image="{patient}/{case}/{phase}.nii.gz",
        phase_names={"nc": "nc", "pv": "pv"},
        lesions="{patient}/{case}/lesions_{phase}.nii.gz",
    )
    (problem,) = find_cases(raw, Inputs(layout=layout)).problems
    assert "'7' and the patient '007' of case x" in problem
