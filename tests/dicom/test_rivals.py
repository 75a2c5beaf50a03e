"""Of two volumes for one phase the better one is used, and why the other is not is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_phantom import (
    START,
    abdomen_hu,
    lesion_mask,
    make_seg,
    make_series,
    phase_series,
    save,
)
from dicom_runs import by_number

pytestmark = pytest.mark.slow
Rows = Callable[..., list[dict[str, str]]]
THIN = (24, 32, 32)
THIN_MM = (5.0, 6.0, 2.5)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        # The second has twice as many slices and would win by them.
        ({}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, "original images (ImageType)"),
        ({}, {"description": "LIVER 2.5"}, "a phase named in its description"),
        ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "strange"}, "a kernel for soft tissue"),
    ],
)
def test_slices_count_only_among_equals(
    first: dict[str, object], second: dict[str, object], reason: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("pv", **{"description": "PV 5.0", "number": 1, **first}), tmp_path / "tree")
    options = {"description": "PV 2.5", "spacing_mm": THIN_MM, "start": START["pv"], **second}
    save(make_series(abdomen_hu("pv", THIN), series="other", number=2, **options), tmp_path / "tree")  # type: ignore[arg-type]
    rows = by_number(series_rows())
    assert (rows["1"]["use"], rows["2"]["use"]) == ("yes", "no")
    assert f"same phase as {rows['1']['series']}, which has {reason}" in rows["2"]["problems"]


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("EARLY ARTERIAL", "LATE ARTERIAL"),
        ("Leber früharteriell", "Leber spätarteriell"),
        ("动脉早期", "动脉晚期"),
        ("ABD ART 20s", "ABD ART 35s"),
        ("ARTERIAL", "ARTERIAL"),  # by their times alone
    ],
)
def test_late_arterial_is_used_before_early(early: str, late: str, tmp_path: Path, series_rows: Rows) -> None:
    hu = abdomen_hu("art", THIN)
    save(
        make_series(hu, series="early", number=1, description=early, start="100115", spacing_mm=THIN_MM),
        tmp_path / "tree",
    )
    save(phase_series("art", number=2, description=late), tmp_path / "tree")  # 15 s later, half the slices
    rows = by_number(series_rows())
    assert (rows["1"]["use"], rows["2"]["use"]) == ("no", "yes")
    assert "which has a later arterial phase" in rows["1"]["problems"]


def test_tie_is_told_on_both_sides(tmp_path: Path, series_rows: Rows) -> None:
    for number, start in ((1, "100210"), (2, "100205")):
        series = phase_series("pv", series=str(number), number=number, start=start, description="PV 5.0")
        save(series, tmp_path / "tree")
    rows = by_number(series_rows())
    assert (rows["1"]["use"], rows["2"]["use"]) == ("no", "yes")
    assert f"a tie: same phase as {rows['2']['series']}" in rows["1"]["problems"]
    assert "that one is used because it was acquired first" in rows["1"]["problems"]
    assert f"a tie: {rows['1']['series']} is as good" in rows["2"]["problems"]


def test_tie_within_one_acquisition_is_broken_by_the_number(tmp_path: Path, series_rows: Rows) -> None:
    for number in (7, 3):
        save(phase_series("pv", series=str(number), number=number, description="PV 5.0"), tmp_path / "tree")
    rows = by_number(series_rows())
    assert (rows["3"]["use"], rows["7"]["use"]) == ("yes", "no")
    assert "comes first by its number" in rows["7"]["problems"]


def test_two_acquisitions_of_one_phase_speak_against_each_other(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", number=1, description="PV 5.0"), tmp_path / "tree")
    late = make_series(abdomen_hu("pv"), series="dl", number=2, description="PV 5.0", start="100305")
    save(late, tmp_path / "tree")
    rows = by_number(series_rows())
    (used,) = [row for row in rows.values() if row["use"] == "yes"]
    assert "speaks against it" in used["problems"]
    assert "60 s later, was taken for pv too" in used["problems"]


def test_names_against_the_order_of_the_phases_are_told(tmp_path: Path, series_rows: Rows) -> None:
    for number, (phase, name) in enumerate({"art": "LIVER PORTAL VENOUS", "pv": "LIVER ARTERIAL"}.items()):
        save(phase_series(phase, number=number, description=name), tmp_path / "tree")
    rows = {row["phase"]: row for row in series_rows()}
    for phase, other, when in (("art", "pv", "earlier"), ("pv", "art", "later")):
        assert f"speaks against it: {other} (" in rows[phase]["problems"]
        assert f"was acquired 35 s {when}" in rows[phase]["problems"]


def test_mask_outweighs_everything_but_the_kind(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", number=1, description="PV 5.0"), tmp_path / "tree")
    mip = phase_series("pv", series="mip", number=2, description="PV MIP")
    thick = phase_series("pv", series="thick", number=3, description="PV", ImageType=["DERIVED", "PRIMARY"])
    save([*mip, *thick, make_seg(mip, {"Tumor": lesion_mask()})], tmp_path / "tree")
    assert by_number(series_rows())["1"]["use"] == "yes"
    save([make_seg(thick, {"Tumor": lesion_mask()})], tmp_path / "tree" / "more")
    rows = by_number(series_rows())
    assert (rows["3"]["use"], rows["1"]["use"]) == ("yes", "no")
    assert "which has a lesion mask" in rows["1"]["problems"]
