"""A patient's measures against painted volumes, on straight, oblique and flipped grids."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from orders import ORDERS, stored

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.measurement.measure import Liver, measure_patient
from nnunet_multiphase.measurement.record import PatientMeasures
from nnunet_multiphase.measurement.table import write_measures_csv, write_measures_json

pytestmark = pytest.mark.slow

SPACING_MM = (1.0, 1.2, 2.5)
SHAPE = (24, 60, 64)  # (z, y, x)


def image(values: np.ndarray, tilt: float = 0.0) -> sitk.Image:
    result = sitk.GetImageFromArray(values)
    result.SetSpacing(SPACING_MM)
    result.SetOrigin((-31.0, 12.0, 400.0))
    result.SetDirection(sitk.Euler3DTransform((0, 0, 0), tilt / 2, tilt, -tilt).GetMatrix())
    return result


def box(*spans: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(a, b) for a, b in spans)] = True
    return mask


LARGE = box((8, 12), (20, 30), (12, 24))
SMALL = box((15, 17), (40, 44), (48, 52))
LIVER = box((3, 21), (6, 55), (4, 60))


def measured(tilt: float = 0.0, order: tuple | None = None, **options: object) -> PatientMeasures:
    """The two boxes, painted 110 (art) and 70 (dl) in a liver of 70 and 100; voxels of the lesions in a bright body."""
    turn = (lambda im: im) if order is None else (lambda im: stored(im, order))
    hu = {}
    for phase, (body, organ, lesion) in {
        "nc": (0, 55, 40),
        "art": (300, 70, 110),
        "dl": (300, 100, 70),
    }.items():
        values = np.full(SHAPE, body, np.int16)
        values[LIVER] = organ
        values[LARGE | SMALL] = lesion
        hu[phase] = turn(image(values, tilt))
    probability = np.where(LARGE, 0.9, np.where(SMALL, 0.6, 0.1)).astype(np.float32)
    chosen = {
        "probability": turn(image(probability, tilt)),
        "liver": Liver(turn(image(LIVER.astype(np.uint8), tilt)), "mask", 500.0),
    } | options
    lesions = turn(image((LARGE | SMALL).astype(np.uint8), tilt))
    return measure_patient("a", "art", lesions, hu, **chosen)  # type: ignore[arg-type]


def test_volume_and_number_by_hand() -> None:
    found = measured()
    assert [lesion.volume_ml for lesion in found.lesions] == pytest.approx(
        [4 * 10 * 12 * 0.003, 2 * 4 * 4 * 0.003]
    )
    assert found.burden_ml == pytest.approx(1.536)
    assert found.burden_percent == pytest.approx(100 * 1.536 / 500.0)


@pytest.mark.parametrize("tilt", [0.0, 0.2])
def test_diameters_and_their_ends_on_straight_and_oblique_grids(tilt: float) -> None:
    large = measured(tilt).lesions[0]
    # Longest between edge midpoints of opposite corners: 11 x 10 voxels, or 12 x 9.
    assert large.axial.mm == pytest.approx(max(math.hypot(12.0, 9 * 1.2), math.hypot(11.0, 10 * 1.2)))
    for diameter in (large.axial, large.perpendicular, large.diameter_3d):
        assert math.dist(*diameter.ends_mm) == pytest.approx(diameter.mm)
    assert large.diameter_3d.mm > large.axial.mm > large.perpendicular.mm


def test_the_centroid_lies_in_the_patients_frame() -> None:
    grid = image(np.zeros(SHAPE, np.uint8), 0.2)
    middle = grid.TransformContinuousIndexToPhysicalPoint((17.5, 24.5, 9.5))
    assert measured(0.2).lesions[0].centroid_mm == pytest.approx(middle)


def test_attenuation_of_lesion_ring_and_liver_is_what_was_painted() -> None:
    found = measured()
    for lesion in found.lesions:
        assert {p: (a.mean_hu, a.sd_hu) for p, a in lesion.lesion.items()} == {
            "nc": (40, 0),
            "art": (110, 0),
            "dl": (70, 0),
        }
        assert {p: (a.mean_hu, a.sd_hu) for p, a in lesion.ring.items()} == {
            "nc": (55, 0),
            "art": (70, 0),
            "dl": (100, 0),
        }
    assert {p: a.mean_hu for p, a in found.liver.items()} == {"nc": 55, "art": 70, "dl": 100}
    assert found.liver["art"].voxels == np.count_nonzero(LIVER & ~LARGE & ~SMALL)


def test_the_ring_reaches_ten_millimetres_and_leaves_out_what_touches_the_lesion() -> None:
    values = np.full(SHAPE, 100, np.int16)
    values[:, :, 24] = 900  # touches the large box's side
    values[:, :, 34:] = 900  # 11 mm from it: its last voxel is 23
    lesions = image(LARGE.astype(np.uint8))
    liver = Liver(image(LIVER.astype(np.uint8)), "mask")
    (lesion,) = measure_patient("a", "pv", lesions, {"pv": image(values)}, liver=liver).lesions
    beside = box((8, 12), (20, 30), (25, 34))
    assert lesion.ring["pv"].voxels > np.count_nonzero(beside)
    corner = lesion.ring["pv"]
    assert (
        corner.mean_hu < 160
    )  # the plane at 24 beyond the lesion's neighbours is in it, no voxel from 34 on
    values[:, :, 24] = 100
    (lesion,) = measure_patient("a", "pv", lesions, {"pv": image(values)}, liver=liver).lesions
    assert lesion.ring["pv"].mean_hu == 100.0


def test_course_and_confidence() -> None:
    large, small = measured().lesions
    assert (large.arterial_hyperenhancement, large.washout) == (True, True)
    assert large.absolute_washout_percent == pytest.approx(100 * 40 / 70)
    assert (large.confidence, small.confidence) == pytest.approx((0.9, 0.6))


def test_a_phase_that_shows_less_than_half_of_a_lesion_says_nothing_of_it() -> None:
    values = np.full(SHAPE, 80, np.int16)
    values[LARGE & box((0, 10), (0, 60), (0, 64))] = -1024  # half of the large one: enough is left
    values[SMALL & box((0, 24), (0, 43), (0, 64))] = -1024  # three quarters of the small one
    lesions = image((LARGE | SMALL).astype(np.uint8))
    large, small = measure_patient("a", "art", lesions, {"art": image(values)}).lesions
    assert large.lesion["art"].mean_hu == 80.0
    assert large.lesion["art"].voxels == 2 * 10 * 12
    assert small.lesion == {}


def test_depth_is_taken_to_the_livers_outermost_voxels() -> None:
    large, small = measured().lesions
    # The large box begins at x 12, the liver at 4; the small one ends at y 43, the liver at 54; at z 16 and 20.
    assert large.surface_distance_mm == pytest.approx(min(8 * 1.0, 14 * 1.2, 5 * 2.5))
    assert small.surface_distance_mm == pytest.approx(min(8 * 1.0, 11 * 1.2, 4 * 2.5))
    touching = measure_patient(
        "a", "art", image(LIVER.astype(np.uint8)), {}, liver=Liver(image(LIVER.astype(np.uint8)), "mask")
    )
    assert touching.lesions[0].surface_distance_mm == 0.0


def test_sides_are_the_patients_and_none_near_the_border() -> None:
    liver = np.zeros((20, 120, 200), np.uint8)
    liver[2:18, 10:110, 10:190] = 1  # x runs to the patient's left, y to the back
    lesions = np.zeros_like(liver)
    for x, y in ((180, 20), (20, 100)):
        lesions[9:11, y - 2 : y + 2, x - 2 : x + 2] = 1
    found = measure_patient("a", "pv", image(lesions), {}, liver=Liver(image(liver), "mask")).lesions
    assert {lesion.centroid_mm[0] > 50: lesion.side for lesion in found} == {True: "left", False: "right"}
    lesions[:] = 0
    lesions[9:11, 58:62, 126:130] = 1  # 64 % of the way: at the border
    (lesion,) = measure_patient("a", "pv", image(lesions), {}, liver=Liver(image(liver), "mask")).lesions
    assert lesion.side is None


def test_a_lesion_outside_the_liver_is_told_and_has_neither_side_nor_depth() -> None:
    far = box((22, 24), (57, 59), (61, 63))
    beside = box((8, 12), (20, 30), (60, 62))  # shares a face with the liver, which ends at x 60
    lesions = image((LARGE | far | beside).astype(np.uint8))
    found = measure_patient(
        "a", "pv", lesions, {}, liver=Liver(image(LIVER.astype(np.uint8)), "mask")
    ).lesions
    assert [lesion.outside_liver for lesion in found] == [False, False, True]
    assert (found[2].side, found[2].surface_distance_mm) == (None, None)
    assert found[1].surface_distance_mm == 0.0


def test_a_liver_that_was_only_found_gives_attenuation_but_neither_size_nor_place() -> None:
    found = measured(liver=Liver(image(LIVER.astype(np.uint8)), "found"))
    large = found.lesions[0]
    assert (found.liver_ml, found.burden_percent, large.side, large.surface_distance_mm) == (
        None,
        None,
        None,
        None,
    )
    assert large.ring["art"].mean_hu == 70.0


@pytest.mark.parametrize("number", range(48))
def test_the_order_of_storage_changes_nothing(number: int) -> None:
    straight, other = measured(), measured(order=ORDERS[number])
    for one, two in zip(straight.lesions, other.lesions, strict=True):
        assert two.axial.mm == pytest.approx(one.axial.mm)
        assert two.perpendicular.mm == pytest.approx(one.perpendicular.mm)
        assert two.centroid_mm == pytest.approx(one.centroid_mm)
        assert (two.side, two.ring, two.lesion) == (one.side, one.ring, one.lesion)


def test_nothing_segmented_is_no_lesion() -> None:
    found = measure_patient(
        "a", "pv", image(np.zeros(SHAPE, np.uint8)), {"pv": image(np.zeros(SHAPE, np.int16))}
    )
    assert found.lesions == ()
    assert found.burden_ml == 0.0


def test_an_image_on_another_grid_is_refused() -> None:
    other = image(np.zeros(SHAPE, np.int16), 0.1)
    with pytest.raises(
        InputError, match=r"the segmentation and the pv image must lie on one grid.*directions"
    ):
        measure_patient("a", "pv", image(LARGE.astype(np.uint8)), {"pv": other})


def test_the_csv_has_a_cell_for_everything_and_empty_ones_for_the_unknown(tmp_path: Path) -> None:
    path = write_measures_csv(measured(), tmp_path / "a_lesions.csv", ("nc", "art", "pv", "dl"))
    with path.open(newline="") as stream:
        large, small = csv.DictReader(stream)
    assert (large["lesion"], small["lesion"]) == ("1", "2")
    assert (large["volume_ml"], large["mean_hu_art"], large["ring_mean_hu_dl"]) == (
        "1.44",
        "110.00",
        "100.00",
    )
    assert (large["mean_hu_pv"], large["enhancement_hu_art"], large["washout"]) == ("", "70", "yes")
    assert float(large["absolute_washout_percent"]) == pytest.approx(57.142857, rel=1e-5)


def test_the_csv_without_lesions_has_the_same_header(tmp_path: Path) -> None:
    full = write_measures_csv(measured(), tmp_path / "full.csv", ("art",))
    none = PatientMeasures("a", "art", ())
    empty = write_measures_csv(none, tmp_path / "empty.csv", ("art",))
    assert empty.read_text() == full.read_text().splitlines()[0] + "\n"


def test_the_json_holds_the_case_and_every_lesion(tmp_path: Path) -> None:
    path = write_measures_json(measured(), tmp_path / "a_lesions.json", {"phases_lacking": ["pv"]})
    content = json.loads(path.read_text())
    assert (content["number"], content["phases_lacking"], content["liver"]["source"]) == (2, ["pv"], "mask")
    assert content["lesions"][0]["axial"]["ends_mm"][0] == pytest.approx(
        list(measured().lesions[0].axial.ends_mm[0])
    )
    assert "not a medical device" in content["note"]


def test_where_the_scanner_puts_the_origin_changes_places_alone() -> None:
    away_mm = (256.0, -512.0, 2048.0)  # exact in single precision too

    def moved(grid: sitk.Image) -> sitk.Image:
        grid.SetOrigin(np.add(grid.GetOrigin(), away_mm).tolist())
        return grid

    plain = {"art": image(np.where(LARGE | SMALL, 110, 70).astype(np.int16))}
    volumes = [image((LARGE | SMALL).astype(np.uint8)), plain["art"], image(LIVER.astype(np.uint8))]
    one, two = (
        measure_patient("a", "art", lesions, {"art": hu}, liver=Liver(liver, "mask")).lesions
        for lesions, hu, liver in (volumes, [moved(sitk.Image(volume)) for volume in volumes])
    )
    for straight, other in zip(one, two, strict=True):
        assert other.centroid_mm == pytest.approx(np.add(straight.centroid_mm, away_mm))
        assert other.axial.mm == pytest.approx(straight.axial.mm)
        assert (other.volume_ml, other.side, other.lesion, other.ring) == (
            straight.volume_ml,
            straight.side,
            straight.lesion,
            straight.ring,
        )


@pytest.mark.parametrize("padding", [-2000, -3024, -32768])
def test_padding_of_another_program_is_no_data(padding: int) -> None:
    """As where a phase ends amid the lesion: what is beyond counts for nothing, as air of exactly -1024 does."""
    values = np.full(SHAPE, 90, np.int16)
    values[10:] = padding
    found = measure_patient("a", "pv", image(LARGE.astype(np.uint8)), {"pv": image(values)})
    (lesion,) = found.lesions
    half = lesion.lesion["pv"]
    assert (half.mean_hu, half.sd_hu, half.voxels) == (90.0, 0.0, int(LARGE[:10].sum()))
