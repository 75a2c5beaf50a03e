"""Several acquisitions in one series, however they lie: each by itself, or refused, never a mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_slices import slice_at, stack

from nnunet_multiphase.dicom.geometry import lay_out
from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.split import Split, split_stack

# Whose slice it is stands in AccessionNumber, which nothing but the tests looks at.


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


def owners(split: Split) -> list[tuple[str, int]]:
    """Give the owner and the number of slices of every part; an owner of "a+b" is a mixture."""
    return [
        ("+".join(sorted({image.accession for image in part.slices})), len(part.slices))
        for part in split.parts
    ]


def doubts(split: Split) -> list[str]:
    return [doubt for part in split.parts for doubt in part.doubts]


def acquired(
    owner: str, count: int = 12, *, bottom: float = 0.0, step: float = 5.0, **changes: object
) -> list[Slice]:
    """Make one acquisition, numbered from 1 upwards."""
    return [
        slice_at(
            bottom + step * k,
            **{"instance": k + 1, "accession": owner, "path": Path(f"{owner}-{k}"), **changes},
        )
        for k in range(count)
    ]


# The lie of the acquisitions to each other.


def test_phases_of_different_slice_counts_are_told_apart_by_acquisition_number() -> None:
    mixed = [
        *acquired("nc", 12, acquisition=2),
        *acquired("art", 24, step=2.5, acquisition=3),
        *acquired("pv", 30, step=2.5, bottom=-10, acquisition=4),
        *acquired("dl", 24, step=2.5, bottom=1, acquisition=5),
    ]
    assert owners(split_stack(mixed)) == [("nc", 12), ("art", 24), ("pv", 30), ("dl", 24)]


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"acquisition": 2}, "AcquisitionNumber"),
        ({"acquired_s": 35.0}, "AcquisitionTime"),
        ({"content_s": 35.0}, "ContentTime"),
        ({"description": "portal"}, "SeriesDescription"),
        ({"series_number": 4}, "SeriesNumber"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "AXIAL", "PV")}, "ImageType"),
        ({"kernel": "B30f"}, "ConvolutionKernel"),
        ({"temporal_position": 2}, "TemporalPositionIdentifier"),
        ({"kvp": 140.0}, "KVP"),
        ({"irradiation_event": "1.2"}, "IrradiationEventUID"),
        ({"thickness_mm": 3.0}, "SliceThickness"),
        ({"agent": "Iomeprol"}, "ContrastBolusAgent"),
        ({"contrast_start_s": 36000.0}, "ContrastBolusStartTime"),
    ],
)
def test_half_a_slice_apart_is_not_one_volume_of_twice_the_slices(
    changes: dict[str, object], how: str
) -> None:
    # What the first does not say at all would be no difference to rely on.
    said = {
        "description": "art",
        "series_number": 3,
        "image_type": ("ORIGINAL",),
        "kernel": "B20f",
        "kvp": 80.0,
    }
    said |= {"temporal_position": 1, "irradiation_event": "1.1", "thickness_mm": 5.0, "agent": "none"}
    said |= {"contrast_start_s": 35000.0}
    split = split_stack([*acquired("art", **said), *acquired("pv", bottom=2.5, **{**said, **changes})])
    assert (sorted(owners(split)), split.how) == ([("art", 12), ("pv", 12)], (how,))


def test_half_a_slice_apart_numbered_one_after_the_other() -> None:
    later = [replace(part, instance=part.instance + 12) for part in acquired("pv", bottom=2.5)]
    assert owners(split_stack([*acquired("art"), *later])) == [("art", 12), ("pv", 12)]


def test_half_a_slice_apart_numbered_anew() -> None:
    assert owners(split_stack([*acquired("art"), *acquired("pv", bottom=2.5)])) == [("art", 12), ("pv", 12)]


def test_another_field_of_view_tells_reconstructions_apart() -> None:
    other = [
        replace(part, position=(5.0, 20.0, part.position[2]), instance=1)  # type: ignore[index]
        for part in acquired("pv", bottom=2.5)
    ]
    split = split_stack([*acquired("art", instance=1), *other])
    assert owners(split) == [("art", 12), ("pv", 12)]


def test_slices_moved_sideways_are_no_second_acquisition() -> None:
    slices = [
        replace(part, position=(-10.0 if k < 12 else 10.0, 20.0, 5.0 * k))
        for k, part in enumerate(acquired("pv", 24))
    ]
    (part,) = split_stack(slices).parts
    assert lay_out(part.slices)[1] == ["slices are shifted sideways against each other"]


def test_numbered_anew_in_the_other_direction_is_doubted() -> None:
    down = [replace(part, instance=13 - part.instance) for part in acquired("pv", bottom=2.5)]
    (doubt,) = doubts(split_stack([*acquired("art"), *down]))
    assert doubt.startswith("InstanceNumbers occur twice")


def test_three_acquisitions_a_millimetre_apart() -> None:
    mixed = [image for k in range(3) for image in acquired(f"{k}", bottom=k, acquisition=k + 1)]
    assert owners(split_stack(mixed)) == [("0", 12), ("1", 12), ("2", 12)]


def test_chest_on_top_of_the_abdomen_is_told_apart_and_said() -> None:
    split = split_stack(
        [*acquired("pv", acquired_s=35.0, acquisition=2), *acquired("chest", bottom=60, acquired_s=0.0)]
    )
    assert owners(split) == [("chest", 12), ("pv", 12)]
    assert {note for part in split.parts for note in part.notes} == {
        "another part of the series, acquired 35 s apart, touches it"
    }
    assert doubts(split) == []


def test_touching_parts_that_no_time_tells_apart_are_doubted() -> None:
    split = split_stack([*acquired("pv"), *acquired("chest", bottom=60, acquisition=2)])
    assert (owners(split), len(doubts(split))) == ([("pv", 12), ("chest", 12)], 2)


def test_one_acquisition_in_two_breaths_is_doubted() -> None:
    split = split_stack([*acquired("low"), *acquired("high", bottom=60, acquired_s=9.0)])
    assert len(doubts(split)) == 2


def test_touching_parts_of_another_thickness_stay_one_and_are_doubted() -> None:
    slices = [replace(part, thickness_mm=5.0 if k < 12 else 2.5) for k, part in enumerate(acquired("pv", 24))]
    split = split_stack(slices)
    assert (owners(split), doubts(split)) == (
        [("pv", 24)],
        ["SliceThickness changes within it: perhaps two scans"],
    )


def test_parts_far_apart_are_told_apart() -> None:
    split = split_stack([*acquired("pv"), *acquired("neck", bottom=400, acquisition=2)])
    assert (owners(split), doubts(split)) == ([("pv", 12), ("neck", 12)], [])


# What looks like several acquisitions and is one.


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


# What is in the way.


def test_bolus_tracking_among_the_phases_costs_itself() -> None:
    tracking = [slice_at(20, instance=k, acquisition=9, acquired_s=-2.0 * k, uid=f"t{k}") for k in range(15)]
    split = split_stack([*tracking, *acquired("art"), *acquired("pv", acquisition=2, acquired_s=35.0)])
    assert (owners(split), len(split.left_out)) == ([("art", 12), ("pv", 12)], 15)


def test_base_scanned_once_more_costs_itself() -> None:
    again = acquired("again", 4, acquisition=2, acquired_s=25.0)
    split = split_stack([*acquired("pv"), *again])
    assert (owners(split), len(split.left_out)) == ([("pv", 12)], 4)


def test_saved_picture_of_a_slice_costs_itself() -> None:
    saved = [replace(acquired("saved")[5], image_type=("DERIVED", "SECONDARY"), instance=900)]
    split = split_stack([*acquired("pv", image_type=("ORIGINAL", "PRIMARY")), *saved])
    assert (owners(split), len(split.left_out)) == ([("pv", 12)], 1)


def test_one_slice_of_another_acquisition_number_in_the_middle_stays() -> None:
    slices = acquired("pv")
    slices[5] = replace(slices[5], acquisition=7)
    split = split_stack([*slices, *acquired("art", acquisition=2, acquired_s=-35.0)])
    assert owners(split) == [("art", 12), ("pv", 12)]


def test_lost_slice_costs_its_phase_alone() -> None:
    pv = acquired("pv", acquisition=2, acquired_s=35.0)
    split = split_stack([*acquired("art"), *pv[:4], *pv[5:]])
    assert owners(split) == [("art", 12), ("pv", 11)]
    assert [lay_out(part.slices)[0] is not None for part in split.parts] == [True, False]


def test_a_clue_within_a_clue_is_followed() -> None:
    # The description tells the regions, within each AcquisitionNumber the phases.
    mixed = [
        *acquired("abdomen-1", description="abd", acquisition=1),
        *acquired("abdomen-2", description="abd", acquisition=2),
        *acquired("pelvis-1", bottom=20, description="pel", acquisition=1),
        *acquired("pelvis-2", bottom=20, description="pel", acquisition=2),
    ]
    assert sorted(owner for owner, _ in owners(split_stack(mixed))) == [
        *("abdomen-1", "abdomen-2", "pelvis-1", "pelvis-2")
    ]


def test_half_the_slices_without_a_time_are_the_phase_that_has_none() -> None:
    split = split_stack([*acquired("art", acquired_s=None), *acquired("pv", acquired_s=35.0)])
    assert sorted(owners(split)) == [("art", 12), ("pv", 12)]


# What nothing tells apart.


def test_shuffled_numbers_at_the_same_positions_are_refused() -> None:
    mixed = [*acquired("art"), *acquired("pv")]
    order = list(range(24))
    Random(3).shuffle(order)
    (part,) = split_stack([replace(image, instance=n) for image, n in zip(mixed, order, strict=True)]).parts
    assert lay_out(part.slices)[1] == [
        "several slices at one position that nothing tells apart: export each phase as a series of its own"
    ]


def test_order_at_each_position_alone_is_doubted() -> None:
    mixed = [image for pair in zip(acquired("art"), acquired("pv"), strict=True) for image in pair]
    split = split_stack([replace(image, instance=n) for n, image in enumerate(mixed)])
    assert len(doubts(split)) == 2


def test_turn_that_may_be_of_either_acquisition_is_refused() -> None:
    # Downwards to 0, then upwards from -5, numbered through: the slice at -5 may end one or begin the other.
    down = [replace(part, instance=-part.instance) for part in acquired("art")]
    up = [replace(part, instance=part.instance + 12) for part in acquired("pv", bottom=-5)]
    (part,) = split_stack([*down, *up]).parts
    assert lay_out(part.slices)[0] is None


# Any mixture.

LIES = ("same", "overlapping", "half a slice", "1 mm", "touching", "apart")
TAGS = (
    *("acquisition", "acquired_s", "acquired ramp", "content_s", "description", "kernel", "image_type"),
    *("series_number", "temporal_position"),
)


@st.composite
def mixtures(draw: st.DrawFn, clues: tuple[str, ...], lies: tuple[str, ...]) -> list[Slice]:
    """Make two to four acquisitions that lie anyhow, told apart by some clues, in any order."""
    told = draw(st.sets(st.sampled_from(clues), min_size=1, max_size=2))
    step = draw(st.sampled_from((5.0, 2.5, 3.0)))
    pause_s = draw(st.sampled_from((35.0, 90.0)))
    places: list[tuple[float, float, int]] = [(0.0, step, draw(st.integers(8, 25)))]
    for n in range(1, draw(st.integers(2, 4))):
        lie = draw(st.sampled_from(lies))
        end = max(low + gap * (count - 1) for low, gap, count in places)
        count = draw(st.integers(8, 25))
        places.append(
            {
                "same": places[0],
                "overlapping": (
                    step * draw(st.integers(-5, 7)),
                    draw(st.sampled_from((step, step / 2))),
                    count,
                ),
                "half a slice": (step / 2 + step * draw(st.integers(-2, 2)), step, count),
                "1 mm": (n * step / 5, step, count),
                "touching": (end + step, step, count),
                "apart": (end + step * draw(st.integers(4, 20)), step, count),
            }[lie]
        )
    slices: list[Slice] = []
    start_s = 0.0
    for n, (low, gap, count) in enumerate(places):
        rows = list(range(count)) if draw(st.booleans()) else list(range(count))[::-1]
        for k, row in enumerate(rows):
            values = {
                "acquisition": n + 1,
                "acquired_s": start_s,
                "content_s": start_s,
                "description": f"description {n}",
                "kernel": f"kernel {n}",
                "image_type": ("ORIGINAL", f"{n}"),
                "series_number": n,
                "temporal_position": n,
            }
            changes = {name: value for name, value in values.items() if name in told}
            if "acquired ramp" in told:
                changes["acquired_s"] = start_s + 0.3 * k
            number = (
                len(slices) + 1 if "numbered through" in told else k + 1 if "numbered anew" in told else 1
            )
            where = {"accession": str(n), "path": Path(f"{n}-{k}"), "instance": number}
            slices.append(slice_at(round(low + gap * row, 3), **{**where, **changes}))
        start_s += pause_s + 0.3 * count
    return draw(st.permutations(slices)) if draw(st.booleans()) else slices[::-1]


def truth(slices: list[Slice]) -> set[frozenset[Path]]:
    return {
        frozenset(image.path for image in slices if image.accession == owner)
        for owner in {image.accession for image in slices}
    }


@given(mixtures(TAGS, LIES))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_whatever_differs_tells_acquisitions_apart(slices: list[Slice]) -> None:
    split = split_stack(slices)
    assert {frozenset(image.path for image in part.slices) for part in split.parts} == truth(slices)
    assert not split.left_out


@given(mixtures(("numbered through", "numbered anew", "nothing"), ("same", "overlapping", "1 mm")))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_what_numbers_do_not_tell_apart_is_refused(slices: list[Slice]) -> None:
    for part in split_stack(slices).parts:
        if lay_out(part.slices)[0] is not None and not part.doubts:
            assert frozenset(image.path for image in part.slices) in truth(slices)


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
