"""Phases from tags, delays, voxels and order; each with a confidence and a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import START, abdomen_hu, make_series, phase_series, save

from nnunet_multiphase.dicom_import.evidence import enhancement_evidence, enhancement_hu
from nnunet_multiphase.dicom_import.phase import transition
from nnunet_multiphase.phases import PHASES

Rows = Callable[..., list[dict[str, str]]]
DESCRIPTIONS = {"nc": "Abdomen nativ", "art": "动脉期", "pv": "Leber portalvenös", "dl": "遅延相"}


def by_phase(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    found = {row["phase"]: row for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("phase", PHASES)
def test_description_names_the_phase(phase: str, tmp_path: Path, series_rows: Rows) -> None:
    # Same voxels in all: the words alone decide.
    save(make_series(abdomen_hu("pv"), description=DESCRIPTIONS[phase]), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["phase"], row["use"]) == (phase, "yes")
    assert float(row["confidence"]) > 0.8
    assert row["why"].startswith("description: '")


@pytest.mark.parametrize(
    ("start", "phase", "seconds"),
    [("100000", "nc", "55 s before"), ("100130", "art", "35 s after"), ("100205", "pv", "70 s after")],
)
def test_delay_since_the_injection_names_the_phase(
    start: str, phase: str, seconds: str, tmp_path: Path, series_rows: Rows
) -> None:
    slices = make_series(abdomen_hu("dl"), start=start, ContrastBolusStartTime="100055")
    save(slices, tmp_path / "tree")
    (row,) = series_rows()
    assert row["phase"] == phase
    assert row["why"] == f"acquired {seconds} the injection began"


def test_delay_is_right_across_midnight(tmp_path: Path, series_rows: Rows) -> None:
    slices = make_series(abdomen_hu("dl"), start="000010", ContrastBolusStartTime="235935")
    save(slices, tmp_path / "tree")
    assert [row["phase"] for row in series_rows()] == ["art"]


def test_injection_hours_ago_says_nothing(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", ContrastBolusStartTime="070000"), tmp_path / "tree")
    (row,) = series_rows()
    assert "injection" not in row["why"]
    assert row["phase"] == "pv"


def test_voxels_and_order_decide_where_tags_are_silent(tmp_path: Path, series_rows: Rows) -> None:
    for number, phase in enumerate(PHASES):
        save(phase_series(phase, description="LIVER 4 PHASE", number=number), tmp_path / "tree")
    rows = by_phase(series_rows())
    assert {phase: rows[phase]["series_number"] for phase in PHASES} == {
        p: str(i) for i, p in enumerate(PHASES)
    }
    assert all(row["use"] == "yes" for row in rows.values())
    assert "liver about" in rows["pv"]["why"]
    assert "guessed by brightness and order" in rows["pv"]["problems"]


def test_order_corrects_a_doubtful_measurement(tmp_path: Path, series_rows: Rows) -> None:
    # Alone, dl's voxels in the place of pv would be called dl.
    save(phase_series("art", description="art"), tmp_path / "tree")
    save(make_series(abdomen_hu("dl"), series="pv", start=START["pv"]), tmp_path / "tree")
    save(phase_series("dl", description="delayed"), tmp_path / "tree")
    rows = by_phase(series_rows())
    assert "order and times" in rows["pv"]["why"]


def test_tags_outweigh_the_folder_and_file_names(tmp_path: Path, series_rows: Rows) -> None:
    save(make_series(abdomen_hu("pv"), description="arteriell"), tmp_path / "tree" / "portal venous")
    assert [row["phase"] for row in series_rows()] == ["art"]


def test_missing_agent_says_plain_only_beside_series_with_one(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("nc"), tmp_path / "tree")
    assert "contrast agent" not in series_rows()[0]["why"]
    save(phase_series("pv", ContrastBolusAgent="Iohexol"), tmp_path / "tree")
    rows = by_phase(series_rows())
    assert "no contrast agent here" in rows["nc"]["why"]
    assert "a contrast agent is named" in rows["pv"]["why"]


def test_contradiction_is_said(tmp_path: Path, series_rows: Rows) -> None:
    # 245 s after the injection: the description cannot be right, or the time is another's.
    slices = make_series(
        abdomen_hu("dl"), start="100500", description="arterial", ContrastBolusStartTime="100055"
    )
    save(slices, tmp_path / "tree")
    (row,) = series_rows()
    assert "speaks against it" in row["problems"]
    assert float(row["confidence"]) < 0.9


def test_nothing_known_is_not_used(tmp_path: Path, series_rows: Rows) -> None:
    # Air: no tags, no tissue.
    save(make_series(np.full((12, 32, 32), -1000), AcquisitionTime=None), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["why"], float(row["confidence"])) == ("no", "nothing speaks for a phase", 0.25)
    assert "phase unclear" in row["problems"]


def test_two_reconstructions_of_one_acquisition_are_one_phase(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    # Nothing but the common start tells: its voxels are air.
    save(make_series(np.full((12, 32, 32), -1000), series="other", start=START["pv"]), tmp_path / "tree")
    assert [row["phase"] for row in series_rows()] == ["pv", "pv"]


@pytest.mark.parametrize("phase", PHASES)
def test_voxels_name_the_phase(phase: str) -> None:
    measured = enhancement_hu(abdomen_hu(phase), (5.0, 6.0, 5.0))
    assert measured is not None
    assert enhancement_evidence(*measured).favourite == phase


@pytest.mark.parametrize(
    ("organs_hu", "bright_hu", "phase"),
    [
        (55, 80, "nc"),
        (20, 60, "nc"),  # a fatty liver
        (68, 150, "art"),
        (102, 172, "pv"),  # no brighter than many a delayed liver, but its vessels are
        (115, 120, "pv"),
        (90, 130, "dl"),
        (60, 95, None),  # between a plain and an arterial scan
        (105, 140, None),
    ],
)
def test_voxels_between_two_phases_name_none(organs_hu: int, bright_hu: int, phase: str | None) -> None:
    assert enhancement_evidence(organs_hu, bright_hu).favourite == phase


def test_phase_that_the_voxels_contradict_is_not_used_unasked(tmp_path: Path, series_rows: Rows) -> None:
    # By order and times this is pv; its liver has the brightness of a plain scan.
    save(phase_series("art", description="arterial"), tmp_path / "tree")
    save(make_series(abdomen_hu("nc"), series="pv", start=START["pv"], number=7), tmp_path / "tree")
    save(phase_series("dl", description="delayed"), tmp_path / "tree")
    (row,) = (row for row in series_rows() if row["series_number"] == "7")
    assert row["use"] == "no"
    assert "phase unclear" in row["problems"]


def test_marrow_within_compact_bone_is_no_organ() -> None:
    hu = abdomen_hu("nc")
    with_bone = hu.copy()
    with_bone[:, 8:25, 8:25] = 600
    with_bone[:, 9:24, 9:24] = 190
    measured = enhancement_hu(with_bone, (5.0, 6.0, 5.0))
    assert measured is not None
    assert measured[1] < 85


def test_air_has_no_tissue_to_measure() -> None:
    assert enhancement_hu(np.full((12, 32, 32), -1000), (5.0, 6.0, 5.0)) is None


@pytest.mark.parametrize("gap_s", [0.0, 4.0, 20.0, 60.0, 200.0, 1e4])
def test_transitions_are_probabilities(gap_s: float) -> None:
    matrix = transition(gap_s)
    assert (matrix > 0).all()
    assert matrix.sum(axis=1) == pytest.approx(1)


def test_phases_rarely_go_backwards() -> None:
    matrix = transition(60.0)
    assert np.tril(matrix, -1).max() < np.triu(matrix, 1)[np.triu_indices(4, 1)].min()
