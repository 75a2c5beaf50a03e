"""Take what scanners write where they measured nothing for air, before a spline rings at its edge."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from registration.volume import image_like

AIR_HU = -1024
NO_HU_BELOW = -1500
"""Noise around air (-1000 HU) does not reach it: padding, as scanners write it where they measured nothing."""
NO_HU_ABOVE = 3071
"""The end of the usual 12-bit range; metal can be above it, but not all around the picture."""
AIR_BELOW = -900
LEAST_PADDING = 0.0005
"""Share of a volume; fewer voxels are noise, or metal."""
LEAST_FILLED = 0.002
"""Share of a volume in one piece; voxels of tissue that are exactly 0 HU are scattered by noise."""
CORNER_SHARES = (0.05, 0.6)
"""What a value between air and metal must fill of the volume; outside a circle in a square lies 0.21 of it."""


def without_padding(image: sitk.Image) -> sitk.Image:
    """Make air of what scanners write where they measured nothing; noise of air stays.

    That is -2000 or -3024 wherever it is, and any other one value around the picture (see `around_picture`). Before the
    volume is resampled, or a spline would ring into the body at the padding's edge.

    Args:
        image: Volume, HU. Where every voxel is below `NO_HU_BELOW` nothing is padding, and nothing is changed.

    Returns:
        The volume in its own pixel type; the same one where there is no padding.
    """
    values = sitk.GetArrayViewFromImage(image)
    if values.max() < NO_HU_BELOW or np.issubdtype(values.dtype, np.unsignedinteger):
        return image  # unsigned numbers hold no air
    padded = [area for _, area in around_picture(values)]
    if values.min() < NO_HU_BELOW:
        padded.append(values < NO_HU_BELOW)
    if not padded:
        return image
    return image_like(np.where(np.any(padded, axis=0), np.asarray(AIR_HU, values.dtype), values), image)


def around_picture(hu: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Find padding that is no number below air: one value all around the picture, where measured voxels are noisy.

    Args:
        hu: (z, y, x), slices along z.

    Returns:
        Value and area (boolean, z, y, x): what is above 3071 HU and reaches a slice's corner; any other value above
        -900 HU that fills all four corners of most slices and 0.05 to 0.6 of the volume, where there is air elsewhere.
    """
    found = []
    corners = hu[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    for value in np.unique(corners[corners > NO_HU_ABOVE]):
        area = reaches_edge(hu == value)
        if area.sum() >= LEAST_PADDING * hu.size:
            found.append((float(value), area))
    if (value := _corner_value(corners)) is not None:
        area = reaches_edge(hu == value)
        low, high = CORNER_SHARES
        rest = hu[~area]
        if low < area.mean() < high and (rest <= AIR_BELOW).mean() >= LEAST_PADDING:
            found.append((value, area))
    return found


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


def without_filling(image: sitk.Image) -> tuple[sitk.Image, float]:
    """Make air of what was filled with 0 where a moved volume has no data, as SimpleITK and scipy do unless they are told.

    Args:
        image: Volume that somebody resampled, HU.

    Returns:
        The volume in its own pixel type, the same one where nothing was filled, and the share of it that was: pieces of
        exactly 0 HU that reach one of its six sides.
    """
    values = sitk.GetArrayViewFromImage(image)
    zero = values == 0
    if np.issubdtype(values.dtype, np.unsignedinteger) or zero.mean() < LEAST_FILLED:
        return image, 0.0
    pieces, _ = ndimage.label(zero)
    sides = [np.take(pieces, end, axis) for axis in range(3) for end in (0, -1)]
    at_a_side = np.unique(np.concatenate([side.ravel() for side in sides]))
    large = np.flatnonzero(np.bincount(pieces.ravel()) >= LEAST_FILLED * values.size)
    filled = np.isin(pieces, np.setdiff1d(np.intersect1d(at_a_side, large), [0]))
    if not filled.any():
        return image, 0.0
    air = np.asarray(AIR_HU, values.dtype)
    return image_like(np.where(filled, air, values), image), float(filled.mean())


def tell_padding(image: sitk.Image) -> str:
    """Say that a volume is padded with what is no HU, which becomes air.

    Returns:
        A clause to follow the file's name; the empty text where a few such voxels, or none, are nothing to tell.
    """
    values = sitk.GetArrayViewFromImage(image)
    lowest = float(values.min())
    share = float((values < NO_HU_BELOW).mean()) if lowest < NO_HU_BELOW else 0.0
    told = [(f"{lowest:g} and the like", "where nothing was seen", share)] if share >= LEAST_PADDING else []
    if lowest < 0 and float(values.max()) >= NO_HU_BELOW:
        told += [
            (f"{value:g}", "around the picture", float(area.mean())) for value, area in around_picture(values)
        ]
    clauses = [
        f"{what} in {max(1, round(100 * part))} % of its voxels, {where}" for what, where, part in told
    ]
    return f"holds {', and '.join(clauses)}: taken as air ({AIR_HU} HU)" if clauses else ""
