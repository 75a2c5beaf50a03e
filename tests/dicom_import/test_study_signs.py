"""What a study's volumes share is no evidence of one phase among several; and words that have two readings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dicom_phantom import START, abdomen_hu, make_series, phase_series, save

from nnunet_multiphase.phases import PHASES

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]
GUESSED = "no word names its phase, which is guessed by brightness and order: look at it"


def taken_for(rows: list[dict[str, str]]) -> dict[str, str]:
    """Give SeriesNumber -> phase of what is used; and "?" where the phase is not clear."""
    return {
        row["series_number"]: row["phase"]
        if row["use"] == "yes"
        else "?"
        if "unclear" in row["problems"]
        else "-"
        for row in rows
    }


@pytest.mark.parametrize("protocol", ["ABDOMEN PORTAL VENOUS", "Leber arteriell", "Abdomen nativ"])
@pytest.mark.parametrize("phases", [("nc", "pv"), PHASES])
def test_a_protocol_of_all_series_names_no_phase(
    protocol: str, phases: tuple[str, ...], tmp_path: Path, series_rows: Rows
) -> None:
    for phase in phases:
        options = {"description": "5.0 B30f", "number": PHASES.index(phase), "ProtocolName": protocol}
        save(phase_series(phase, **options), tmp_path / "tree")
    assert taken_for(series_rows()) == {str(PHASES.index(phase)): phase for phase in phases}


def test_a_protocol_of_all_series_of_one_time_names_no_phase(tmp_path: Path, series_rows: Rows) -> None:
    # As a de-identification writes the times: what differs is AcquisitionNumber.
    for number, phase in enumerate(PHASES):
        options = {"AcquisitionNumber": number, "ProtocolName": "Leber arteriell", "start": "100000"}
        save(phase_series(phase, description="Abd", number=number, **options), tmp_path / "tree")
    assert taken_for(series_rows()) == {str(number): phase for number, phase in enumerate(PHASES)}


def test_a_protocol_is_left_to_the_series_that_nothing_else_names(tmp_path: Path, series_rows: Rows) -> None:
    protocol = {"ProtocolName": "ABDOMEN PORTAL VENOUS"}
    save(phase_series("nc", description="nativ", number=1, **protocol), tmp_path / "tree")
    save(phase_series("pv", description="5.0", number=2, **protocol), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {"1": "nc", "2": "pv"}
    assert [row["problems"] for row in rows] == ["", ""]


@pytest.mark.parametrize(("phase", "taken"), [("nc", "?"), ("art", "?"), ("pv", "pv"), ("dl", "pv")])
def test_voxels_may_speak_against_a_protocol(
    phase: str, taken: str, tmp_path: Path, series_rows: Rows
) -> None:
    # A delayed scan's brightness is also that of a portal venous one.
    save(phase_series(phase, description="5.0", ProtocolName="ABDOMEN PORTAL VENOUS"), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {"1": taken}
    assert taken == "?" or rows[0]["problems"] == ""


def test_two_reconstructions_keep_their_protocol(tmp_path: Path, series_rows: Rows) -> None:
    for number, spacing in ((1, (5.0, 6.0, 5.0)), (2, (5.0, 6.0, 2.5))):
        hu = abdomen_hu("pv", (12 * number, 32, 32))
        options = {"series": str(number), "number": number, "spacing_mm": spacing}
        save(make_series(hu, ProtocolName="Abdomen portal venous", **options), tmp_path / "tree")
    rows = series_rows()
    assert all("protocol: 'portal venous'" in row["why"] for row in rows)
    assert not any("guessed" in row["problems"] for row in rows)


def test_a_description_of_two_phases_is_kept_by_the_one_that_looks_like_it(
    tmp_path: Path, series_rows: Rows
) -> None:
    for number, phase in enumerate(("nc", "pv")):
        save(phase_series(phase, number=number, description="ABDOMEN PORTAL VENOUS"), tmp_path / "tree")
    assert taken_for(series_rows()) == {"0": "?", "1": "pv"}


def test_a_plain_scan_done_twice_is_one(tmp_path: Path, series_rows: Rows) -> None:
    for number, start in enumerate(("100000", "100040")):
        again = {"series": start, "start": start, "number": number}
        save(make_series(abdomen_hu("nc"), description="nativ", **again), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {"0": "nc", "1": "-"}
    assert rows[0]["problems"] == ""


def test_delays_that_tell_the_phases_need_no_voxels(tmp_path: Path, series_rows: Rows) -> None:
    for number, phase in enumerate(PHASES):
        tags = {"ContrastBolusStartTime": "100055", "ContrastBolusAgent": "Iomeron"}
        save(phase_series(phase, description="5.0", number=number, **tags), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {str(number): phase for number, phase in enumerate(PHASES)}
    assert [row["problems"] for row in rows] == [""] * 4


@pytest.mark.parametrize("before_s", [0, 30])
def test_a_contrast_start_that_follows_each_scan_is_none(
    before_s: int, tmp_path: Path, series_rows: Rows
) -> None:
    for number, phase in enumerate(PHASES):
        begun = datetime.strptime(START[phase], "%H%M%S") - timedelta(seconds=before_s)
        tags = {"ContrastBolusStartTime": f"{begun:%H%M%S}", "ContrastBolusAgent": "Iomeron"}
        save(phase_series(phase, description="5.0", number=number, **tags), tmp_path / "tree")
    assert taken_for(series_rows()) == {str(number): phase for number, phase in enumerate(PHASES)}


def test_c_a_p_beside_a_true_arterial_series_is_what_it_looks_like(tmp_path: Path, series_rows: Rows) -> None:
    for number, (phase, name) in enumerate({"nc": "C-", "art": "Liver arterial", "pv": "C+A+P"}.items()):
        save(phase_series(phase, description=name, number=number), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {"0": "nc", "1": "art", "2": "pv"}
    assert rows[2]["problems"] == GUESSED


def test_c_a_alone_leaves_it_to_the_voxels_and_says_so(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("nc", description="C-", number=1), tmp_path / "tree")
    save(phase_series("pv", description="C+A", number=2), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {"1": "nc", "2": "pv"}
    assert "'c+a', a phase or regions of the body, so that its phase is guessed" in rows[1]["problems"]


def test_c_a_beside_c_v_is_arterial_without_a_word(tmp_path: Path, series_rows: Rows) -> None:
    for number, (phase, name) in enumerate({"nc": "C-", "art": "C+A", "pv": "C+V"}.items()):
        save(phase_series(phase, description=name, number=number), tmp_path / "tree")
    assert [(row["phase"], row["problems"]) for row in series_rows()] == [("nc", ""), ("art", ""), ("pv", "")]


@pytest.mark.parametrize("name", ["Abd 3.0 BH 15s", "Abd 5.0 Apnoe 15s", "Abd scan time 35 s"])
def test_a_breath_hold_makes_no_arterial_phase(name: str, tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description=name), tmp_path / "tree")
    assert taken_for(series_rows()) == {"1": "pv"}


def test_veins_after_minutes_are_the_delayed_phase(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="portal", number=1), tmp_path / "tree")
    save(phase_series("dl", description="venous 3 min", number=2), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {"1": "pv", "2": "dl"}
    assert [row["problems"] for row in rows] == ["", ""]


@pytest.mark.parametrize("phase", ["pv", "dl"])
def test_a_word_against_its_delay_leaves_it_to_the_voxels(
    phase: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series(phase, description="portal 180s"), tmp_path / "tree")
    rows = series_rows()
    assert taken_for(rows) == {"1": phase}
    assert "says two: 'portal' and '180 s', so that its phase is guessed" in rows[0]["problems"]


@pytest.mark.parametrize(
    ("phase", "name", "expected"),
    [
        ("nc", "PORTAL VENOUS", "where a scan with contrast was expected"),
        ("nc", "delayed", "where a scan with contrast was expected"),
        ("pv", "nativ", "where a scan without contrast was expected"),
        ("nc", "nativ", ""),
        ("art", "arterial", ""),
        ("pv", "portal", ""),
        ("dl", "delayed", ""),
        ("dl", "portal", ""),  # not plain enough
    ],
)
def test_a_description_that_the_voxels_plainly_contradict_is_told(
    phase: str, name: str, expected: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series(phase, description=name), tmp_path / "tree")
    (row,) = series_rows()
    assert row["use"] == "yes"
    assert expected in row["problems"] if expected else row["problems"] == ""
