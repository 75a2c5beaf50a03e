"""Several acquisitions in one series, however they lie: each by itself, or refused, never a mixture."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_slices import acquired, doubts, owners, second, stack

from nnunet_multiphase.dicom.geometry import lay_out
from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.split import split_stack


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
