"""Slices to a grid: what is laid out, and every reason why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_slices import slice_at, stack

from nnunet_multiphase.dicom.geometry import MIN_SLICES, lay_out
from nnunet_multiphase.dicom.header import Slice

OBLIQUE = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)


def problems(slices: list[Slice]) -> str:
    grid, found = lay_out(slices)
    assert (grid is None) == bool(found)
    return "; ".join(found)


def test_slices_are_sorted_by_position_not_by_number() -> None:
    grid, _ = lay_out([slice_at(2.5 * k, instance=100 - k) for k in (3, 0, 7, 5, 1, 9, 2, 8, 6, 4)])
    assert grid is not None
    assert [part.instance for part in grid.slices] == list(range(100, 90, -1))


def test_column_spacing_is_x() -> None:
    grid, _ = lay_out(stack())
    assert grid is not None
    assert grid.spacing_mm == pytest.approx((0.7, 0.8, 2.5))


def test_oblique_normal_is_row_cross_column() -> None:
    slices = [
        slice_at(0, instance=k, position=(1.0, 2.0 - 0.6 * 3 * k, 3.0 + 0.8 * 3 * k), orientation=OBLIQUE)
        for k in range(9)
    ]
    grid, _ = lay_out(slices)
    assert grid is not None
    # (1, 0, 0) x (0, 0.8, 0.6) = (0, -0.6, 0.8), the third column of the direction
    assert np.reshape(grid.direction, (3, 3))[:, 2] == pytest.approx((0, -0.6, 0.8))
    assert grid.spacing_mm[2] == pytest.approx(3)
    assert grid.origin == (1.0, 2.0, 3.0)


def test_axes_a_little_off_the_right_angle_are_turned_to_it() -> None:
    grid, _ = lay_out(stack(orientation=(1.0, 4e-4, 0.0, 2e-4, 1.0, 0.0)))
    assert grid is not None
    axes = np.reshape(grid.direction, (3, 3))
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    # 6e-4 off the right angle: either axis turns by half of it, to (1, 1e-4) and (-1e-4, 1).
    np.testing.assert_allclose(axes[0, 1], -1e-4, atol=1e-7)
    np.testing.assert_allclose(axes[1, 0], 1e-4, atol=1e-7)


def test_a_mask_under_the_headers_of_its_images_is_named_as_such() -> None:
    twice = [slice_at(2.5 * k, uid=f"1.2.{k}", path=Path(name)) for k in range(10) for name in ("ct", "mask")]
    assert "a mask that was stored under the headers of the images" in problems(twice)
    constant = [slice_at(2.5 * k, uid="1.2", path=Path(name)) for k in range(10) for name in ("ct", "mask")]
    assert "nothing tells apart" in problems(constant)


def test_missing_slices_are_counted() -> None:
    assert problems([part for part in stack(14) if part.instance not in (4, 5, 9)]) == (
        "missing slices: about 3 in 2 gaps"
    )


def test_uneven_spacing_is_said_with_its_range() -> None:
    heights = [0, 2, 4, 6, 8, 10.5, 13, 15.5, 18, 20.5]
    assert problems([slice_at(z) for z in heights]) == "the spacing changes from 2 to 2.5 mm"


def test_rounded_positions_are_even() -> None:
    assert problems([slice_at(round(0.625 * k, 1), instance=k) for k in range(40)]) == ""


def test_gantry_tilt_is_said_in_degrees() -> None:
    # 10 degrees: each slice stands back by tan(10 degrees) x 5 mm along y.
    tilted = [
        slice_at(0, instance=k, position=(0.0, k * 5 * np.tan(np.radians(10)), 5.0 * k)) for k in range(10)
    ]
    assert problems(tilted) == "gantry tilt: slices step 10.0 degrees off their normal"


def test_mixed_orientations_are_refused() -> None:
    assert problems([*stack(), slice_at(99, orientation=OBLIQUE)]) == "mixed orientations in one series"


def test_slices_of_another_size_are_refused() -> None:
    assert problems([*stack(), slice_at(25, rows=16)]) == "slices of different size (rows x columns)"


def test_slices_of_another_pixel_spacing_are_refused() -> None:
    assert problems([*stack(), slice_at(25, pixel_spacing=(0.8, 0.8))]) == "slices of different pixel spacing"


@pytest.mark.parametrize("lost", ["position", "orientation", "pixel_spacing"])
def test_slices_without_a_place_are_refused(lost: str) -> None:
    assert problems([*stack(), slice_at(25, **{lost: None})]) == f"slices without {lost.replace('_', ' ')}"


@pytest.mark.parametrize(("size", "said"), [((1e30, 1e30), "1e+30 x 1e+30"), ((0.8, 1e-30), "0.8 x 1e-30")])
def test_pixels_of_a_size_that_no_scanner_makes_are_refused(size: tuple[float, float], said: str) -> None:
    assert problems(stack(pixel_spacing=size)) == f"pixels of {said} mm, as no scanner makes"


def test_slices_farther_away_than_single_precision_can_place_are_refused() -> None:
    assert problems(stack(step=1e6)).startswith("slices more than 100 m from the scanner's centre")


def test_too_few_slices_are_refused_and_one_more_is_not() -> None:
    assert (
        problems(stack(MIN_SLICES - 1)) == f"too few slices: {MIN_SLICES - 1} positions, expected at least 8"
    )
    assert problems(stack(MIN_SLICES)) == ""


def test_bolus_timing_at_one_position_is_too_few_slices() -> None:
    assert problems([slice_at(5, instance=k) for k in range(30)]).startswith("too few slices: 1 positions")


def test_a_slice_moved_sideways_is_refused() -> None:
    assert problems([*stack(), slice_at(25, position=(-7.0, 20.0, 25.0)), slice_at(27.5)]) == (
        "slices are shifted sideways against each other"
    )


def test_changing_spacing_is_said_with_both() -> None:
    heights = [*(2.5 * k for k in range(16)), *(37.5 + 7.5 * k for k in range(1, 10))]
    assert problems([slice_at(z) for z in heights]) == "the spacing changes from 2.5 to 7.5 mm"


def test_spacing_that_changes_twice_is_said_with_all_three() -> None:
    heights = np.concatenate([[0], np.cumsum([5] * 6 + [1.25] * 8 + [5] * 6)])
    assert problems([slice_at(float(z)) for z in heights]) == "the spacing changes from 5 to 1.25 to 5 mm"


def test_two_lost_slices_in_a_row_are_no_change_of_spacing() -> None:
    assert problems([part for part in stack(16) if part.instance not in (7, 8)]) == (
        "missing slices: about 2 in 1 gap"
    )


def test_two_interleaved_acquisitions_that_nothing_tells_apart_are_named() -> None:
    heights = sorted([5.0 * k for k in range(10)] + [5.0 * k + 1 for k in range(10)])
    assert problems([slice_at(z) for z in heights]) == (
        "steps of 1 and 4 mm take turns: two acquisitions interleaved, which nothing tells apart"
    )


def test_acquisitions_interleaved_over_a_part_are_named() -> None:
    heights = sorted([5.0 * k for k in range(20)] + [31.0 + 5.0 * k for k in range(20)])
    assert problems([slice_at(z) for z in heights]) == (
        "steps of 1 to 5 mm take turns: two acquisitions interleaved, which nothing tells apart"
    )


def test_half_the_spacing_with_slices_as_thick_may_be_another_acquisition() -> None:
    heights = sorted([5.0 * k for k in range(20)] + [52.5 + 5.0 * k for k in range(20)])
    assert problems([slice_at(z, thickness_mm=5.0) for z in heights]) == (
        "perhaps two acquisitions interleaved: the spacing changes from 5 to 2.5 to 5 mm, the slices' thickness does not"
    )


def test_half_the_spacing_with_thinner_slices_is_a_change_of_spacing() -> None:
    thick = [slice_at(5.0 * k, thickness_mm=5.0) for k in range(10)]
    thin = [slice_at(45 + 2.5 * k, thickness_mm=2.5) for k in range(1, 10)]
    assert problems([*thick, *thin]) == "the spacing changes from 5 to 2.5 mm"


def test_a_third_of_the_slices_lost_here_and_there_are_missing_slices() -> None:
    lost = (2, 3, 7, 11, 12, 13, 18, 20, 25, 28)
    assert problems([part for part in stack(30) if part.instance not in lost]) == (
        "missing slices: about 10 in 7 gaps"
    )


def test_steps_of_one_and_two_in_turn_are_two_acquisitions_and_no_lost_slices() -> None:
    heights = sorted([3.0 * k for k in range(10)] + [3.0 * k + 1 for k in range(10)])
    assert problems([slice_at(z) for z in heights]) == (
        "steps of 1 and 2 mm take turns: two acquisitions interleaved, which nothing tells apart"
    )
