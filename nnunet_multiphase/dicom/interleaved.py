"""Part of step 4c: find two acquisitions that lie between each other's slices, where only the voxels show it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BLOCK_MM = 6.0
_TISSUE_HU = (0.0, 250.0)
_ALTERNATES = 1.1
"""Next but one slices are so much more alike than neighbours. Of one acquisition they are less alike (0.5 to 0.85 in
patients), and as much where there is nothing but noise."""

_ACQUISITIONS = (2, 3, 4)  # as many phases as there are
_LEAST_ROUNDS = 6  # of three and more acquisitions: in fewer, noise looks like them

_NEARLY_ALL = 0.8  # of the slices
INTERLEAVED = (
    "neighbouring slices differ more than next but one, or those further off: acquisitions interleaved, "
    "which no tag tells apart"
)

_LEAST_BLOCKS = 20


def alternation(
    hu: np.ndarray, spacing_mm: Sequence[float], acquisitions: int = 2
) -> tuple[float, float] | None:
    """Compare each slice with its neighbour and with the next of its own turn, in the soft tissue.

    Args:
        hu: (z, y, x).
        spacing_mm: (x, y, z).
        acquisitions: How many may take turns; 2 compares with the next but one.

    Returns:
        By how much neighbours differ more (median over the slices), and the share of slices where they do; None where there
        is too little tissue.
    """
    rows, columns = (max(1, round(_BLOCK_MM / step)) for step in (spacing_mm[1], spacing_mm[0]))
    count, height, width = hu.shape
    height, width = height // rows, width // columns
    cut = hu[:, : height * rows, : width * columns].astype(np.float32)
    coarse = cut.reshape(count, height, rows, width, columns).mean(axis=(2, 4))
    soft = (coarse > _TISSUE_HU[0]) & (coarse < _TISSUE_HU[1])
    ratios = []
    for k in range(count - acquisitions):
        turn = slice(k, k + acquisitions + 1)
        same = soft[turn].all(axis=0)
        if same.sum() >= _LEAST_BLOCKS:
            values = coarse[turn][:, same]
            near = np.abs(np.diff(values, axis=0)).mean()
            ratios.append(float(near) / max(float(np.abs(values[0] - values[-1]).mean()), 1e-3))
    if len(ratios) < count // 3:
        return None
    return float(np.median(ratios)), float(np.mean(np.array(ratios) > 1))


def is_interleaved(hu: np.ndarray, spacing_mm: Sequence[float]) -> bool:
    """Say whether every second, third or fourth slice is of another acquisition: another phase, another breath."""
    for acquisitions in _ACQUISITIONS:
        if acquisitions > 2 and len(hu) < _LEAST_ROUNDS * acquisitions:
            continue
        found = alternation(hu, spacing_mm, acquisitions)
        if found is not None and found[0] >= _ALTERNATES and found[1] >= _NEARLY_ALL:
            return True
    return False
