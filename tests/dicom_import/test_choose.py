"""Which series is used for a phase: what is none is named, and of two the better one is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dicom_phantom import CORONAL, abdomen_hu, make_series, phase_series, save
from four_phases import files

from nnunet_multiphase.dicom_import.import_tree import import_tree

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]


def test_series_are_found_whatever_the_folders_and_names(tmp_path: Path) -> None:
    slices = phase_series("pv", description="pv")
    save(slices[::2], tmp_path / "tree" / "a" / "b")
    save(slices[1::2], tmp_path / "tree" / "c")
    save(phase_series("art", description="art"), tmp_path / "tree" / "c")
    (tmp_path / "tree" / "c" / "readme.txt").write_text("not DICOM")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    assert files(tmp_path / "raw") == ["patient_001/art.nii.gz", "patient_001/pv.nii.gz", "patients.csv"]


def test_the_same_file_twice_is_one_slice(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree" / "one")
    save(phase_series("pv", description="pv"), tmp_path / "tree" / "copy")
    (row,) = series_rows()
    assert (row["slices"], row["use"], row["problems"]) == ("12", "yes", "12 file(s) were there twice")


@pytest.mark.parametrize(
    ("trap", "problem"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "a scout (localizer)"),
        ({"Modality": "SR"}, "not CT but a report"),
        ({"Modality": "MR"}, "not CT but MR"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "a secondary capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, "a dose page"),
        ({"NumberOfFrames": 12}, "multi-frame"),
        ({"RescaleSlope": None}, "no RescaleSlope or RescaleIntercept"),
        ({"RescaleIntercept": None}, "no RescaleSlope or RescaleIntercept"),
        ({"BurnedInAnnotation": "YES"}, "burned into the picture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "a projection"),
        ({"ImagePositionPatient": None}, "without position"),
    ],
)
def test_trap_is_named_and_not_used(
    trap: dict[str, object], problem: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("pv", description="portal venous", **trap), tmp_path / "tree")
    (row,) = series_rows()
    assert row["problems"].startswith(problem) or problem in row["problems"]
    assert row["use"] == "no"


def test_decimal_comma_in_the_pixel_spacing_is_named(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    for path in (tmp_path / "tree").iterdir():
        path.write_bytes(path.read_bytes().replace(rb"6.0\5.0", rb"6,0\5,0"))
    (row,) = series_rows()
    assert row["problems"] == (
        "slices without pixel spacing (PixelSpacing has a decimal comma, where DICOM has a point): repair the tag, or "
        "export the series again"
    )


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"PixelSpacing": None}, "slices without pixel spacing"),
        (
            {"PixelSpacing": None, "ImagerPixelSpacing": [6.0, 5.0]},
            "slices without pixel spacing (ImagerPixelSpacing is the detector's and does not stand for PixelSpacing)"
            ": repair",
        ),
        ({"PixelSpacing": [0, 5.0]}, "slices without pixel spacing (PixelSpacing is not above 0): repair"),
        (
            {"ImagePositionPatient": [1.0, 2.0]},
            "slices without position (ImagePositionPatient is not 3 numbers): repair",
        ),
        (
            {"ImagePositionPatient": None, "ImageOrientationPatient": None},
            "slices without position and orientation",
        ),
    ],
)
def test_what_places_no_slices_is_named(
    tags: dict[str, Any], problem: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("pv", description="portal venous", **tags), tmp_path / "tree")
    (row,) = series_rows()
    assert row["problems"].startswith(problem)
    assert row["problems"] == problem or problem.endswith("repair")


def test_without_the_trap_the_series_is_used(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"], row["spacing_mm"]) == ("yes", "", "5.00x6.00x5.00")


def test_scout_image_among_the_slices_is_left_out(tmp_path: Path, series_rows: Rows) -> None:
    slices = phase_series("pv", description="pv")
    scout = phase_series("pv", first_instance=50, orientation=CORONAL, ImageType=["ORIGINAL", "LOCALIZER"])
    save([*slices, scout[0]], tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == ("yes", "1 localizer image(s) left out")


def test_gap_and_tilt_and_size_reach_the_table(tmp_path: Path, series_rows: Rows) -> None:
    gap = phase_series("nc", number=1)
    tilted = phase_series("art", number=2)
    for k, item in enumerate(tilted):
        item.ImagePositionPatient[1] += 2 * k
    sizes = phase_series("pv", number=3)
    sizes[3].Rows = 16
    save([*gap[:5], *gap[7:], *tilted, *sizes], tmp_path / "tree")
    problems = {row["series_number"]: row["problems"] for row in series_rows()}
    # atan(2 / 5) = 21.8 degrees
    assert problems["1"].startswith("missing slices: about 2 in 1 gap")
    assert problems["2"].startswith("gantry tilt: slices step 21.8 degrees off")
    assert problems["3"].startswith("slices of different size")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (
            {"description": "portal venous"},
            {"description": "portal venous", "shape": (14, 32, 32)},
            "more slices",
        ),
        (
            {"description": "pv", "spacing_mm": (5, 6, 5)},
            {"description": "pv", "spacing_mm": (5, 6, 4.9)},
            "thinner",
        ),
        ({"description": "pv", "orientation": CORONAL}, {"description": "pv"}, "axial slices"),
        (
            {"description": "pv", "LossyImageCompression": "01"},
            {"description": "pv"},
            "no loss by compression",
        ),
        ({"description": "contrast", "AcquisitionTime": None}, {"description": "pv"}, "a higher confidence"),
    ],
)
def test_of_two_series_of_one_phase_the_better_is_used(
    first: dict[str, object], second: dict[str, object], reason: str, tmp_path: Path, series_rows: Rows
) -> None:
    for number, options in enumerate((first, second), start=1):
        options = dict(options)
        hu = abdomen_hu("pv", options.pop("shape", (12, 32, 32)))  # type: ignore[arg-type]
        save(make_series(hu, series=str(number), number=number, **options), tmp_path / "tree")
    rows = {row["series_number"]: row for row in series_rows()}
    assert {number: row["use"] for number, row in rows.items()} == {"1": "no", "2": "yes"}
    assert f"same phase as {rows['2']['series']}, which has" in rows["1"]["problems"]
    assert reason in rows["1"]["problems"]
