"""Cases from a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnunet_multiphase.data.case_table import scan_table
from nnunet_multiphase.data.mask_choice import MaskRule
from nnunet_multiphase.data.volume_file import MaskFiles
from nnunet_multiphase.errors import InputError

ROOT = Path("/cohort")


def scan(folder: Path, text: str, rule: MaskRule | None = None) -> tuple[list, list[str]]:
    table = folder / "cases.csv"
    table.write_text(text, encoding="utf-8")
    return scan_table(table, ROOT, rule or MaskRule())


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


@pytest.mark.parametrize("header", ["", "case,art,pv", "art,lesions", "case,lesions,ct", "case,case,lesions"])
def test_another_header_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match="expected a header of case, patient, nc"):
        scan(tmp_path, f"{header}\n")


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
