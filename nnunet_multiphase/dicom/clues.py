"""Step 2b: everything that may tell the acquisitions of one series apart; each clue parts its slices into groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from nnunet_multiphase.dicom.chains import Groups, join_blocks
from nnunet_multiphase.dicom.geometry import MIN_SLICES, SAME_POSITION_MM, heights_mm
from nnunet_multiphase.dicom.header import Slice

Kind = Literal["image", "soft", "scan", "content", "order", "place"]

LEAP_S = 5.0
"""A shorter pause is one within an acquisition: the table moves on, the tube waits."""

TWO_SCANS_S = 20.0
"""After so long a pause two parts are two scans, however well one goes on where the other ends."""

_SAME_CORNER_MM = 0.3
_LEAP_STEPS = 4.0  # how many of the usual steps in time make a leap
_STEADY = 1.5  # steps within this factor are one cadence


@dataclass(frozen=True)
class Clue:
    """One way to part a series.

    Its kind says how much it means. image: another image altogether. soft: as that, but not where one
    group begins at the other's end. scan: another acquisition. content: another
    reconstruction. order: only how the slices are numbered. place: only their order at each position.
    """

    name: str  # DICOM's, as it is told
    kind: Kind
    groups: Groups
    partial: bool = False  # some slices do not say it
    exact: bool = False  # groups of equal times, with no pause between them


_IMAGE_KEYS: tuple[tuple[str, Callable[[Slice], Hashable]], ...] = (
    ("SeriesNumber", lambda part: part.series_number),
    ("SeriesDescription", lambda part: part.description or None),
    ("ProtocolName", lambda part: part.protocol or None),
    ("ContrastBolusAgentPhase", lambda part: part.agent_phase or None),
    ("ImageType", lambda part: part.image_type or None),
    ("ConvolutionKernel", lambda part: part.kernel or None),
    ("TemporalPositionIdentifier", lambda part: part.temporal_position),
    ("KVP", lambda part: part.kvp),
    ("FrameOfReferenceUID", lambda part: part.frame_of_reference or None),
)
# A few slices that differ in one of these, amid a grid, may be another acquisition's.
_OF_ANOTHER_SERIES = frozenset({"SeriesNumber", "SeriesDescription", "TemporalPositionIdentifier", "KVP"})
# These change within a scan, too: alone they do not make two volumes of what goes on without a pause.
_SOFT_KEYS: tuple[tuple[str, Callable[[Slice], Hashable]], ...] = (
    ("RescaleType", lambda part: part.rescale_type or None),
    ("SliceThickness", lambda part: None if part.thickness_mm is None else round(part.thickness_mm, 2)),
    ("BodyPartExamined", lambda part: part.body_part or None),
    ("ContrastBolusAgent", lambda part: part.agent or None),
    ("ContrastBolusStartTime", lambda part: part.contrast_start_s),
    ("LossyImageCompression", lambda part: part.lossy),
)
_SCAN_KEYS: tuple[tuple[str, Callable[[Slice], Hashable]], ...] = (
    ("AcquisitionNumber", lambda part: part.acquisition),
    ("IrradiationEventUID", lambda part: part.irradiation_event or None),
)
_TIMES: tuple[tuple[str, Kind, Callable[[Slice], float | None]], ...] = (
    ("AcquisitionTime", "scan", lambda part: part.acquired_s),
    ("ContentTime", "content", lambda part: part.content_s),
)


def clues(slices: Sequence[Slice]) -> Iterator[Clue]:
    """Part slices in every way there is, what means most first.

    Args:
        slices: Of one orientation, every one with a position.
    """
    yield from _clues_of_keys(_IMAGE_KEYS, "image", slices)
    for name, key in _SCAN_KEYS:
        groups = _alike(slices, key)
        if len(groups) > 1:
            groups.sort(key=lambda group: (_earliest(group), str(key(group[0])).zfill(12)))
            groups = join_blocks(groups, slices, _near_in_time(slices))
            yield Clue(name, "scan", groups, any(key(part) is None for part in slices))
    for name, kind, time in _TIMES:
        yield from _clues_of_times(name, kind, time, slices)
    yield from _clues_of_keys(_SOFT_KEYS, "soft", slices)
    groups = _by_corner(slices)
    if len(groups) > 1:
        yield Clue("where in their plane the images begin", "soft", groups)
    yield from _clues_of_numbers(slices)


def same_image(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
    """Say whether nothing but acquisition, time and order tells two groups apart."""
    values = [({key(part) for part in a}, {key(part) for part in b}) for _, key in _IMAGE_KEYS]
    # A value of its own for every slice tells nothing.
    return all(first & second or min(len(first), len(second)) > 1 for first, second in values)


def partly_said(slices: Sequence[Slice]) -> Iterator[tuple[str, Groups]]:
    """Name the tags that some slices have and others lack, with both groups."""
    times = [(name, time) for name, kind, time in _TIMES if kind == "scan"]
    for name, key in (*_IMAGE_KEYS, *_SCAN_KEYS, *times):
        groups = _alike(slices, lambda part, key=key: key(part) is None)  # type: ignore[misc]
        if len(groups) > 1:
            yield name, groups


def changes_within(slices: Sequence[Slice]) -> list[str]:
    """Name what changes in the middle of slices that are one scan by all else: thickness, contrast agent, unit."""
    names = []
    for name, key in _SOFT_KEYS:
        counts = Counter(key(part) for part in slices)
        large = [value for value, count in counts.items() if count >= MIN_SLICES and value is not None]
        if name not in ("BodyPartExamined", "LossyImageCompression") and len(large) > 1:
            names.append(name)
    return names


def leap_within_s(slices: Sequence[Slice]) -> float:
    """Give the longest leap of AcquisitionTime between neighbours that is too long for one scan, s; 0 without one."""
    ordered = [slices[n].acquired_s for n in np.argsort(heights_mm(slices), kind="stable")]
    times = [at for at in ordered if at is not None]
    longest = float(np.abs(np.diff(times)).max()) if len(times) > 1 else 0.0
    return longest if longest >= max(TWO_SCANS_S, _leap_s(times)) else 0.0


def other_within(slices: Sequence[Slice]) -> tuple[list[str], list[str]]:
    """Say which tags of the image are other ones in some slices of a volume; a value for every slice tells nothing.

    Args:
        slices: Of one volume, by its positions.

    Returns:
        What makes it doubtful that they are one acquisition's, and what is only worth saying.
    """
    doubts: list[str] = []
    notes: list[str] = []
    for name, key in _IMAGE_KEYS:
        counts = Counter(value for part in slices if (value := key(part)) is not None)
        if 1 < len(counts) <= len(slices) // MIN_SLICES:
            few = sum(counts.values()) - max(counts.values())
            said = doubts if name in _OF_ANOTHER_SERIES else notes
            said.append(f"{name} is another in {few} of its slices")
    return doubts, notes


def pause_s(a: Sequence[Slice], b: Sequence[Slice]) -> float | None:
    """Give the seconds between two acquisitions; None where the times do not say."""
    spans = []
    for group in (a, b):
        times = [part.acquired_s for part in group if part.acquired_s is not None]
        if not times:
            return None
        spans.append((min(times), max(times)))
    return max(0.0, spans[1][0] - spans[0][1], spans[0][0] - spans[1][1])


def _clues_of_keys(
    keys: Sequence[tuple[str, Callable[[Slice], Hashable]]], kind: Kind, slices: Sequence[Slice]
) -> Iterator[Clue]:
    for name, key in keys:
        groups = _alike(slices, key)
        if 1 < len(groups) <= len(slices) // 2:
            yield Clue(name, kind, groups, any(key(part) is None for part in slices))


def _alike(slices: Sequence[Slice], key: Callable[[Slice], Hashable]) -> Groups:
    groups: dict[Hashable, list[Slice]] = {}
    for part in slices:
        groups.setdefault(key(part), []).append(part)
    return list(groups.values())


def _by_corner(slices: Sequence[Slice]) -> Groups:
    """Group slices by where their first voxel lies within the plane: another field of view is another reconstruction."""
    groups: list[tuple[np.ndarray, list[Slice]]] = []
    axes = np.array(slices[0].orientation or (1, 0, 0, 0, 1, 0)).reshape(2, 3)
    for part in slices:
        corner = axes @ np.array(part.position or (0, 0, 0))
        for first, group in groups:
            if np.abs(corner - first).max() < _SAME_CORNER_MM:
                group.append(part)
                break
        else:
            groups.append((corner, [part]))
        if len(groups) > len(slices) // MIN_SLICES:  # a tilted gantry: every slice has a corner of its own
            return []
    return [group for _, group in groups]


def _earliest(group: Sequence[Slice]) -> float:
    return min((part.acquired_s for part in group if part.acquired_s is not None), default=float("inf"))


def _leap_s(times: Sequence[float]) -> float:
    """Give the pause from which on another acquisition has begun, by the steps that are usual here."""
    steps = np.diff(np.unique(times))
    if not len(steps):
        return LEAP_S
    usual = float(np.median(steps))
    steady = steps[(steps < _STEADY * usual) & (steps > usual / _STEADY)]
    # A few times for many slices are acquisitions, unless they beat time as blocks at each stop of the table do.
    blocks = len(steps) >= len(times) / MIN_SLICES or len(steady) >= max(3, 0.6 * len(steps))
    return max(LEAP_S, _LEAP_STEPS * usual) if blocks and usual < TWO_SCANS_S else LEAP_S


def _near_in_time(slices: Sequence[Slice]) -> Callable[[Sequence[Slice], Sequence[Slice]], bool]:
    """Make the rule by which two blocks may be one acquisition: no pause between them; without times, if one is small."""
    times = [part.acquired_s for part in slices if part.acquired_s is not None]
    leap = _leap_s(times)
    telling = len(set(times)) > 1

    def near(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
        pause = pause_s(a, b) if telling else None
        return min(len(a), len(b)) < MIN_SLICES if pause is None else pause < leap

    return near


def _clues_of_times(
    name: str, kind: Kind, time: Callable[[Slice], float | None], slices: Sequence[Slice]
) -> Iterator[Clue]:
    timed = sorted(
        ((at, part.instance, n) for n, part in enumerate(slices) if (at := time(part)) is not None),
    )
    if not timed:
        return
    untimed = [part for part in slices if time(part) is None]
    times = [at for at, _, _ in timed]
    leap = _leap_s(times)
    groups: Groups = [[slices[timed[0][2]]]]
    for (before, _, _), (at, _, n) in pairwise(timed):
        if at - before >= leap:
            groups.append([])
        groups[-1].append(slices[n])
    groups += [untimed] if untimed else []
    if len(groups) > 1:
        yield Clue(name, kind, groups, bool(untimed))
    if untimed or times[0] == times[-1]:
        return
    if len(set(times)) <= len(slices) // MIN_SLICES:
        yield Clue(name, kind, _alike([slices[n] for _, _, n in timed], time), exact=True)
    chains = join_blocks(
        [[slices[n]] for _, _, n in timed],
        slices,
        lambda a, b: (time(b[0]) or 0.0) - (time(a[0]) or 0.0) < leap,
    )
    # Equal times on both sides of a cut would mean that the time told nothing apart.
    if len(chains) > 1 and all(time(a[-1]) != time(b[0]) for a, b in pairwise(chains)):
        yield Clue(name, kind, chains)


def _clues_of_numbers(slices: Sequence[Slice]) -> Iterator[Clue]:
    counts = Counter(part.instance for part in slices)
    if len(counts) == 1:
        return
    ordered = sorted(slices, key=lambda part: part.instance)
    if len(counts) == len(slices):
        yield Clue(
            "InstanceNumber", "order", join_blocks([[part] for part in ordered], slices, lambda a, b: True)
        )
        groups = _nth_at_each_position(ordered)
        if groups:
            yield Clue("the order of slices at each position", "place", groups)
    elif len(set(counts.values())) == 1:
        # Each number as often: every acquisition is numbered anew, and one lies above the other throughout.
        heights = dict(zip(map(id, ordered), heights_mm(ordered), strict=True))
        ranked = sorted(ordered, key=lambda part: (part.instance, heights[id(part)]))
        copies = next(iter(counts.values()))
        groups = [ranked[n::copies] for n in range(copies)]
        apart = all(
            (np.diff([heights[id(part)] for part in same]) > SAME_POSITION_MM).all()
            for same in (ranked[n : n + copies] for n in range(0, len(ranked), copies))
        )
        if apart and all(_steady([heights[id(part)] for part in group]) for group in groups):
            yield Clue("InstanceNumber", "order", groups)


def _nth_at_each_position(ordered: Sequence[Slice]) -> Groups:
    """Take the first slice of every position, the second ...; nothing unless all positions are numbered alike."""
    numbers = position_numbers(ordered)
    counts = np.bincount(numbers)
    if counts.min() != counts.max() or counts.max() == 1:
        return []
    by_position: list[list[Slice]] = [[] for _ in counts]
    for part, number in zip(ordered, numbers, strict=True):
        by_position[number].append(part)
    groups = [list(group) for group in zip(*by_position, strict=True)]
    # Numbers that jump about were given by something that did not know the acquisitions.
    return groups if all(_steady([part.instance for part in group]) for group in groups) else []


def _steady(values: Sequence[float]) -> bool:
    steps = np.diff(values)
    return len(steps) > 0 and bool(steps[0] != 0 and np.abs(steps - steps[0]).max() < 0.5 * abs(steps[0]))


def position_numbers(slices: Sequence[Slice]) -> np.ndarray:
    """Number the distinct positions along the normal; (n,) int, the same number = the same position."""
    heights = heights_mm(slices)
    order = np.argsort(heights, kind="stable")
    numbers = np.empty(len(slices), int)
    numbers[order] = np.concatenate([[0], np.cumsum(np.diff(heights[order]) >= SAME_POSITION_MM)])
    return numbers
