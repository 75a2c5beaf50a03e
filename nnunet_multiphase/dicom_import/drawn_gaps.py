"""Step 8d: find slices that were left out when a mask was drawn: above and below one the outline is nearly the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy import ndimage

from nnunet_multiphase.errors import InputError

_FARTHEST = 4
"""Drawn slices farther apart than so many are two lesions, one above the other, unless more follow at the same distance."""

_FARTHEST_IN_A_CHAIN = 10

_SAME_OUTLINE = 0.5
"""Two areas that have more than this of the smaller one in common are of one lesion."""

_LEAST_SHARE = 0.25
"""So much of a mask must lie on single slices at equal distances to be refused; less may be specks."""


def gaps(mask: np.ndarray) -> list[str]:
    """Look for slices that were left out, of the whole mask or of one lesion beside others.

    Args:
        mask: (z, y, x) bool.

    Returns:
        What the user should know.

    Raises:
        InputError: It, or a good part of it, is drawn on every second, third ... slice alone.
    """
    if not mask.any():
        return []
    box = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(mask))
    mask = mask[box]
    step, voxels = _usual_step_alone(mask)
    if voxels >= _LEAST_SHARE * mask.sum():
        raise InputError(
            f"is drawn on one slice in {step}; fill the slices between in the program that drew it"
        )
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    skipped = sum(
        int(step - 1)
        for k, step in zip(slices, np.diff(slices), strict=False)
        if 1 < step <= _FARTHEST and _same(mask[k], mask[k + step])
    )
    return [f"it leaves out {skipped} slice(s) between drawn ones"] if skipped else []


def _usual_step_alone(mask: np.ndarray) -> tuple[int, int]:
    """Find areas without anything right above or below them that recur at equal distances, three times or more.

    Returns:
        The distance at which most voxels recur, in slices, and how many these are.
    """
    alone = _areas_alone(mask)
    voxels: Counter[int] = Counter()
    for k, areas in enumerate(alone):
        for area in areas:
            for step in range(2, _FARTHEST_IN_A_CHAIN + 1):
                below, above = _next(alone, area, k, -step), _next(alone, area, k, step)
                # The first and the last of a chain have two on one side.
                after = above is not None and _next(alone, above, k + step, step) is not None
                before = below is not None and _next(alone, below, k - step, -step) is not None
                if (below is not None and above is not None) or after or before:
                    voxels[step] += int(area.sum())
                    break
    return voxels.most_common(1)[0] if voxels else (0, 0)


def _areas_alone(mask: np.ndarray) -> list[list[np.ndarray]]:
    """List for each slice the connected areas that have no voxel of the mask right above or below them; (y, x) bool."""
    alone: list[list[np.ndarray]] = []
    for k, plane in enumerate(mask):
        labels, count = ndimage.label(plane, np.ones((3, 3)))
        touched = np.zeros_like(plane)
        for other in (k - 1, k + 1):
            if 0 <= other < len(mask):
                touched |= mask[other]
        joined = set(np.unique(labels[touched]))
        alone.append([labels == number for number in range(1, count + 1) if number not in joined])
    return alone


def _next(alone: list[list[np.ndarray]], area: np.ndarray, k: int, step: int) -> np.ndarray | None:
    """Find the same outline alone on another slice, with none between."""
    way = 1 if step > 0 else -1
    for other in range(k + way, k + step + way, way):
        if not 0 <= other < len(alone):
            return None
        found = next((one for one in alone[other] if _same(area, one)), None)
        if found is not None:
            return found if other == k + step else None
    return None


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a & b).sum() > _SAME_OUTLINE * min(a.sum(), b.sum()))
