"""What does not show the liver is no phase, and of several volumes the fuller liver is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import body_phantom as body
import numpy as np
import pytest
from dicom_phantom import START, abdomen_hu, make_series, phase_series, save
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.dicom_import.liver_finding import Finding, coarse_volume, look_for_liver

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]
AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def stretch(part: tuple[float, float], phase: str = "pv", **options: Any) -> list[FileDataset]:
    """Make a series of a stretch of the body, where it lies."""
    return make_series(
        body.body_hu(part, phase),
        **{
            "origin": (-220.0, -160.0, part[0] + body.SPACING_MM[2] / 2),
            "spacing_mm": body.SPACING_MM,
            "start": START[phase],
            "description": phase,
            **options,
        },
    )


def found(hu: np.ndarray, spacing_mm: tuple[float, float, float] = body.SPACING_MM) -> Finding:
    return look_for_liver(coarse_volume(hu, Grid((), (0.0, 0.0, 0.0), spacing_mm, AXES)))


@pytest.mark.parametrize("phase", ["nc", "pv"])
@pytest.mark.parametrize(
    ("part", "region"),
    [
        (body.HEAD, "head"),
        (body.NECK, "neck"),
        (body.CHEST, "chest"),
        (body.PELVIS, "pelvis"),
        (body.LEGS, "limbs"),
    ],
    ids=["head", "neck", "chest", "pelvis", "legs"],
)
def test_voxels_tell_another_region(part: tuple[float, float], region: str, phase: str) -> None:
    finding = found(body.body_hu(part, phase))
    assert (finding.kind, finding.region) == ("other", region)


@pytest.mark.parametrize("phase", ["nc", "art", "pv", "dl"])
@pytest.mark.parametrize("part", [body.ABDOMEN, body.CHEST_TO_PELVIS], ids=["abdomen", "chest to pelvis"])
def test_the_liver_is_found_where_it_lies(part: tuple[float, float], phase: str) -> None:
    finding = found(body.body_hu(part, phase))
    assert (finding.kind, finding.region, finding.cut) == ("liver", "", (False, False))
    # Drawn around (-60, -5, -85) mm; spleen or heart of the same HU may hang on.
    assert finding.middle is not None
    origin = np.array([-220, -160, part[0] + body.SPACING_MM[2] / 2])
    assert np.abs(np.array(finding.middle) + origin - (-50, -10, -80)).max() < 30


@pytest.mark.parametrize("phase", ["nc", "pv"])
def test_a_left_liver_is_at_least_not_another_region(phase: str) -> None:
    assert found(body.body_hu(body.ABDOMEN, phase)[:, :, ::-1]).kind != "other"


def test_a_noisy_liver_is_found() -> None:
    assert found(body.body_hu(body.ABDOMEN, "nc", noise_hu=25)).kind == "liver"


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (body.HEAD, "a head"),
        (body.NECK, "a neck or a limb"),
        (body.CHEST, "a chest"),
        (body.PELVIS, "a pelvis"),
        (body.LEGS, "legs"),
    ],
    ids=["head", "neck", "chest", "pelvis", "legs"],
)
def test_another_region_is_no_phase_even_alone(
    part: tuple[float, float], said: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(stretch(part, description="venous"), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["liver_coverage"]) == ("no", "0.00")
    assert row["problems"] == f"does not show the liver: the voxels are those of {said}"


def test_another_region_is_used_if_the_table_says_so(tmp_path: Path, series_rows: Rows) -> None:
    save(stretch(body.CHEST, description="venous"), tmp_path / "tree")
    series_rows()
    table = tmp_path / "raw_series.csv"
    table.write_text(table.read_text().replace(",no,", ",yes,"))
    (row,) = series_rows(series_table=table)
    assert (row["phase"], row["use"]) == ("pv", "yes")


def test_the_fuller_liver_is_used_and_the_other_told(tmp_path: Path, series_rows: Rows) -> None:
    save(stretch(body.CHEST_WITH_DOME, series="chest", number=1), tmp_path / "tree")
    save(stretch(body.ABDOMEN, series="abdomen", number=2), tmp_path / "tree")
    chest, abdomen = sorted(series_rows(), key=lambda row: row["series_number"])
    assert (chest["use"], abdomen["use"]) == ("no", "yes")
    # The dome's 40 mm of a liver of 88 mm half height are less than a third of it.
    assert float(chest["liver_coverage"]) < 0.33
    assert abdomen["liver_coverage"] == "1.00"


def test_a_chest_to_pelvis_scan_is_a_phase(tmp_path: Path, series_rows: Rows) -> None:
    save(stretch(body.CHEST_TO_PELVIS, BodyPartExamined="CHEST"), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["liver_coverage"], row["problems"]) == ("yes", "1.00", "")
    assert (row["z_from_mm"], row["z_to_mm"]) == ("-437.5", "297.5")


def test_half_a_liver_is_half_covered(tmp_path: Path, series_rows: Rows) -> None:
    # The right lobe reaches from 0 to -173 mm: cut at its middle, -85.
    save(stretch(body.ABDOMEN, series="all", number=1), tmp_path / "tree")
    save(stretch((-85, 30), "art", series="half", number=2), tmp_path / "tree")
    rows = sorted(series_rows(), key=lambda row: row["series_number"])
    # The left lobe lies in the upper half, so somewhat more than half.
    assert 0.45 < float(rows[1]["liver_coverage"]) < 0.75


def test_a_series_elsewhere_in_the_frame_is_no_phase(tmp_path: Path, series_rows: Rows) -> None:
    """Nothing but the positions tells: the voxels are another abdomen's, too even to find a liver in."""
    save(phase_series("pv", number=1), tmp_path / "tree")
    save(phase_series("nc", number=2, origin=(-100.0, -80.0, 300.0)), tmp_path / "tree")
    rows = {row["series_number"]: row for row in series_rows()}
    assert rows["1"]["use"] == "yes"
    assert rows["2"]["use"] == "no"
    assert rows["2"]["problems"].startswith(
        f"does not show the liver, which {rows['1']['series']} shows at other heights"
    )


def test_positions_of_two_frames_are_not_compared(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", number=1), tmp_path / "tree")
    other = phase_series("nc", number=2, origin=(-100.0, -80.0, 300.0), FrameOfReferenceUID="1.2.3")
    save(other, tmp_path / "tree")
    assert [row["use"] for row in series_rows()] == ["yes", "yes"]


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"BodyPartExamined": "NECK"}, "BodyPartExamined says neck"),
        ({"description": "Hals venös"}, "the description says neck"),
        ({"description": "venous", "ProtocolName": "Becken"}, "the protocol says pelvis"),
    ],
    ids=["body part", "description", "protocol"],
)
def test_tags_decide_where_the_voxels_leave_it_open(
    tags: dict[str, str], said: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("nc", **tags), tmp_path / "tree")
    (row,) = series_rows()
    assert row["use"] == "no"
    assert row["problems"].startswith(f"does not show the liver: {said}, and no liver was found")


@pytest.mark.parametrize(
    "tags",
    [
        {"description": "Leber nativ", "BodyPartExamined": "CHEST"},
        {"description": "Thorax/Abdomen nativ"},
        {"description": "nativ", "BodyPartExamined": "CHESTABDPELVIS"},
        {"description": "nativ chest to pelvis"},
        {"description": "nativ", "ProtocolName": "Thorax^Abd"},
    ],
    ids=["liver", "both", "run together", "between", "protocol"],
)
def test_a_tag_that_may_name_the_liver_too_decides_nothing(
    tags: dict[str, str], tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("nc", **tags), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == ("yes", "")


def test_a_chest_cut_to_its_lungs_is_no_phase(tmp_path: Path, series_rows: Rows) -> None:
    hu = np.full((20, 32, 32), -850, np.int16)
    hu[:, 4:28, 10:20] = 60
    hu += np.random.default_rng(7).integers(-20, 20, hu.shape, np.int16)  # a scan's noise
    save(make_series(hu, description="venous", spacing_mm=(8, 8, 8)), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == (
        "no",
        "does not show the liver: the voxels are those of a chest",
    )


def test_a_liver_that_was_found_goes_before_one_that_is_not_known(tmp_path: Path, series_rows: Rows) -> None:
    """The nc phantom is too even to find a liver in, and lies in a frame of its own; it has more slices."""
    save(phase_series("pv", number=1, description="pv"), tmp_path / "tree")
    unknown = make_series(
        abdomen_hu("nc", (14, 32, 32)), series="x", number=2, description="pv", FrameOfReferenceUID="1.2.3"
    )
    save(unknown, tmp_path / "tree")
    rows = {row["series_number"]: row for row in series_rows()}
    assert {number: row["use"] for number, row in rows.items()} == {"1": "yes", "2": "no"}
    assert "more of the liver" in rows["2"]["problems"]


def test_a_liver_that_is_cut_off_is_told_where_another_phase_shows_more(
    tmp_path: Path, series_rows: Rows
) -> None:
    low, _ = body.ABDOMEN
    save(stretch(body.ABDOMEN, "art", series="art", number=1), tmp_path / "tree")
    save(stretch((low, -70), "pv", series="pv", number=2), tmp_path / "tree")
    rows = {row["phase"]: row for row in series_rows()}
    assert rows["pv"]["use"] == "yes"
    assert rows["pv"]["problems"].startswith("shows only about ")
    assert rows["art"]["problems"] == ""
