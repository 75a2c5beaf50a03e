"""Acquisitions mixed in one series: what is in the way costs itself, and any mixture is told apart or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from made_slices import acquired, doubts, owners, slice_at

from nnunet_multiphase.dicom.geometry import lay_out
from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.split import split_stack

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
    shuffled = [replace(image, instance=n, uid=str(n)) for image, n in zip(mixed, order, strict=True)]
    (part,) = split_stack(shuffled).parts
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
