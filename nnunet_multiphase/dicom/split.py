"""Step 2c: take apart the acquisitions that lie in one series, however they lie to each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np

from nnunet_multiphase.dicom.chains import Groups
from nnunet_multiphase.dicom.clues import (
    TWO_SCANS_S,
    Clue,
    changes_within,
    clues,
    leap_within_s,
    other_within,
    partly_said,
    pause_s,
    position_numbers,
    same_image,
)
from nnunet_multiphase.dicom.geometry import MIN_SLICES, TILT, heights_mm, lay_out
from nnunet_multiphase.dicom.header import Slice

_TAGS = ("image", "soft", "scan")

_MOST_HOLES = 10
_MOST_GROUPS = 300
_MOST_BROKEN = 12

_PAUSE_BETWEEN_RECONSTRUCTIONS_S = 30.0

_MOST_LEFT_OUT = 0.2
"""The share of a whole grid's slices that a clue may take away."""


@dataclass(frozen=True)
class Part:
    """The slices of one volume, and what is to be said of how they were found."""

    slices: tuple[Slice, ...]
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """What was found in a stack."""

    parts: tuple[Part, ...]  # earliest first
    how: tuple[str, ...]  # what told them apart
    left_out: tuple[Slice, ...]  # of acquisitions with too few slices


@dataclass
class _Outcome:
    groups: Groups
    whole: bool  # every group lies on a grid
    how: list[str] = field(default_factory=list)
    left: list[Slice] = field(default_factory=list)
    by_place: bool = False


_Known = dict[frozenset[int], _Outcome]


def split_stack(slices: Sequence[Slice]) -> Split:
    """Part the slices of a series into the volumes that were acquired.

    Every clue (see clues.py) is tried, alone and within the groups of another. A division counts if every group of it lies
    on a grid of its own. Slices that lie on one grid already are parted only where a clue says that they are two
    acquisitions: interleaved by half a slice, or one on top of the other.

    Args:
        slices: One orientation, every one with a position.

    Returns:
        The volumes. Slices that nothing tells apart are one of them, which does not lie on a grid.
    """
    outcome = _resolve(list(slices), {})
    groups = sorted(outcome.groups, key=acquisition_order)
    parts = []
    for n, group in enumerate(groups):
        doubts, notes = [], []
        others = [other for m, other in enumerate(groups) if m != n and goes_on(group, other)]
        for other in others:
            if not same_image(group, other):
                continue
            pause = pause_s(group, other)
            if pause is None or pause < TWO_SCANS_S:
                doubts.append(
                    f"it goes on in another part of the series that {' and '.join(outcome.how)} tells apart, "
                    "and no time says whether they are one scan or two"
                )
            else:
                notes.append(f"another part of the series, acquired {pause:.0f} s apart, touches it")
        if outcome.by_place:
            doubts.append("told apart by nothing but the order of slices at each position")
        if _fits(group):
            doubts += _signs_of_two(group)
            doubtful, telling = other_within(group)
            doubts += doubtful
            notes += telling
        parts.append(Part(tuple(group), tuple(dict.fromkeys(doubts)), tuple(dict.fromkeys(notes))))
    return Split(tuple(parts), tuple(dict.fromkeys(outcome.how)), tuple(outcome.left))


def count_positions(slices: Sequence[Slice]) -> int:
    """Count the distinct positions along the normal."""
    return int(position_numbers(slices).max()) + 1 if slices else 0


def goes_on(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
    """Say whether one group begins where the other ends."""
    heights = heights_mm([*a, *b])
    first, second = np.sort(heights[: len(a)]), np.sort(heights[len(a) :])
    gap = max(second[0] - first[-1], first[0] - second[-1])
    step = max(float(np.median(np.diff(group))) for group in (first, second) if len(group) > 1)
    return bool(0 < gap < 1.5 * step)


def _perhaps_one_scan(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
    pause = pause_s(a, b)
    return goes_on(a, b) and (pause is None or pause < TWO_SCANS_S)


def _resolve(slices: list[Slice], known: _Known) -> _Outcome:
    """Find the best division of some slices; that may be none."""
    key = frozenset(map(id, slices))
    if key in known:
        return known[key]
    fits = _fits(slices)
    # A clue that leads back to these slices finds them undivided.
    known[key] = _Outcome([slices], whole=fits)
    if len(known) > _MOST_GROUPS:  # tags at random divide without end
        return known[key]
    options = [found for clue in clues(slices) if (found := _follow(clue, slices, fits, known))]
    complete = [option for option in options if option.whole]
    if complete:
        known[key] = min(complete, key=lambda option: (option.by_place, len(option.left), len(option.groups)))
    elif not fits and options:
        known[key] = max(
            options, key=lambda option: sum(len(group) for group in option.groups if _fits(group))
        )
    return known[key]


def _follow(clue: Clue, slices: list[Slice], fits: bool, known: _Known) -> _Outcome | None:
    """Divide slices as a clue says; None where that makes no sense."""
    if len(clue.groups) < 2 or (clue.partial and fits):
        return None
    large = [group for group in clue.groups if count_positions(group) >= MIN_SLICES]
    small = [group for group in clue.groups if count_positions(group) < MIN_SLICES]
    if not large or (small and clue.kind not in _TAGS and not _few(small, slices, fits)):
        return None
    if fits and len(large) == 1 and not _may_leave_out(clue, large[0], small, len(slices)):
        return None
    large, small = _fill_holes(large, small)
    if clue.kind == "soft" and any(_perhaps_one_scan(a, b) for a, b in combinations(large, 2)):
        return None
    found = [_resolve(group, known) for group in large]
    whole = all(outcome.whole for outcome in found)
    groups = [group for outcome in found for group in outcome.groups]
    if not whole and (fits or len(large) == 1 or not _may_have_holes(clue, large)):
        return None
    if not whole and len(groups) > _MOST_BROKEN and not any(_fits(group) for group in groups):
        return None
    if fits and len(groups) > 1 and not _are_two(clue, large):
        return None
    if len(groups) == 1 and not small:
        return None
    return _Outcome(
        groups,
        whole,
        [*([clue.name] if len(large) > 1 else []), *(name for outcome in found for name in outcome.how)],
        [part for group in small for part in group] + [part for outcome in found for part in outcome.left],
        clue.kind == "place" or any(outcome.by_place for outcome in found),
    )


def _fits(slices: Sequence[Slice]) -> bool:
    """Say whether slices lie on a grid; a tilted gantry is no matter of which slices belong together."""
    return all(problem.startswith(TILT) for problem in lay_out(slices)[1])


def _few(small: Groups, slices: list[Slice], fits: bool) -> bool:
    """Say whether images out of the numbers' order are few enough to be strangers among slices that do not fit."""
    return not fits and sum(map(len, small)) <= _MOST_LEFT_OUT * len(slices)


def _may_have_holes(clue: Clue, groups: Groups) -> bool:
    """Say whether a clue counts though a volume that it gives lacks slices; numbers alone must at least part the places."""
    if clue.kind in _TAGS:
        return True
    return clue.kind != "place" and all(count_positions(group) == len(group) for group in groups)


def _may_leave_out(clue: Clue, rest: list[Slice], small: Groups, count: int) -> bool:
    """Say whether a few slices at the end of a grid are strangers on it."""
    if not _fits(rest) or sum(map(len, small)) > _MOST_LEFT_OUT * count:
        return False
    if clue.kind == "image":
        return True
    return all((pause_s(rest, group) or 0) >= TWO_SCANS_S for group in small)


def _fill_holes(large: Groups, small: Groups) -> tuple[Groups, Groups]:
    """Give a few slices that differ in one tag to the only volume that lacks just them."""
    if len(small) > _MOST_HOLES:
        return large, small
    large, left = list(large), []
    for group in small:
        lacking = [n for n, other in enumerate(large) if not _fits(other) and _fits([*other, *group])]
        if len(lacking) == 1:
            large[lacking[0]] = [*large[lacking[0]], *group]
        else:
            left.append(group)
    return large, left


def _are_two(clue: Clue, groups: Groups) -> bool:
    """Say whether a clue proves that slices which lie on one grid are several acquisitions."""
    if any(_interleaved(a, b) for a, b in combinations(groups, 2)):
        return True
    if clue.exact:
        return False
    if clue.kind == "content":  # reconstruction pauses, too
        spans = sorted(
            (min(times), max(times))
            for group in groups
            if (times := [part.content_s for part in group if part.content_s is not None])
        )
        return all(b[0] - a[1] >= _PAUSE_BETWEEN_RECONSTRUCTIONS_S for a, b in pairwise(spans))
    return True


def _interleaved(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
    heights = heights_mm([*a, *b])
    first, second = heights[: len(a)], heights[len(a) :]
    return bool(first.min() < second.max() and second.min() < first.max())


def _signs_of_two(group: list[Slice]) -> list[str]:
    """Say what makes it doubtful that slices on one grid are one acquisition, though it cannot part them."""
    doubts = []
    if changed := changes_within(group):
        doubts.append(f"{' and '.join(changed)} changes within it: perhaps two scans")
    if leap := leap_within_s(group):
        doubts.append(
            f"AcquisitionTime leaps by {leap // 10 * 10:.0f} s and more within it: slices of another acquisition"
        )
    if _numbered_twice(group):
        doubts.append("InstanceNumbers occur twice, as in two acquisitions that nothing tells apart")
    for name, halves in partly_said(group):
        if all(_fits(half) for half in halves):
            doubts.append(f"only some slices give {name}: perhaps two acquisitions")
    return doubts


def _numbered_twice(slices: Sequence[Slice]) -> bool:
    counts = Counter(part.instance for part in slices)
    return len(counts) >= MIN_SLICES and sum(n > 1 for n in counts.values()) > 0.8 * len(counts)


def acquisition_order(group: Sequence[Slice]) -> tuple[float, float, int, int, float]:
    """Give what sorts groups by time; without times by their numbers, then from below."""
    acquired = [part.acquired_s for part in group if part.acquired_s is not None]
    made = [part.content_s for part in group if part.content_s is not None]
    return (
        min(acquired, default=float("inf")),
        min(made, default=float("inf")),
        min((part.acquisition for part in group if part.acquisition is not None), default=0),
        min(part.instance for part in group),
        float(heights_mm(group).min()),
    )
