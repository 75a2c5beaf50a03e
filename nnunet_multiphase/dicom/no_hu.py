"""Step 5b: tell a mask, a label map or another map from a CT scan: it was stored as a series of CT images all the same."""

from __future__ import annotations

import numpy as np

from nnunet_multiphase.phases import FILL_HU

LABEL_MAP = "few values, as a mask or label map has them, and not a scan's: not the plain images"
NOTHING_BELOW_0 = (
    "no value below 0 HU, so neither air nor fat: a map, a mask or lost HU, not the plain images"
)

_MOST_LABELS = 64
_LABELS_HU = 300  # labels lie closer, from air to tissue it is further


def no_hu(hu: np.ndarray) -> str:
    """Say why a volume's values cannot be a CT scan's HU.

    Args:
        hu: (z, y, x), as read; padding is air.

    Returns:
        A phrase; empty for a scan, and for a volume of one value, which says nothing.
    """
    low, high = float(hu.min()), float(hu.max())
    if low == high:
        return ""
    values = _few_values(hu)
    # With the background taken for padding, the labels alone are left where tissue would be.
    labels = values - {float(FILL_HU)}
    if values and (len(values) == 2 or high - low < _LABELS_HU or max(labels) - min(labels) < len(labels)):
        return LABEL_MAP
    return NOTHING_BELOW_0 if low >= 0 else ""


def is_no_scan(doubts: tuple[str, ...]) -> bool:
    """Tell by a volume's doubts whether its values are no scan's, so that its words and time say nothing of the others."""
    return LABEL_MAP in doubts or NOTHING_BELOW_0 in doubts


def _few_values(hu: np.ndarray) -> set[float]:
    """List the values that occur; none where they are as many as a scan's noise makes, which a slice shows."""
    found: set[float] = set()
    for plane in hu:
        found |= set(np.unique(plane).tolist())
        if len(found) > _MOST_LABELS:
            return set()
    return found
