"""What a table of cases says in a column that is not read, or leaves out in one that is, is not passed over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnunet_multiphase.cases.case_table import scan_table
from nnunet_multiphase.cases.mask_choice import MaskRule


def problems(folder: Path, text: str) -> list[str]:
    for name in ("x/nc.nii", "x/art.nii", "x/pv.nii", "x/m.nii", "x/m2.nii", "x/deep/1.dcm"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    table = folder / "t.csv"
    table.write_text(text, encoding="utf-8")
    return scan_table(table, folder, MaskRule())[1]


def only(found: list[str], sentence: str) -> None:
    assert len(found) == 1, found
    assert re.search(sentence, found[0]), found[0]


def test_a_patient_in_the_first_of_merged_cells_alone_is_refused(tmp_path: Path) -> None:
    text = "case,patient,pv,lesions\na,Meier,1,2\nb,,1,2\nc,Huber,1,2\nd, ,1,2\n"
    only(problems(tmp_path, text), r"t.csv, lines 3, 5: no patient, .* merged cells must be filled down")


@pytest.mark.parametrize("patients", [("", "", ""), ("A", "A", "B")])
def test_patients_of_all_lines_or_of_none_pass(tmp_path: Path, patients: tuple[str, ...]) -> None:
    lines = "".join(f"c{n},{patient},1,2\n" for n, patient in enumerate(patients))
    assert problems(tmp_path, f"case,patient,pv,lesions\n{lines}") == []


@pytest.mark.parametrize(
    ("column", "cell", "sentence"),
    [
        (
            "lesions2",
            "x/m2.nii",
            "column lesions2 holds files .line 2: x/m2.nii.*into lesions, with . between",
        ),
        ("Tumor 2", "x/m2.nii", "seems to be a mask of lesions"),
        ("Tumor 2", "moved/m2.nii", "seems to be a mask of lesions"),
        ("native", "x/nc.nii", "seems to be nc: call it nc"),
        ("Spätphase", "x/dl.nii", "seems to be dl: call it dl"),
        ("arterial", "x/deep", "seems to be art: call it art"),
        ("liver_mask", "x/m2.nii", "seems to be a mask of the liver: call it liver"),
        ("scan", "x/m2.nii", "expected one of nc, art, pv, dl, lesions, liver"),
        ("t1", "x/m2.nii", "expected one of nc, art, pv, dl, lesions, liver"),  # a time point, perhaps
        ("PET tumor", "x/m2.nii", "holds files"),
        ("", "x/m2.nii", "a column without a name holds files"),
    ],
)
def test_a_column_of_volumes_is_not_passed_over(
    tmp_path: Path, column: str, cell: str, sentence: str
) -> None:
    only(problems(tmp_path, f"case,{column},pv,lesions\na,{cell},x/pv.nii,x/m.nii\n"), sentence)


@pytest.mark.parametrize("column", ["patient name", "Subject", "patient number", "PatNr", "MRN", "Person"])
def test_a_column_that_names_one_patient_twice_is_refused(tmp_path: Path, column: str) -> None:
    text = f"case,{column},pv,lesions\na,007,1,2\nb,8,1,2\nc,7,1,2\n"
    only(problems(tmp_path, text), f"column {column} names one patient in lines 2 and 4.*call it patient")


@pytest.mark.parametrize("column", ["ref", "drawn_on", "Phase", "mask phase", "annotated on"])
def test_a_column_that_names_another_reference_is_refused(tmp_path: Path, column: str) -> None:
    text = f"case,{column},art,pv,lesions\na,pv,1,2,3\nb,arterial,1,2,3\n"
    only(problems(tmp_path, text), "names art in line 3, whose masks would be .* on pv: call it reference")


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("age", ("63", "70")),
        ("site", ("Mainz", "Mainz")),
        ("comment", ("late arterial, see m2.nii", "")),
        ("tumor size", ("23", "4")),
        ("liver disease", ("HBV", "HBV")),
        ("patient age", ("63", "63")),
        ("native", ("yes", "no")),
        ("portal delay", ("70 s", "70 s")),
        ("subject", ("s1", "s2")),
        ("phase", ("pv", "pv")),
        ("lesions drawn by", ("AB", "AB")),
        ("source", ("old/1.nii", "old/2.nii")),
        ("folder", ("x", "x")),
        ("lesions again", ("x/m.nii", "x/m.nii")),
        ("pet", ("x/m2.nii", "x/m2.nii")),
        ("T1w MRI", ("x/m2.nii", "")),
        ("spleen mask", ("x/m2.nii", "")),
        ("lesions2", ("", "n/a")),
        ("", ("0", "1")),
    ],
)
def test_a_column_of_something_else_is_passed_over(
    tmp_path: Path, column: str, cells: tuple[str, str]
) -> None:
    lines = "".join(f'c{n},"{cell}",x/art.nii,x/pv.nii,x/m.nii\n' for n, cell in enumerate(cells))
    assert problems(tmp_path, f"case,{column},art,pv,lesions\n{lines}") == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a,,nan,2,3,,", r"case a .t.csv, line 2.: its column art holds 'nan': leave the cell empty"),
        ("a,,1,2,3,N/A,", "its column liver holds 'N/A'"),
        ("a,,1,2,3,,-", "its column reference holds '-'"),
        ("a,unknown,1,2,3,,", "its column patient holds 'unknown': name the patient"),
        ("a,,1,2,m.nii;n.nii,,", "seem to be several files: write . between"),
        ("a,,1,2,3,l.nii|r.nii,", "its liver 'l.nii.r.nii' seems to be several files: expected one"),
    ],
)
def test_a_cell_of_another_form_is_told_how_to_write_it(tmp_path: Path, line: str, sentence: str) -> None:
    only(problems(tmp_path, f"case,patient,art,pv,lesions,liver,reference\n{line}\n"), sentence)


def test_letter_case_of_the_reference_does_not_count(tmp_path: Path) -> None:
    assert problems(tmp_path, "case,art,pv,lesions,reference\na,1,2,3,ART\n") == []
