"""Tell whether two aligned phases are one acquisition: the same in every organ, and noise in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK_MM = 6.0
"""The mean of a block has next to no noise; what is left within it is mostly noise."""
MOST_SLABS = 40
BODY_HU, SOFT_HU = -300.0, (-30.0, 300.0)
LEAST_BLOCKS = 300
EVEN_HU = 60.0
"""Standard deviation within a block without an edge."""
SAME_HU = 10.0
"""What three quarters of the blocks differ by at most: 19 and more in two phases (docs/data.md)."""
SAME_NOISE = 0.8
"""Correlation within the blocks; two acquisitions have only fine anatomy in common."""


def find_original(images: Mapping[str, sitk.Image], phase: str) -> str | None:
    """Find the phase that another seems to be a copy of, which interpolation hides from a comparison of voxels.

    Args:
        images: Aligned phases on one grid, in HU.
        phase: The one that is asked about.

    Returns:
        A phase before it in `images`; None where it is like none of them.
    """
    if phase not in images:
        return None
    earlier = list(images)[: list(images).index(phase)]
    return next((one for one in earlier if is_same_acquisition(images[one], images[phase])), None)


def told_of_copy(images: Mapping[str, sitk.Image], phase: str) -> str:
    """Say that a phase seems to be a copy, as a clause to follow its name; empty where it does not. As `find_original`."""
    original = find_original(images, phase)
    if original is None:
        return ""
    return (
        f"seems to be a copy of {original}, resampled or shifted (the same contrast in every organ, and the same "
        f"noise): look at both, and export {phase} again"
    )


def is_same_acquisition(one: sitk.Image, other: sitk.Image) -> bool:
    """Tell whether two volumes on one grid differ neither in any organ's enhancement nor in their noise."""
    likeness = compare(one, other)
    return likeness is not None and likeness[0] < SAME_HU and likeness[1] > SAME_NOISE


def compare(one: sitk.Image, other: sitk.Image) -> tuple[float, float] | None:
    """Measure how alike two volumes on one grid are.

    Returns:
        What three quarters of the blocks of soft tissue differ by at most, beside one offset for all (HU), and the
        correlation within the blocks; None where there is too little soft tissue in both.
    """
    block = [max(1, round(BLOCK_MM / spacing)) for spacing in one.GetSpacing()[::-1]]  # z, y, x
    a, b = sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other)
    starts = range(0, a.shape[0] - block[0] + 1, block[0])
    differences, products = [], []
    for start in starts[:: max(1, -(-len(starts) // MOST_SLABS))]:
        first, second = (_blocks(values[start : start + block[0]], block) for values in (a, b))
        means = first.mean(axis=1), second.mean(axis=1)
        soft = (np.minimum(first.min(axis=1), second.min(axis=1)) > BODY_HU) & (
            np.minimum(*means) > SOFT_HU[0]
        )
        first, second = (
            values[soft] - mean[soft, None] for values, mean in zip((first, second), means, strict=True)
        )
        differences.append(np.minimum(means[1][soft], SOFT_HU[1]) - np.minimum(means[0][soft], SOFT_HU[1]))
        spread = np.stack([(first**2).mean(axis=1), (second**2).mean(axis=1), (first * second).mean(axis=1)])
        products.append(spread[:, spread[:2].max(axis=0) < EVEN_HU**2].sum(axis=1))
    if sum(map(len, differences)) < LEAST_BLOCKS:
        return None
    gain = np.concatenate(differences)
    own, its, common = np.sum(products, axis=0)
    correlation = float(common / np.sqrt(own * its)) if own * its > 0 else 0.0
    return float(np.percentile(np.abs(gain - np.median(gain)), 75)), correlation


def _blocks(slab: np.ndarray, block: list[int]) -> np.ndarray:
    """Cut a slab one block high into blocks: (blocks, voxels); what is left over at the far sides is left out."""
    height, across, along = block
    rows, columns = slab.shape[1] // across, slab.shape[2] // along
    cut = slab[:, : rows * across, : columns * along].astype(np.float32)
    parts = cut.reshape(height, rows, across, columns, along).transpose(1, 3, 0, 2, 4)
    return parts.reshape(rows * columns, height * across * along)
