"""Where the network looks: about a liver that is surely known, and everywhere else nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import AlignedPhases
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.prediction import NnUNetModel, PreparedCase, Segmented, segment_case
from nnunet_multiphase.prediction.window import liver_window
from nnunet_multiphase.volumes.orientation import stored_grid

SIZE, SPACING_MM = (150, 120, 100), (3.0, 3.0, 4.0)


def grid(values: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(SPACING_MM)
    return image


def organ(half_mm: float) -> np.ndarray:
    """A cube about voxel (60, 50, 50) that reaches so far to each side."""
    x, y, z = np.meshgrid(*[np.arange(n) for n in SIZE], indexing="ij")
    inside = [
        abs(v - middle) * mm <= half_mm
        for v, middle, mm in zip((x, y, z), (60, 50, 50), SPACING_MM, strict=True)
    ]
    return np.logical_and.reduce(inside).transpose(2, 1, 0).astype(np.uint8)


def prepared(*, mask: np.ndarray | None = None, found: np.ndarray | None = None) -> PreparedCase:
    hu = grid(np.full(SIZE[::-1], 60, np.int16))
    results = {}
    if found is not None:
        results["nc"] = SimpleNamespace(region="liver", fitted=grid(found), verdict="ok")
    aligned = AlignedPhases("pv", {"pv": hu}, {}, results, ((0, 0, 0), SIZE), SIZE, 1.0)  # type: ignore[arg-type]
    case = CaseFolder("a", Path(), "a", {}, "pv", None, None)
    liver = None if mask is None else grid(mask)
    return PreparedCase(case, ("pv",), (), {"pv": hu}, {"pv": stored_grid(hu)}, liver, aligned)


def test_a_drawn_liver_gets_twenty_millimetres() -> None:
    window = liver_window(prepared(mask=organ(45.0)))
    assert window is not None
    # 15 and 11 voxels to each side; 20 mm are 7 and 5 voxels.
    assert window.box == ((60 - 15 - 7, 50 - 15 - 7, 50 - 11 - 5), (2 * 22 + 1, 2 * 22 + 1, 2 * 16 + 1))
    assert not window.found
    assert window.share == pytest.approx(45 * 45 * 33 / np.prod(SIZE))


def test_a_found_liver_gets_wider_margins_above_all_to_the_left_and_to_the_feet() -> None:
    window = liver_window(prepared(found=organ(60.0)))
    assert window is not None
    start, size = window.box
    end = tuple(np.add(start, size))
    # What was fitted reaches 4 mm beyond the liver: 20 voxels less 2 in the slices, 15 less 1 across.
    assert (start[0], end[0]) == (60 - 18 - 10, 60 + 18 + 30 + 1)  # 30 mm to the right, 90 to the left
    assert (start[1], end[1]) == (50 - 18 - 10, 50 + 18 + 10 + 1)
    assert (start[2], end[2]) == (50 - 14 - 15, 50 + 14 + 10 + 1)  # 60 mm to the feet, 40 to the head
    assert window.found


def test_a_found_liver_that_is_suspiciously_small_is_not_trusted() -> None:
    assert liver_window(prepared(found=organ(36.0))) is None  # some 430 ml
    assert liver_window(prepared(mask=organ(36.0))) is not None  # but drawn it is


def test_without_a_liver_the_network_looks_everywhere() -> None:
    assert liver_window(prepared()) is None
    assert liver_window(prepared(mask=np.zeros(SIZE[::-1], np.uint8))) is None
    assert liver_window(prepared(mask=organ(30.0))) is None  # drawn, but of 250 ml no whole liver


def test_a_window_of_nearly_everything_is_none() -> None:
    assert liver_window(prepared(mask=organ(220.0))) is None


@pytest.mark.parametrize("place", [(60, 50, 50), (4, 118, 95)])
def test_the_window_holds_at_least_a_patch(place: tuple[int, int, int]) -> None:
    mask = np.zeros(SIZE[::-1], np.uint8)
    x, y, z = (np.clip(at, 12, n - 13) for at, n in zip(place, SIZE, strict=True))
    mask[z - 12 : z + 13, y - 12 : y + 13, x - 12 : x + 13] = 1  # some 560 ml
    window = liver_window(prepared(mask=mask), (240.0, 330.0, 360.0))
    assert window is not None
    assert window.box[1] == (80, 110, 90)
    for first, count, voxels, at in zip(*window.box, SIZE, (x, y, z), strict=True):
        assert 0 <= first <= at < first + count <= voxels


class Marks:
    """A model that calls everything lesion."""

    patch_mm = (0.0, 0.0, 0.0)

    def __init__(self) -> None:
        self.record = {"labels": {"background": 0, "lesion": 1}}
        self.seen: tuple[int, ...] = ()

    def segment(
        self, phases_hu: Sequence[np.ndarray], spacing_mm: Sequence[float], lesion_labels: Sequence[int]
    ) -> Segmented:
        self.seen = np.shape(phases_hu)
        ones = np.ones(phases_hu[0].shape, np.uint8)
        return Segmented(ones, ones.astype(np.float32))


def test_outside_of_the_window_is_background() -> None:
    case, model = prepared(mask=organ(45.0)), Marks()
    window = liver_window(case)
    assert window is not None
    found = segment_case(model, case, window=window)
    start, size = window.box
    assert model.seen == (1, *size[::-1])
    expected = np.zeros(SIZE[::-1], np.uint8)
    expected[tuple(slice(a, a + n) for a, n in zip(start[::-1], size[::-1], strict=True))] = 1
    assert np.array_equal(sitk.GetArrayFromImage(found.labels), expected)
    assert np.array_equal(sitk.GetArrayFromImage(found.lesion_probability), expected.astype(np.float32))
    assert np.all(sitk.GetArrayFromImage(segment_case(model, case).labels) == 1)


@pytest.mark.parametrize(
    ("patch", "spacing", "backward", "extent"),
    [
        ((10, 20, 30), (4.0, 2.0, 1.0), (0, 1, 2), (40, 40, 30)),
        ((20, 30), (2.0, 1.0), (1, 2, 0), (40, 30, 0)),
    ],
)
def test_a_patch_is_told_in_the_images_axes_and_a_slice_has_no_depth(
    patch: tuple, spacing: tuple, backward: tuple, extent: tuple
) -> None:
    plan = SimpleNamespace(patch_size=patch, spacing=spacing)
    plans = SimpleNamespace(transpose_backward=backward)
    predictor = SimpleNamespace(configuration_manager=plan, plans_manager=plans)
    assert NnUNetModel(predictor).patch_mm == extent  # type: ignore[arg-type]
