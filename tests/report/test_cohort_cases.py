"""A dataset's cases: read from any table setup or a spreadsheet wrote, in the order of what is wrong."""

import json

import pytest
from cohort_tables import COHORT, WORST_FIRST, line, make_dataset

from nnunet_multiphase.report.cohort_cases import COLUMNS, read_cohort
from nnunet_multiphase.report.cohort_page import CELLS


@pytest.fixture
def folder(tmp_path):
    return make_dataset(tmp_path / "d", COHORT, pictures=("look",))


def test_cases_come_once_each_and_the_worst_first(folder):
    assert [case.name for case in read_cohort(folder).cases] == WORST_FIRST


def test_each_case_says_what_is_wrong_with_it(folder):
    concerns = {case.name: case.concern for case in read_cohort(folder).cases}
    assert concerns == {
        "broken": "failed",
        "wrong": "doubtful",
        "doubtful": "doubtful",
        "look_first": "check",
        "look": "check",
        "warned": "warned",
        "filled": "filled",
        "fine_2": "fine",
        "fine_10": "fine",
        "left_out": "out",
    }


def test_a_case_without_a_gain_comes_after_its_equals(tmp_path):
    lines = [line("a", similarity_before=None), line("b", gain=0.9)]
    cases = read_cohort(make_dataset(tmp_path / "d", lines)).cases
    assert [case.name for case in cases] == ["b", "a"]


def test_a_case_has_the_picture_of_its_name(folder):
    pictures = {case.name: case.picture for case in read_cohort(folder).cases if case.picture}
    assert pictures == {"look": folder / "registration" / "overview" / "look.png"}


def test_a_table_saved_by_a_spreadsheet_is_read(folder):
    table = folder / "quality.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    assert [case.name for case in read_cohort(folder).cases] == WORST_FIRST


def test_an_old_tables_phases_are_those_of_its_lines(tmp_path):
    folder = make_dataset(tmp_path / "d", COHORT, columns=("case", "phase"))
    assert sorted(read_cohort(folder).phases) == ["art", "pv"]


def test_an_old_tables_reference_is_that_of_the_record(tmp_path):
    folder = make_dataset(tmp_path / "d", [line("a")], columns=("case", "phase"))
    (folder / "dataset.json").write_text(json.dumps({"reference_phase": {"a": "dl"}}))
    (case,) = read_cohort(folder).cases
    assert case.reference == "dl"


def test_a_record_without_a_name_leaves_the_folders(tmp_path):
    folder = make_dataset(tmp_path / "Dataset007_Old", COHORT)
    (folder / "dataset.json").write_text("{}")
    assert read_cohort(folder).name == "Dataset007_Old"


def test_a_table_without_lines_has_no_cases(tmp_path):
    assert list(read_cohort(make_dataset(tmp_path / "d", [])).cases) == []


def test_columns_are_those_the_table_has_figures_for(tmp_path):
    folder = make_dataset(tmp_path / "d", COHORT, columns=("case", "phase", "similarity_before", "shift_mm"))
    assert [column.name for column in read_cohort(folder).columns] == ["case", "phase", "shift mm"]


def test_the_page_writes_every_column():
    assert list(CELLS) == [column.name for column in COLUMNS]
