"""No table that is written holds a formula, and what is read back is what was written."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunet_multiphase.alignment.quality import PhaseQuality, write_quality
from nnunet_multiphase.dicom_import.pseudonyms import Name, read_pseudonyms, write_pseudonyms
from nnunet_multiphase.dicom_import.user_table import write_user_table
from nnunet_multiphase.report.cohort_cases import read_cohort
from nnunet_multiphase.table_cells import read_cell, safe_cell, write_csv
from nnunet_multiphase.table_text import read_table

FORMULAS = (
    "=1+1",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    '=HYPERLINK("http://x")',
    "\uff1d1",
    "-A1",
)


@pytest.mark.parametrize("word", FORMULAS)
def test_a_formula_becomes_a_word(word: str) -> None:
    assert safe_cell(word) == f"'{word}"


@pytest.mark.parametrize("cell", ["-12.5", "+3", "-1e-05", "-inf", "12", "", "P-1", "a=b", "'", "'s", "x@y"])
def test_numbers_and_plain_words_stay(cell: str) -> None:
    assert safe_cell(cell) == read_cell(cell) == cell


@given(st.text(alphabet=st.sampled_from("'=+-@\t\n 1.a\uff1d"), max_size=6) | st.text())
def test_what_is_read_is_what_was_written(cell: str) -> None:
    written = safe_cell(cell)
    assert read_cell(written) == cell
    assert not written.startswith(("=", "@", "\t", "\r"))


def cells_of(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [cell for row in csv.reader(stream) for cell in row]


def quality(case: str) -> PhaseQuality:
    return PhaseQuality(case=case, patient=case, split="train", reference="pv", phase="pv", status="present")


@pytest.mark.parametrize("word", FORMULAS)
def test_no_table_holds_a_formula(tmp_path: Path, word: str) -> None:
    write_csv(tmp_path / "cases.csv", ["case", "dice"], [[word, "-0.5"]])
    write_user_table(tmp_path / "series.csv", ["series", "after_s"], [[word, "-0.5"]])
    write_quality([replace(quality("a"), patient=word, shift_mm=-0.5)], tmp_path / "quality.csv")
    write_pseudonyms(tmp_path / "key.csv", {(word, word): Name("patient_001", "patient_001")})
    for path in tmp_path.glob("*.csv"):
        found = cells_of(path)
        assert f"'{word}" in found
        assert not [cell for cell in found if cell != "-0.5" and cell[:1] in tuple("=+-@\t\r")]


@pytest.mark.parametrize("word", FORMULAS[:4])
def test_the_names_are_the_same_again(tmp_path: Path, word: str) -> None:
    write_quality([quality(word)], tmp_path / "quality.csv")
    (tmp_path / "dataset.json").write_text("{}")
    assert [case.name for case in read_cohort(tmp_path).cases] == [word]
    (row,) = read_table(tmp_path / "quality.csv", ["case", "patient"]).rows
    assert (row["case"], row["patient"]) == (word, word)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).map(str.strip))
def test_a_patients_pseudonym_is_found_again_whatever_the_id(
    tmp_path_factory: pytest.TempPathFactory, patient_id: str
) -> None:
    path = tmp_path_factory.mktemp("key") / "key.csv"
    names = {(patient_id, "1.2.3"): Name("patient_001", "patient_001")}
    write_pseudonyms(path, names)
    assert read_pseudonyms(path) == names
