"""Find what a scanner writes where it measured nothing, by the voxels alone, and make air of it.

Scanners fill the corners outside their circle with one value, which is mostly no HU: -2000, -3024, 0, or a negative number
read as unsigned (62512). Measured voxels are noisy, so that a large area of exactly one value is none.
"""

from __future__ import annotations

import numpy as np

from nnunet_multiphase.phases import FILL_HU
from registration.padding import LEAST_PADDING, NO_HU_BELOW, around_picture

MOST_NO_HU = 0.25
"""Of the voxels that are no padding: more below -1500 HU are of a wrong rescaling. Corners, blurred by a codec, are 0.21."""

_PADDING_VALUES = 3  # a circle's, a tilted volume's and added slices' may be three


def share_of_no_hu(hu: np.ndarray) -> float:
    """Say how much of what is not padding lies below -1500 HU: what is no padding, as it is not of a few exact values.

    Args:
        hu: (z, y, x).

    Returns:
        A share of the voxels that have none of the three commonest values below -1500 HU; those may fill most of a volume
        whose picture is small, or to which slices were added.
    """
    below = hu[hu < NO_HU_BELOW]
    if below.size <= MOST_NO_HU * hu.size:
        return below.size / hu.size
    counts = np.sort(np.unique(below, return_counts=True)[1])
    padding = int(counts[-_PADDING_VALUES:].sum())
    return float((below.size - padding) / (hu.size - padding)) if padding < hu.size else 1.0


def padding_to_air(hu: np.ndarray) -> tuple[np.ndarray, tuple[float, ...]]:
    """Replace padding by -1024 HU.

    Padding is, each of exactly one value: anything below -1500 HU; what is above 3071 HU and reaches a slice's corner;
    any other value above -900 HU that fills all four corners of most slices, where there is air elsewhere.

    Args:
        hu: (z, y, x).

    Returns:
        The volume, a copy if anything was replaced, and the values that were padding.
    """
    found = [(value, hu == value) for value in _often(hu[hu < NO_HU_BELOW], LEAST_PADDING * hu.size)]
    found += around_picture(hu)
    if not found:
        return hu, ()
    hu = hu.copy()
    for _, area in found:
        hu[area] = FILL_HU
    return hu, tuple(value for value, _ in found)


def _often(values: np.ndarray, at_least: float) -> list[float]:
    found, counts = np.unique(values, return_counts=True)
    return [float(value) for value in found[counts >= max(at_least, 2)]]
