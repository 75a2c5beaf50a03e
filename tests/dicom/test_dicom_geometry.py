"""Slices to a grid: what is laid out, and every reason why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnunet_multiphase.dicom.geometry import MIN_SLICES, lay_out
from nnunet_multiphase.dicom.scan import Slice
from nnunet_multiphase.dicom.split import split_stack

OBLIQUE = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)


def slice_at(z: float, *, instance: int = 1, **changes: object) -> Slice:
    """Make an axial slice at height z."""
    part = Slice(
        path=Path(f"{z}-{instance}-{changes}"),
        uid=f"{z}-{instance}",
        instance=instance,
        acquisition=1,
        acquired_s=0.0,
        content_s=0.0,
        contrast_start_s=None,
        position=(-10.0, 20.0, z),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing=(0.8, 0.7),
        rows=32,
        columns=32,
        frames=1,
        has_rescale=True,
        localizer=False,
        screen=False,
        burned_in=False,
        agent="",
    )
    return replace(part, **changes)  # type: ignore[arg-type]


def stack(count: int = 10, step: float = 2.5, **changes: object) -> list[Slice]:
    return [slice_at(step * k, instance=k + 1, **changes) for k in range(count)]


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
    assert problems([*stack(), slice_at(25, **{lost: None})]).startswith("slices without position")


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


# Two phases in one series: the second is marked by its rows' number of bits that nothing but the test looks at.


def second(slices: list[Slice], **changes: object) -> list[Slice]:
    return [replace(part, accession="second", path=Path(f"second-{part.path}"), **changes) for part in slices]  # type: ignore[arg-type]


def parted(slices: list[Slice]) -> tuple[list[set[str]], str]:
    split = split_stack(slices)
    return [{image.accession for image in part.slices} for part in split.parts], " and ".join(split.how)


def test_one_volume_stays_one() -> None:
    split = split_stack(stack())
    assert (len(split.parts), split.how) == (1, ())


def test_acquisition_number_tells_phases_apart() -> None:
    interleaved = [
        part for pair in zip(stack(), second(stack(), acquisition=2), strict=True) for part in pair
    ]
    assert parted(interleaved) == ([{""}, {"second"}], "AcquisitionNumber")


def test_acquisition_number_that_names_halves_is_passed_over() -> None:
    halves = [replace(part, acquisition=1 + (part.instance > 5)) for part in stack()]
    later = second(halves, acquired_s=40.0)
    assert parted([*later, *halves]) == ([{""}, {"second"}], "AcquisitionTime")


def test_acquisition_time_tells_phases_apart_slice_by_slice() -> None:
    # Every slice has a time of its own; the second phase starts 40 s later at the other end.
    early = [replace(part, acquired_s=0.1 * k) for k, part in enumerate(stack())]
    late = [replace(part, acquired_s=40 + 0.1 * k) for k, part in enumerate(second(stack())[::-1])]
    assert parted([*late, *early]) == ([{""}, {"second"}], "AcquisitionTime")


def test_content_time_is_asked_next() -> None:
    assert parted([*second(stack(), content_s=40.0), *stack()]) == ([{""}, {"second"}], "ContentTime")


def test_instance_number_is_asked_then() -> None:
    late = [replace(part, instance=part.instance + 10) for part in second(stack())]
    assert parted([*late, *stack()]) == ([{""}, {"second"}], "InstanceNumber")


def test_alternating_instance_numbers_are_told_apart_by_position() -> None:
    early = [replace(part, instance=2 * k) for k, part in enumerate(stack())]
    late = [replace(part, instance=2 * k + 1) for k, part in enumerate(second(stack()))]
    assert parted([*early, *late]) == ([{""}, {"second"}], "the order of slices at each position")


def test_a_longer_second_phase_keeps_its_own_slices() -> None:
    late = [replace(part, instance=part.instance + 10) for part in second(stack(14))]
    assert [len(part.slices) for part in split_stack([*stack(), *late]).parts] == [10, 14]


def test_the_earlier_acquisition_comes_first() -> None:
    late = stack(acquisition=1, acquired_s=100.0)
    early = second(stack(acquisition=2, acquired_s=10.0))
    assert parted([*late, *early])[0] == [{"second"}, {""}]


def test_numbers_that_would_leave_holes_are_passed_over() -> None:
    # Acquisition 1 = the first phase and the second's last two slices, with nothing between.
    late = [
        replace(part, instance=part.instance + 10, acquisition=1 if part.instance > 12 else 2)
        for part in second(stack(14))
    ]
    assert parted([*stack(), *late]) == ([{""}, {"second"}], "InstanceNumber")
