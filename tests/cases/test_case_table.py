"""Cases from a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnunet_multiphase.cases.case_table import scan_table
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import MaskFiles

ROOT = Path("/cohort")


def scan(folder: Path, text: str, rule: MaskRule | None = None) -> tuple[list, list[str]]:
    table = folder / "cases.csv"
    table.write_text(text, encoding="utf-8")
    return scan_table(table, ROOT, rule or MaskRule())[:2]


def test_a_line_is_a_case(tmp_path: Path) -> None:
    (case,), problems = scan(
        tmp_path,
        "case,patient,art,pv,lesions,liver,reference\nc 1,P7,a/1.nii.gz,/else/2.nii,m1.nrrd | m2.nrrd,l.nii,art\n",
    )
    assert problems == []
    assert (case.name, case.patient, case.reference) == ("c_1", "P7", "art")
    assert case.images == {"art": ROOT / "a/1.nii.gz", "pv": Path("/else/2.nii")}
    assert case.lesions == MaskFiles((ROOT / "m1.nrrd", ROOT / "m2.nrrd"))
    assert case.liver == MaskFiles((ROOT / "l.nii",))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_comma_semicolon_and_tab(tmp_path: Path, delimiter: str) -> None:
    text = "\ufeffcase,nc,pv,lesions\nx,1,2,3\n".replace(",", delimiter)
    (case,), problems = scan(tmp_path, text)
    assert problems == []
    assert tuple(case.images) == ("nc", "pv")
    assert case.reference == "pv"  # nothing is said: pv
    assert case.patient == "x"


def test_another_reference_brings_the_masks_along(tmp_path: Path) -> None:
    text = "case,art,pv,lesions,liver,reference\nx,1,2,3,4,art\n"
    (case,), problems = scan(tmp_path, text, MaskRule(reference="pv"))
    assert problems == []
    assert case.reference == "pv"
    assert case.lesions is None
    assert case.moving_lesions == {"art": MaskFiles((ROOT / "3",))}
    assert case.liver is None
    assert case.unused_liver == ROOT / "4"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (",1,2,3,,", "cases.csv, line 2: no case is named"),
        ("x,,,3,,", "case x .*: no phase"),
        ("x,1,2,,,", "case x .*: no lesion mask"),
        ("x,1,,3,,pv", "the reference pv is none of its phases art"),
        ("x,1,2,3,,\nX,1,2,3,,", "line 3: case X is there twice"),
        ("", "has no line under its header"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    _, problems = scan(tmp_path, f"case,art,pv,lesions,liver,reference\n{line}\n")
    assert len(problems) == 1
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(problems[0])


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("", "it lacks case, lesions: found nothing"),
        ("case,art,pv", "it lacks lesions: found case, art, pv"),
        ("art,lesions", "it lacks case"),
        (
            "case,lesions,ct",
            "expected a column for each phase there is .nc, art, pv, dl., found case, lesions, ct",
        ),
        ("case,Case ,pv,lesions", "the column case is there twice"),
        ("case,pv,lesions,refrence", "the column refrence looks like reference"),
    ],
)
def test_another_header_is_refused(tmp_path: Path, header: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        scan(tmp_path, f"{header}\n")


def test_further_columns_are_named_and_passed_over(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_text("age;case;pv;remark, long;lesions;\n63;x;1;a, b, c, d;2;\n", encoding="utf-8")
    (case,), problems, notes = scan_table(table, ROOT, MaskRule())
    assert (case.images, problems) == ({"pv": ROOT / "1"}, [])
    assert notes == ["cases.csv: not used of its columns: age, remark, long"]


def test_letter_case_and_blanks_of_the_header_do_not_count(tmp_path: Path) -> None:
    (case,), problems = scan(tmp_path, " Case , PATIENT,Art, PV\u00a0,Lesions\nx,A,1,2,3\n")
    assert (case.name, case.patient, tuple(case.images), problems) == ("x", "A", ("art", "pv"), [])


@pytest.mark.parametrize("empty", [",,,", " , ,\t, ", "", '"","",,'])
def test_empty_rows_of_a_spreadsheet_are_passed_over(tmp_path: Path, empty: str) -> None:
    cases, problems = scan(tmp_path, f"{empty}\ncase,art,pv,lesions\n{empty}\nx,1,2,3\n{empty}\n{empty}\n")
    assert ([case.name for case in cases], problems) == (["x"], [])


def test_a_line_break_in_quotes_is_part_of_its_cell(tmp_path: Path) -> None:
    text = 'case,remark,pv,lesions\nx,"one\ntwo",1,3\n,,1,3\n'
    cases, problems = scan(tmp_path, text)
    assert [case.name for case in cases] == ["x"]
    assert [problem[:18] for problem in problems] == ["cases.csv, line 4:"]


@pytest.mark.parametrize("sign", ["\u2028", "\x0c", "\x85", "\x1c"])
def test_only_line_breaks_part_lines(tmp_path: Path, sign: str) -> None:
    (case,), problems = scan(tmp_path, f"case,pv,lesions\nx,a{sign}b.nii,3\n")
    assert (case.images, problems) == ({"pv": ROOT / f"a{sign}b.nii"}, [])


@pytest.mark.parametrize(
    "text", ["sep=;\ncase;pv;lesions\nx;1;2\n", '"sep=\t"\r\ncase\tpv\tlesions\r\nx\t1\t2\r\n']
)
def test_a_spreadsheets_hint_at_the_separator_is_taken(tmp_path: Path, text: str) -> None:
    (case,), problems = scan(tmp_path, text)
    assert (case.name, case.images, problems) == ("x", {"pv": ROOT / "1"}, [])


def test_old_line_ends_are_read(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_bytes(b"case,pv,lesions\rx,1,2\ry,3,4\r")
    assert [case.name for case in scan_table(table, ROOT, MaskRule())[0]] == ["x", "y"]


def test_a_quote_that_never_ends_swallows_no_case(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="look for a lost quote"):
        scan(tmp_path, 'case,pv,lesions,remark\nx,1,2,"lost\ny,1,2,\n')


def test_too_many_cells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: more cells"):
        scan(tmp_path, "case,pv,lesions\nx,1,2,3\n")


def test_a_lost_quote_is_said(tmp_path: Path) -> None:
    text = "case,pv,lesions\n" + 'x,"' + "1" * 140_000 + "\n"
    with pytest.raises(InputError, match="look for a lost quote"):
        scan(tmp_path, text)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "cases.xlsx"
    table.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        scan_table(table, ROOT, MaskRule())
    with pytest.raises(InputError, match="cannot be read"):
        scan_table(tmp_path / "none.csv", ROOT, MaskRule())


def test_a_name_that_leads_out_of_a_folder_is_none(tmp_path: Path) -> None:
    (case, other), problems = scan(tmp_path, "case,pv,lesions\n..,1,2\n../../x,1,2\n")
    assert (case.name, other.name, problems) == ("__", "___.._x", [])
