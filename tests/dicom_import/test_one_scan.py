"""Series that are reconstructions of one scan, or pieces of one: what cannot be two phases is not used as two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dicom_phantom import START, abdomen_hu, make_series, phase_series, save

from nnunet_multiphase.dicom_import.import_tree import import_tree

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]

NAMES = {"nc": "nativ", "art": "arteriell", "pv": "portal venous", "dl": "delayed"}


def save_phases(tree: Path, phases: str, **tags: Any) -> None:
    for number, phase in enumerate(NAMES, start=1):
        if phase in phases.split():
            options = {"AcquisitionNumber": number, **tags}
            save(phase_series(phase, description=NAMES[phase], number=number, **options), tree)


def save_mislabelled(tree: Path, **options: Any) -> None:
    """Write a second reconstruction of the portal venous scan, called arterial."""
    options = {"start": START["pv"], "AcquisitionNumber": 3, **options}
    save(make_series(abdomen_hu("pv"), series="x", description="arteriell 5.0", number=7, **options), tree)


def used(rows: list[dict[str, str]]) -> str:
    return " ".join(sorted(row["phase"] for row in rows if row["use"] == "yes"))


def test_one_acquisition_is_not_used_as_two_phases(tmp_path: Path, series_rows: Rows) -> None:
    save_phases(tmp_path / "tree", "nc pv dl")
    save_mislabelled(tmp_path / "tree", ConvolutionKernel="Br36")
    rows = series_rows()
    assert used(rows) == "dl nc"
    told = [row for row in rows if "is of the same acquisition" in row["problems"]]
    assert sorted(row["series_number"] for row in told) == ["3", "7"]


def test_the_table_says_which_phase_one_acquisition_is(tmp_path: Path, series_rows: Rows) -> None:
    save_phases(tmp_path / "tree", "nc pv dl")
    save_mislabelled(tmp_path / "tree")
    (row,) = [row for row in series_rows() if row["series_number"] == "3"]
    table = tmp_path / "table.csv"
    table.write_text(f"series,phase,use\n{row['series']},pv,yes\n")
    assert used(series_rows(series_table=table)) == "dl nc pv"


@pytest.mark.parametrize(
    "options",
    [
        {"start": "100130"},
        {"AcquisitionNumber": 2},
        {"FrameOfReferenceUID": "1.2.3"},
        {"origin": (-100.0, -80.0, 95.0)},  # three of twelve slices in common
    ],
    ids=["time", "number", "frame", "place"],
)
def test_other_acquisitions_are_used_as_other_phases(
    options: dict[str, Any], tmp_path: Path, series_rows: Rows
) -> None:
    save_phases(tmp_path / "tree", "nc pv dl")
    save_mislabelled(tmp_path / "tree", **options)
    assert not any("same acquisition" in row["problems"] for row in series_rows())


@pytest.mark.parametrize(
    "times", [("000000",) * 4, ("101010",) * 4, ("100000", "100000", "110000", "110000")]
)
def test_times_of_a_de_identification_make_no_acquisitions(
    times: tuple[str, ...], tmp_path: Path, series_rows: Rows
) -> None:
    for number, (phase, time) in enumerate(zip(NAMES, times, strict=True), start=1):
        save(
            phase_series(phase, description=NAMES[phase], number=number, start=time, AcquisitionNumber=1),
            tmp_path / "tree",
        )
    assert not any("same acquisition" in row["problems"] for row in series_rows())


def test_two_reconstructions_named_alike_are_one_phase(tmp_path: Path, series_rows: Rows) -> None:
    save_phases(tmp_path / "tree", "nc art pv dl", AcquisitionNumber=1)
    again = make_series(
        abdomen_hu("art"), series="thin", description="arteriell", number=9, start=START["art"]
    )
    save(again, tmp_path / "tree")
    assert used(series_rows()) == "art dl nc pv"


def test_a_case_whose_lesions_lie_on_such_a_series_is_not_written(tmp_path: Path) -> None:
    from dicom_phantom import lesion_mask, make_seg

    pv = phase_series("pv", description="portal venous", number=3, AcquisitionNumber=3)
    save([*pv, make_seg(pv, {"Mass": lesion_mask()})], tmp_path / "tree")
    save_phases(tmp_path / "tree", "nc dl")
    save_mislabelled(tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert summary.written == ()
    assert "that series is not used" in summary.failures[0]


def save_halves(tree: Path, start: str = START["pv"], gap_mm: float = 0.0, **tags: Any) -> None:
    """Write a portal venous phase as two series, one on top of the other."""
    hu = abdomen_hu("pv", (24, 32, 32))
    for number, part, first, up in ((3, hu[:12], START["pv"], 50.0), (13, hu[12:], start, 110.0 + gap_mm)):
        half = make_series(
            part,
            series=f"half {number}",
            description="portal venous",
            number=number,
            start=first,
            origin=(-100.0, -80.0, up),
            **tags,
        )
        save(half, tree)


def test_a_phase_in_two_pieces_is_not_used_by_half(tmp_path: Path, series_rows: Rows) -> None:
    save_phases(tmp_path / "tree", "nc art dl")
    save_halves(tmp_path / "tree")
    rows = series_rows()
    assert used(rows) == "art dl nc"
    told = [row["problems"] for row in rows if row["phase"] == "pv"]
    assert all("pv seems to be cut in pieces: of " in problems for problems in told)
    assert not any("tie" in problems for problems in told)


def test_the_table_takes_one_piece(tmp_path: Path, series_rows: Rows) -> None:
    save_halves(tmp_path / "tree")
    first, second = series_rows()
    table = tmp_path / "table.csv"
    table.write_text(f"series,phase,use\n{first['series']},pv,yes\n{second['series']},pv,no\n")
    assert used(series_rows(series_table=table)) == "pv"


@pytest.mark.parametrize(
    "options", [{"start": "100305"}, {"gap_mm": 20.0}, {"gap_mm": -5.0}], ids=["later", "apart", "overlap"]
)
def test_volumes_that_merely_lie_on_each_other_are_no_pieces(
    options: dict[str, Any], tmp_path: Path, series_rows: Rows
) -> None:
    save_halves(tmp_path / "tree", **options)
    assert not any("in pieces" in row["problems"] for row in series_rows())
