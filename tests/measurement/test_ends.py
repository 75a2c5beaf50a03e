"""A lesion that the volume's end, or that of where was looked, cuts off: it is told, and one that lies near is not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from orders import ORDERS, stored

from nnunet_multiphase.measurement.ends import Bounds, told_of_ends
from nnunet_multiphase.measurement.measure import measure_patient
from nnunet_multiphase.measurement.record import PatientMeasures
from nnunet_multiphase.measurement.table import write_measures_csv, write_measures_json
from nnunet_multiphase.phases import FILL_HU

SHAPE = (20, 40, 50)
WHOLE = ((0, 20), (0, 40), (0, 50))


def box(*spans: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(a, b) for a, b in spans)] = True
    return mask


INSIDE = ((6, 12), (10, 20), (10, 20))


def measured(
    lesions: np.ndarray,
    *,
    empty: dict[str, np.ndarray] | None = None,
    reference: str = "pv",
    bounds: Bounds | None = None,
    order: tuple | None = None,
) -> PatientMeasures:
    """Measure lesions on art and pv; `empty`: where a phase has no data."""

    def image(values: np.ndarray) -> sitk.Image:
        made = sitk.GetImageFromArray(values)
        return made if order is None else stored(made, order)

    images = {}
    for phase in ("art", "pv"):
        hu = np.full(SHAPE, 80, np.int16)
        hu[(empty or {}).get(phase, np.zeros(SHAPE, bool))] = FILL_HU
        images[phase] = image(hu)
    return measure_patient("a", reference, image(lesions.astype(np.uint8)), images, bounds=bounds)


def ends(lesions: np.ndarray, **options: object) -> tuple[str, ...]:
    (lesion,) = measured(lesions, **options).lesions  # type: ignore[arg-type]
    return lesion.cut_off


@pytest.mark.parametrize("axis", range(3))
def test_the_last_voxel_of_the_volume_is_an_end_and_the_last_but_one_is_none(axis: int) -> None:
    for near, beyond in ((0, 1), (1, 0)):
        spans = [list(span) for span in INSIDE]
        spans[axis][0] = near
        assert ends(box(*map(tuple, spans))) == ("volume",) * beyond
        spans = [list(span) for span in INSIDE]
        spans[axis][1] = SHAPE[axis] - near
        assert ends(box(*map(tuple, spans))) == ("volume",) * beyond


@pytest.mark.parametrize("number", range(0, 48, 5))
def test_the_order_of_storage_changes_nothing(number: int) -> None:
    assert ends(box((14, 20), (10, 20), (10, 20)), order=ORDERS[number]) == ("volume",)
    assert ends(box(*INSIDE), order=ORDERS[number]) == ()


def test_one_slice_has_no_end_across_it() -> None:
    lesion = sitk.GetImageFromArray(box(*INSIDE)[8:9].astype(np.uint8))
    assert measure_patient("a", "", lesion, {}).lesions[0].cut_off == ()


def test_padding_of_the_reference_is_an_end() -> None:
    padded = {"pv": box((12, 20), *WHOLE[1:])}
    assert ends(box(*INSIDE), empty=padded) == ("volume",)
    assert ends(box((6, 11), *INSIDE[1:]), empty=padded) == ()  # a voxel before it


def test_where_no_reference_is_named_padding_is_what_no_phase_shows() -> None:
    above = box((12, 20), *WHOLE[1:])
    assert ends(box(*INSIDE), empty={"art": above, "pv": above}, reference="") == ("volume",)
    assert ends(box(*INSIDE), empty={"pv": above}, reference="") == ()


def test_air_that_does_not_reach_the_edge_or_only_dots_is_no_padding() -> None:
    assert ends(box(*INSIDE), empty={"pv": box((12, 15), (8, 22), (8, 22))}) == ()  # gas
    dots = np.zeros(SHAPE, bool)
    dots[12, 12, :18:4] = dots[:, 0] = True
    assert ends(box(*INSIDE), empty={"pv": dots}) == ()


def test_another_phases_end_counts_where_a_model_looked_at_both() -> None:
    over = {"art": box((12, 20), *WHOLE[1:])}
    looked = Bounds.of_volume(SHAPE)
    assert ends(box(*INSIDE), empty=over, bounds=looked) == ("phases",)
    assert ends(box(*INSIDE), empty=over) == ()  # whoever drew it may have seen pv alone
    assert ends(box((6, 15), *INSIDE[1:]), empty=over, bounds=looked) == ()  # it goes on there


def test_what_ends_at_each_side_is_named() -> None:
    looked = Bounds(
        (slice(2, 18), slice(0, 40), slice(5, 50)),
        ("phases", "volume", "window"),
        ("window", "volume", "volume"),
    )
    assert ends(box((2, 8), (10, 20), (10, 20)), bounds=looked) == ("phases",)
    assert ends(box((8, 18), (10, 20), (5, 20)), bounds=looked) == ("window",)
    assert ends(box((2, 8), (10, 40), (5, 20)), bounds=looked) == ("volume", "phases", "window")
    assert ends(box((3, 17), (1, 39), (6, 49)), bounds=looked) == ()


def test_table_and_json_have_it(tmp_path: Path) -> None:
    found = measured(box((12, 20), (2, 20), (10, 30)) | box((2, 4), (30, 34), (40, 44)))
    with write_measures_csv(found, tmp_path / "a.csv", ("pv",)).open(newline="") as stream:
        assert [row["cut_off"] for row in csv.DictReader(stream)] == ["volume", ""]
    content = json.loads(write_measures_json(found, tmp_path / "a.json", {}).read_text())
    assert [lesion["cut_off"] for lesion in content["lesions"]] == [["volume"], []]
    assert found.is_cut_off
    assert not measured(box(*INSIDE)).is_cut_off


def test_sentences_name_lesions_by_what_cuts_them_off() -> None:
    window = Bounds(
        (slice(0, 20), slice(0, 40), slice(0, 40)), ("volume",) * 3, ("volume", "volume", "window")
    )
    found = measured(
        box((14, 20), (2, 12), (2, 12)) | box((15, 20), (20, 30), (2, 12)) | box((5, 9), (2, 12), (36, 40)),
        bounds=window,
    )
    assert told_of_ends(found.lesions, "--everywhere looks beyond") == [
        "lesions 1, 2 reach the end of the volume: their volume and diameters are lower bounds",
        "lesion 3 reaches the end of where was looked about the liver (--everywhere looks beyond): its volume and diameters "
        "are lower bounds",
    ]
    specks = np.zeros(SHAPE, bool)
    specks[0, ::4, ::5] = True
    (said,) = told_of_ends(measured(specks).lesions)
    assert said.startswith("lesions 1, 2, 3, 4, 5, 6 and 94 more reach the end of the volume")
