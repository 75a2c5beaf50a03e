"""Part of step 2b: follow slices in the order they were acquired or numbered, and see where another sweep begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunet_multiphase.dicom.geometry import SAME_POSITION_MM, heights_mm
from nnunet_multiphase.dicom.header import Slice

Groups = list[list[Slice]]


@dataclass
class _Chain:
    """Blocks of slices of which each goes on where the one before it ends."""

    blocks: Groups
    low: float
    high: float
    step: float  # 0: not known yet
    way: int  # 1: upwards, -1: downwards, 0: not known yet

    def goes_on_with(self, other: _Chain) -> bool:
        gap, way = self.gap_to(other)
        step = self.step or other.step
        right_way = self.way in (0, way) and other.way in (0, way)
        return gap > 0 and right_way and (not step or 0.5 * step < gap < 1.5 * step)

    def gap_to(self, other: _Chain) -> tuple[float, int]:
        """Give the distance to slices beyond this chain's end, and on which side; 0 if they overlap."""
        if other.low - self.high > SAME_POSITION_MM:
            return other.low - self.high, 1
        if self.low - other.high > SAME_POSITION_MM:
            return self.low - other.high, -1
        return 0.0, 0

    def take(self, other: _Chain) -> None:
        gap, self.way = self.gap_to(other)
        self.step = self.step or other.step or gap
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.blocks += other.blocks


def join_blocks(
    blocks: Groups,
    slices: Sequence[Slice],
    may_join: Callable[[Sequence[Slice], Sequence[Slice]], bool],
) -> Groups:
    """Join blocks, in their order, as long as each goes on where the last one ended.

    Args:
        blocks: In the order they were acquired or numbered.
        slices: All of them, which tell the heights.
        may_join: Whether two neighbours may be one acquisition at all.

    Returns:
        The groups; none where a slice could as well end one as begin the next.
    """
    heights = dict(zip(map(id, slices), heights_mm(slices), strict=True))
    chains: list[_Chain] = []
    for block in blocks:
        along = np.sort([heights[id(part)] for part in block])
        steps = np.diff(along)
        link = _Chain(
            [list(block)],
            float(along[0]),
            float(along[-1]),
            float(np.median(steps)) if len(steps) else 0.0,
            0,
        )
        if chains and may_join(chains[-1].blocks[-1], block) and chains[-1].goes_on_with(link):
            chains[-1].take(link)
        else:
            chains.append(link)
    # Where slices are missing the way goes on in the same direction.
    joined = chains[:1]
    for chain in chains[1:]:
        last = joined[-1]
        gap, way = last.gap_to(chain)
        if gap and way == last.way == chain.way and may_join(last.blocks[-1], chain.blocks[0]):
            last.take(chain)
        elif _turns_unclearly(last, chain, heights, may_join):
            return []
        else:
            joined.append(chain)
    return [[part for block in chain.blocks for part in block] for chain in joined]


def _turns_unclearly(a: _Chain, b: _Chain, heights: dict[int, float], may_join: Callable[..., Any]) -> bool:
    """Say whether the last block before a turn may also be the first after it."""
    if len(a.blocks) < 2 or not a.way or b.way != -a.way or not may_join(a.blocks[-1], b.blocks[0]):
        return False
    last, first = ([heights[id(part)] for part in block] for block in (a.blocks[-1], b.blocks[0]))
    gap = min(last) - max(first) if a.way > 0 else min(first) - max(last)
    step = b.step or a.step
    return 0.5 * step < gap < 1.5 * step
