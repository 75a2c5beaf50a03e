"""Find what a scanner writes where it measured nothing, by the voxels alone, and make air of it.

Scanners fill the corners outside their circle with one value, which is mostly no HU: -2000, -3024, 0, or a negative number
read as unsigned (62512). Measured voxels are noisy, so that a large area of exactly one value is none.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from nnunet_multiphase.phases import FILL_HU
from registration.padding import NO_HU_BELOW

NO_HU_ABOVE = 3071
"""The end of the usual 12-bit range; metal can be above it, but not all around the picture."""

AIR_BELOW = -900

MIN_FRACTION = 5e-4
"""Of the volume's voxels; fewer with one value are noise or metal."""

CORNER_FRACTIONS = (0.05, 0.6)
"""What a value between air and metal must fill of the volume; outside a circle in a square lies 0.21 of it."""


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
    found = [(value, hu == value) for value in _often(hu[hu < NO_HU_BELOW], MIN_FRACTION * hu.size)]
    corners = hu[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    for value in np.unique(corners[corners > NO_HU_ABOVE]):
        area = reaches_edge(hu == value)
        if area.sum() >= MIN_FRACTION * hu.size:
            found.append((float(value), area))
    if (value := _corner_value(corners)) is not None:
        area = reaches_edge(hu == value)
        low, high = CORNER_FRACTIONS
        rest = hu[~area]
        if low < area.mean() < high and (rest <= AIR_BELOW).mean() >= MIN_FRACTION:
            found.append((value, area))
    if not found:
        return hu, ()
    hu = hu.copy()
    for _, area in found:
        hu[area] = FILL_HU
    return hu, tuple(value for value, _ in found)


def _often(values: np.ndarray, at_least: float) -> list[float]:
    found, counts = np.unique(values, return_counts=True)
    return [float(value) for value in found[counts >= max(at_least, 2)]]


def _corner_value(corners: np.ndarray) -> float | None:
    """Give the one value between air and metal that all four corners of most slices have; corners: (z, 4)."""
    same = corners[(corners == corners[:, :1]).all(axis=1), 0]
    values, counts = np.unique(same, return_counts=True)
    if not len(values):
        return None
    value, count = float(values[counts.argmax()]), int(counts.max())
    return value if 2 * count > len(corners) and AIR_BELOW < value <= NO_HU_ABOVE else None


def reaches_edge(area: np.ndarray) -> np.ndarray:
    """Keep of an area (z, y, x), slice by slice, what is connected to the slice's edge."""
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[1] = ndimage.generate_binary_structure(2, 1)
    labels, _ = ndimage.label(area, in_plane)
    edge = np.ones(area.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    return np.isin(labels, np.setdiff1d(labels[:, edge], [0]))
