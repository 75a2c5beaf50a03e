"""Step 2: take apart the phases that lie stacked in one series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from nnunet_multiphase.dicom.geometry import SAME_POSITION_MM, heights_mm, lay_out
from nnunet_multiphase.dicom.scan import Slice

Groups = list[list[Slice]]


def split_stack(slices: Sequence[Slice]) -> tuple[Groups, str]:
    """Part slices whose positions occur several times into volumes.

    What tells them apart is tried in this order: AcquisitionNumber, AcquisitionTime, ContentTime,
    InstanceNumber (a position that comes again starts the next volume), the n-th slice at each position.

    Args:
        slices: One orientation, every one with a position.

    Returns:
        The volumes, earliest first, and what told them apart. Where no position occurs twice, and where nothing
        tells the slices apart, that is one volume and an empty text.
    """
    copies = _copies(slices)
    if copies == 1:
        return [list(slices)], ""
    candidates = [(groups, how) for groups, how in _candidates(slices) if len(groups) == copies]
    candidates = [(groups, how) for groups, how in candidates if all(_copies(group) == 1 for group in groups)]
    # A division into whole volumes is better than one into volumes with holes.
    for groups, how in candidates:
        if all(lay_out(group)[0] is not None for group in groups):
            return groups, how
    return candidates[0] if candidates else ([list(slices)], "")


def position_numbers(slices: Sequence[Slice]) -> np.ndarray:
    """Number the distinct positions along the normal; (n,) int, the same number = the same position."""
    heights = heights_mm(slices)
    order = np.argsort(heights, kind="stable")
    numbers = np.empty(len(slices), int)
    numbers[order] = np.concatenate([[0], np.cumsum(np.diff(heights[order]) >= SAME_POSITION_MM)])
    return numbers


def _copies(slices: Sequence[Slice]) -> int:
    return int(np.bincount(position_numbers(slices)).max())


def _candidates(slices: Sequence[Slice]) -> Iterator[tuple[Groups, str]]:
    acquisitions = [part.acquisition for part in slices]
    if None not in acquisitions:
        numbers = sorted({number for number in acquisitions if number is not None})
        groups = [[part for part in slices if part.acquisition == number] for number in numbers]
        yield sorted(groups, key=_time), "AcquisitionNumber"
    for how, time in (
        ("AcquisitionTime", lambda part: part.acquired_s),
        ("ContentTime", lambda part: part.content_s),
    ):
        if all(time(part) is not None for part in slices):
            groups = _runs(slices, lambda part, time=time: (time(part), part.instance))  # type: ignore[misc]
            # Equal times on both sides of a cut would mean that the time told nothing apart.
            if all(max(map(time, a)) < min(map(time, b)) for a, b in pairwise(groups)):
                yield groups, how
    yield _runs(slices, lambda part: part.instance), "InstanceNumber"
    yield _nth_at_each_position(slices), "the order of slices at each position"


def _runs(slices: Sequence[Slice], key: Callable[[Slice], object]) -> Groups:
    """Walk in the order of a key; a position that comes again starts the next volume."""
    numbers = {part.path: number for part, number in zip(slices, position_numbers(slices), strict=True)}
    groups: Groups = [[]]
    seen: set[int] = set()
    for part in sorted(slices, key=key):  # type: ignore[arg-type]
        if numbers[part.path] in seen:
            groups.append([])
            seen = set()
        seen.add(numbers[part.path])
        groups[-1].append(part)
    return groups


def _nth_at_each_position(slices: Sequence[Slice]) -> Groups:
    numbers = {part.path: number for part, number in zip(slices, position_numbers(slices), strict=True)}
    groups: Groups = []
    seen: dict[int, int] = {}
    for part in sorted(slices, key=lambda part: part.instance):
        place = seen.get(numbers[part.path], 0)
        seen[numbers[part.path]] = place + 1
        if place == len(groups):
            groups.append([])
        groups[place].append(part)
    return groups


def _time(slices: Sequence[Slice]) -> float:
    """Return the earliest time; slices without one keep their order (all at infinity, and sorting is stable)."""
    times = [part.acquired_s for part in slices if part.acquired_s is not None]
    return min(times, default=float("inf"))
