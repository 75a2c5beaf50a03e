"""Tilted and unevenly spaced slices on an even grid: things lie where the slices' positions put them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_phantom import lesion_mask, make_rtstruct, make_seg, make_series, phase_series, save
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]

CENTRE_MM = np.array([6.0, -4.0, 30.0])
RADII_MM = np.array([30.0, 26.0, 20.0])
SHAPE = (20, 48, 48)
PIXEL_MM = (2.5, 2.0)  # x, y


def ellipsoid(points: np.ndarray) -> np.ndarray:
    """Give HU at points (..., 3) mm: 100 inside, -1000 outside, with an edge of about 10 mm; known everywhere."""
    distance = np.linalg.norm((points - CENTRE_MM) / RADII_MM, axis=-1)
    return np.asarray(-1000 + 1100 / (1 + np.exp((distance - 1) * 10)))


def scanned(
    positions: list[np.ndarray], degrees: float = 0.0, axis: str = "x", **tags: object
) -> list[FileDataset]:
    """Cut the ellipsoid by slices at these positions (of their first voxel), all turned by so many degrees."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    row, column = ((1.0, 0, 0), (0, c, s)) if axis == "x" else ((c, 0, s), (0, 1.0, 0))
    y, x = np.indices(SHAPE[1:])
    # The slices' middle, not their corner, lies on the table's axis.
    corner = np.array([0, 0, -s * 23.5 * PIXEL_MM[axis == "x"]])
    positions = [position + corner for position in positions]
    planes = [
        ellipsoid(
            p + x[..., None] * PIXEL_MM[0] * np.array(row) + y[..., None] * PIXEL_MM[1] * np.array(column)
        )
        for p in positions
    ]
    options = {"spacing_mm": (*PIXEL_MM, 3.0), "orientation": (*row, *column), "description": "pv"} | tags
    items = make_series(np.round(np.stack(planes)), **options)  # type: ignore[arg-type]
    for item, position in zip(items, positions, strict=True):
        item.ImagePositionPatient = [round(float(v), 4) for v in position]
    return items


def heights(values: np.ndarray) -> list[np.ndarray]:
    """Put slices along the table's axis, which is the z axis, as scanners do with a tilted gantry too."""
    return [np.array([-54.0, -51.0, z]) for z in values]


EVEN = np.arange(20) * 3.0
UNEVEN = EVEN + np.where(np.arange(20) % 3 == 1, 0.9, 0.0)
HOLE = np.delete(np.arange(22) * 3.0, [7, 13])
CHANGES = np.concatenate([np.arange(12) * 2.0, 22 + 4.0 * np.arange(1, 9)])

CASES = {
    "tilt": scanned(heights(EVEN), 18.5),
    "tilt the other way": scanned(heights(EVEN), -12.0),
    "tilt about the other axis": scanned(heights(EVEN), 9.0, axis="y"),
    "uneven": scanned(heights(UNEVEN)),
    "holes": scanned(heights(HOLE)),
    "spacing changes": scanned(heights(CHANGES)),
    "tilt and uneven": scanned(heights(UNEVEN), 15.0),
}


def imported(items: list[FileDataset], tmp_path: Path) -> Summary:
    """Import a volume as pv, though an ellipsoid is no liver to the coverage's eyes."""
    save(items, tmp_path / "tree")
    options = {"resample_irregular": True}
    table = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True, **options).table  # type: ignore[arg-type]
    with table.open(newline="", encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    table.write_text(f"series,phase,use\n{row['series']},pv,yes\n")
    return import_tree(tmp_path / "tree", tmp_path / "raw", series_table=table, **options)  # type: ignore[arg-type]


def points_of(image: sitk.Image) -> np.ndarray:
    """Give every voxel's place; (z, y, x, 3) mm."""
    index = np.moveaxis(np.indices(image.GetSize()[::-1])[::-1], 0, -1)
    axes = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return np.asarray(index @ axes.T + image.GetOrigin())


@pytest.mark.parametrize("name", CASES)
def test_every_voxel_shows_what_lies_there(name: str, tmp_path: Path) -> None:
    imported(CASES[name], tmp_path)
    image = sitk.ReadImage(str(tmp_path / "raw" / "patient_001" / "pv.nii.gz"))
    hu = sitk.GetArrayFromImage(image).astype(float)
    seen = hu > -1024
    error = np.abs(hu - ellipsoid(points_of(image)))[seen]
    # Linear interpolation errs by at most h^2 / 8 times the second derivative: the edge's is 1100 / 10 mm^2 at its sharpest
    # (1100 x 0.096 x (10 / 20 mm)^2 = 26 HU/mm^2); in-plane 2.5 mm, 21 HU; along z 6 mm across a hole, 120 HU.
    limit = {"holes": 141, "spacing changes": 73}.get(name, 60 if "uneven" in name else 42)
    assert error.max() < limit
    assert error.mean() < 3
    inside = np.where(seen, np.clip((hu + 1000) / 1100, 0, 1), 0)
    centre = (inside[..., None] * points_of(image)).sum(axis=(0, 1, 2)) / inside.sum()
    # Symmetric, so that its weight lies in its centre: a tenth of a pixel.
    np.testing.assert_allclose(centre, CENTRE_MM, atol=0.25)


@pytest.mark.parametrize("name", CASES)
def test_without_the_option_it_is_refused_and_named(name: str, tmp_path: Path, series_rows: Rows) -> None:
    save(CASES[name], tmp_path / "tree")
    (row,) = series_rows()
    assert row["use"] == "no"
    assert row["problems"].endswith("; import-dicom --resample-irregular brings it to an even grid")


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("tilt", "resampled: gantry tilt of 18.5 degrees sheared straight"),
        ("tilt the other way", "resampled: gantry tilt of 12.0 degrees sheared straight"),
        # 57.9 mm in 19 steps
        ("uneven", "resampled: steps of 2.10 to 3.90 mm interpolated to 3.05 mm"),
        ("holes", "resampled: steps of 3.00 to 6.00 mm interpolated to 3.00 mm"),
        # the median step; 54 mm in 27 steps
        ("spacing changes", "resampled: steps of 2.00 to 4.00 mm interpolated to 2.00 mm"),
    ],
)
def test_what_was_done_is_recorded(name: str, note: str, tmp_path: Path, series_rows: Rows) -> None:
    save(CASES[name], tmp_path / "tree")
    (row,) = series_rows(resample_irregular=True)
    assert note in row["problems"].split("; ")


def test_tilt_that_the_tag_contradicts_is_said(tmp_path: Path, series_rows: Rows) -> None:
    save(scanned(heights(EVEN), 18.5, GantryDetectorTilt=10.0), tmp_path / "tree")
    (row,) = series_rows(resample_irregular=True)
    assert "(GantryDetectorTilt says 10.0; the slices' positions were followed)" in row["problems"]


def test_regular_slices_are_left_to_the_last_bit(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    for out, option in (("raw", True), ("raw2", False)):
        import_tree(tmp_path / "tree", tmp_path / out, resample_irregular=option)
    first, second = (tmp_path / out / "patient_001" / "pv.nii.gz" for out in ("raw", "raw2"))
    assert first.read_bytes() == second.read_bytes()


REFUSED = {
    "a wide gap": (
        scanned(heights(np.where(np.arange(20) < 10, EVEN, EVEN + 9))),
        "a gap of 12.0 mm is too wide (at most 10 mm)",
    ),
    "sideways": (
        scanned([p + ([20.0, 0, 0] if k > 9 else 0) for k, p in enumerate(heights(EVEN))]),
        "its slices are shifted sideways against each other",
    ),
    "wrong orientation": (scanned(heights(EVEN), 50.0), "a tilt of 50.0 degrees is no gantry's (at most 35)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_resampled_is_refused_and_said(name: str, tmp_path: Path, series_rows: Rows) -> None:
    items, why = REFUSED[name]
    save(items, tmp_path / "tree")
    (row,) = series_rows(resample_irregular=True)
    assert row["use"] == "no"
    assert row["problems"].endswith(f"; it cannot be resampled either: {why}")


def drawn(items: list[FileDataset]) -> np.ndarray:
    """Mark the inside of the ellipsoid on its slices."""
    planes = [np.frombuffer(item.PixelData, "<u2").reshape(SHAPE[1:]) for item in items]
    return (np.stack(planes).astype(int) - 1024 > -450).astype(np.uint8)


@pytest.mark.parametrize("name", ["tilt", "uneven", "tilt and uneven"])
def test_segmentation_lands_on_what_it_was_drawn_on(name: str, tmp_path: Path) -> None:
    items = CASES[name]
    imported([*items, make_seg(items, {"Liver": drawn(items)})], tmp_path)
    folder = tmp_path / "raw" / "patient_001"
    image, mask = (sitk.ReadImage(str(folder / name)) for name in ("pv.nii.gz", "liver_pv.nii.gz"))
    inside = sitk.GetArrayFromImage(mask) > 0
    assert mask.GetSize() == image.GetSize()
    centre = points_of(image)[inside].mean(axis=0)
    np.testing.assert_allclose(centre, CENTRE_MM, atol=0.5)  # a quarter of a pixel
    # Voxels, not of the edge, are drawn if and only if they are inside.
    distance = np.linalg.norm((points_of(image) - CENTRE_MM) / RADII_MM, axis=-1)
    assert inside[distance < 0.85].all()
    assert not inside[distance > 1.15].any()


def test_segmentation_off_the_slices_that_it_names_is_refused(tmp_path: Path) -> None:
    # As another program draws it, having resampled the images first: frames that name one slice and lie on another's place.
    tilted, straight = CASES["tilt"], scanned(heights(np.arange(20) * 3.0), series="drawn on")
    seg = make_seg(straight, {"Liver": drawn(straight)})
    names = {str(a.SOPInstanceUID): b.SOPInstanceUID for a, b in zip(straight, tilted, strict=True)}
    for item in seg.iterall():
        if item.keyword == "ReferencedSOPInstanceUID":
            item.value = names.get(item.value, item.value)
    for series in seg.ReferencedSeriesSequence:
        series.SeriesInstanceUID = tilted[0].SeriesInstanceUID
    (failure,) = imported([*tilted, seg], tmp_path).failures
    assert "mm off the slices that it names" in failure
    assert not (tmp_path / "raw" / "patient_001").exists()


def test_contours_land_on_what_they_were_drawn_on(tmp_path: Path) -> None:
    items = CASES["tilt"]
    corners = {}
    for k, plane in enumerate(drawn(items)):
        y, x = np.nonzero(plane)
        if len(y):
            low_x, high_x, low_y, high_y = x.min() - 0.5, x.max() + 0.5, y.min() - 0.5, y.max() + 0.5
            corners[k] = [(low_x, low_y), (high_x, low_y), (high_x, high_y), (low_x, high_y)]
    imported([*items, make_rtstruct(items, {"Liver": list(corners.items())})], tmp_path)
    folder = tmp_path / "raw" / "patient_001"
    mask = sitk.ReadImage(str(folder / "liver_pv.nii.gz"))
    points = points_of(mask)[sitk.GetArrayFromImage(mask) > 0]
    np.testing.assert_allclose(points.mean(axis=0), CENTRE_MM, atol=1.0)  # half a pixel


def test_lesion_of_the_phantom_keeps_its_voxels_where_nothing_moves(tmp_path: Path) -> None:
    items = phase_series("pv", description="pv")
    items[11].ImagePositionPatient[2] += 2.0  # the last step is 7 mm instead of 5
    imported([*items, make_seg(items, {"Mass": lesion_mask()})], tmp_path)
    mask = sitk.ReadImage(str(tmp_path / "raw" / "patient_001" / "lesions_pv.nii.gz"))
    # 57 mm in 11 steps of 5.18 mm: slices 4 to 6 stay the nearest ones of planes 4 to 6.
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), lesion_mask())
