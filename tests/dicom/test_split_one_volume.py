"""What looks like several acquisitions in one series and is one; and what makes one doubtful."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from made_slices import acquired, doubts, owners, second, stack

from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.split import split_stack


def test_blocks_at_each_stop_of_the_table_are_one_acquisition() -> None:
    # Four slices a stop, 6 s from stop to stop, each with an AcquisitionNumber of its own; twice.
    def blocks(owner: str, start_s: float, first: int) -> list[Slice]:
        return [
            replace(part, acquisition=first + k // 4, acquired_s=start_s + 6.0 * (k // 4))
            for k, part in enumerate(acquired(owner, 24))
        ]

    assert owners(split_stack(blocks("nc", 0, 1))) == [("nc", 24)]
    split = split_stack([*blocks("nc", 0, 1), *blocks("pv", 200, 7)])
    assert (owners(split), doubts(split)) == ([("nc", 24), ("pv", 24)], [])


def test_two_wide_blocks_a_second_apart_are_one_acquisition() -> None:
    # 16 cm of detector, twice: AcquisitionNumber 1 and 2, then 3 and 4 for the next phase.
    def wide(owner: str, start_s: float, first: int) -> list[Slice]:
        return [
            replace(part, acquisition=first + k // 32, acquired_s=start_s + 1.5 * (k // 32))
            for k, part in enumerate(acquired(owner, 64))
        ]

    split = split_stack([*wide("art", 0, 1), *wide("pv", 35, 3)])
    assert (owners(split), doubts(split)) == ([("art", 64), ("pv", 64)], [])


def test_one_acquisition_number_for_every_slice_says_nothing() -> None:
    slices = [replace(part, acquisition=part.instance) for part in acquired("pv", 24)]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == ([("pv", 24)], [])


def test_times_that_run_along_the_body_are_one_acquisition() -> None:
    slices = [
        replace(part, acquired_s=0.4 * k, content_s=7.0 * k) for k, part in enumerate(acquired("pv", 40))
    ]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == ([("pv", 40)], [])


def test_one_slice_a_rotation_every_eight_seconds_is_one_acquisition() -> None:
    slices = [replace(part, acquired_s=8.0 * k, acquisition=k) for k, part in enumerate(acquired("pv", 20))]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == ([("pv", 20)], [])


def test_numbers_in_the_order_of_file_names_are_one_acquisition() -> None:
    # 1, 10, 11, ..., 2, 20, ...: sorted as words.
    order = sorted(range(1, 61), key=str)
    slices = [replace(part, instance=order.index(part.instance) + 1) for part in acquired("pv", 60)]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == ([("pv", 60)], [])


def test_slices_without_a_time_here_and_there_are_one_acquisition() -> None:
    slices = [replace(part, acquired_s=None if k % 5 else 0.0) for k, part in enumerate(acquired("pv", 24))]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == ([("pv", 24)], [])


@pytest.mark.parametrize("lacks", [lambda k: k % 2, lambda k: k > 11], ids=["every second", "upper half"])
def test_half_the_slices_without_a_time_are_doubted(lacks: Callable[[int], bool]) -> None:
    slices = [
        replace(part, acquired_s=None if lacks(k) else 0.0) for k, part in enumerate(acquired("pv", 24))
    ]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == (
        [("pv", 24)],
        ["only some slices give AcquisitionTime: perhaps two acquisitions"],
    )


def test_a_pause_of_the_reconstruction_does_not_cut() -> None:
    slices = [replace(part, content_s=20.0 * (k > 11)) for k, part in enumerate(acquired("pv", 24))]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == ([("pv", 24)], [])


@pytest.mark.parametrize("count", [5, 9])
def test_slices_acquired_much_later_amid_a_grid_are_told(count: int) -> None:
    whole = [replace(part, acquired_s=0.2 * k) for k, part in enumerate(stack(30))]
    rescan = second(whole[10 : 10 + count], acquired_s=75.0)
    (part,) = split_stack([*whole[:10], *rescan, *whole[10 + count :]]).parts
    assert part.doubts == ("AcquisitionTime leaps by 70 s and more within it: slices of another acquisition",)


def test_blocks_with_a_steady_pause_between_them_are_one_scan() -> None:
    blocks = [replace(part, acquired_s=8.0 * (k // 4)) for k, part in enumerate(stack(32))]
    (part,) = split_stack(blocks).parts
    assert (part.doubts, part.notes) == ((), ())


def test_a_few_slices_of_another_series_number_make_a_volume_doubtful() -> None:
    whole = stack(30, series_number=4)
    (part,) = split_stack([*whole[:10], *second(whole[10:15], series_number=9), *whole[15:]]).parts
    assert part.doubts == ("SeriesNumber is another in 5 of its slices",)


def test_a_few_slices_of_another_description_make_a_volume_doubtful() -> None:
    whole = stack(30, description="portal")
    (part,) = split_stack([*whole[:20], *second(whole[20:24], description="arterial"), *whole[24:]]).parts
    assert part.doubts == ("SeriesDescription is another in 4 of its slices",)


def test_a_few_slices_of_another_protocol_are_told() -> None:
    whole = stack(30, protocol="Abdomen")
    (part,) = split_stack([*whole[:20], *second(whole[20:24], protocol="Liver"), *whole[24:]]).parts
    assert part.doubts == ()
    assert part.notes == ("ProtocolName is another in 4 of its slices",)
