"""Measure how long lesions are: in the axial slices, across that, and in space.

All lengths are those of the convex outline through the middles of the outer voxel faces, as calipers take them: a row of n
voxels is n voxel sizes long, and a round lesion is neither a voxel too long (corners) nor one too short (centres).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

from nnunet_multiphase.evaluation.lesions import plane_outline


@dataclass(frozen=True)
class Chord:
    """Hold a length and its ends as continuous indices (x, y, z) of the array it was taken in."""

    mm: float
    ends: tuple[np.ndarray, np.ndarray]


def axial_diameters(mask: np.ndarray, spacing_mm: Sequence[float]) -> tuple[Chord, Chord]:
    """Find the longest axial diameter and the longest one perpendicular to it in the same slice.

    RECIST 1.1 measures target lesions so (Eisenhauer et al., European Journal of Cancer 2009,
    doi:10.1016/j.ejca.2008.10.026). Of equally long ones the lowest slice's is taken.

    Args:
        mask: (z, y, x) bool, not empty; z runs across the axial slices.
        spacing_mm: Voxel size along x, y, z.

    Returns:
        The longest diameter, and the longest chord of the outline at right angles to it.
    """
    best: tuple[float, int, np.ndarray, int, int] | None = None
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        outline = plane_outline(mask[z], spacing_mm[:2])
        length, first, second = _longest(outline)
        if best is None or length > best[0] + 1e-9:
            best = (length, int(z), outline, first, second)
    if best is None:
        raise ValueError("an empty mask has no diameter")
    length, z, outline, first, second = best
    long = Chord(length, (_index(outline[first], z, spacing_mm), _index(outline[second], z, spacing_mm)))
    width, ends = _widest(outline, (outline[second] - outline[first]) / length)
    return long, Chord(width, (_index(ends[0], z, spacing_mm), _index(ends[1], z, spacing_mm)))


def diameter_3d(mask: np.ndarray, spacing_mm: Sequence[float]) -> Chord:
    """Find the largest distance between two points of a lesion (maximum Feret diameter).

    Args:
        mask: (z, y, x) bool, not empty.
        spacing_mm: Voxel size along x, y, z.
    """
    padded = np.pad(mask, 1)
    z, y, x = np.nonzero((padded & ~binary_erosion(padded))[1:-1, 1:-1, 1:-1])
    centres = np.stack([x, y, z], axis=1).astype(float)
    faces = np.concatenate([centres + side * axis for axis in np.eye(3) for side in (-0.5, 0.5)])
    points = faces * np.asarray(spacing_mm, float)
    corners = points[np.sort(ConvexHull(points).vertices)]
    length, first, second = _longest(corners)
    return Chord(length, (corners[first] / spacing_mm, corners[second] / spacing_mm))


def _longest(points: np.ndarray) -> tuple[float, int, int]:
    distances = squareform(pdist(points))
    first, second = np.unravel_index(np.argmax(distances), distances.shape)
    return float(distances[first, second]), int(first), int(second)


def _widest(outline: np.ndarray, along: np.ndarray) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Find a convex outline's longest chord at right angles to a direction; it passes through one of its corners."""
    across = np.array([-along[1], along[0]])
    at, side = outline @ along, outline @ across
    following_at, following_side = np.roll(at, -1), np.roll(side, -1)
    best = (-1.0, 0.0, 0.0, 0.0)
    for place in at:
        sides = []
        for start, end, from_side, to_side in zip(at, following_at, side, following_side, strict=True):
            if min(start, end) <= place <= max(start, end):
                if start == end:
                    sides += [from_side, to_side]
                else:
                    sides.append(from_side + (to_side - from_side) * (place - start) / (end - start))
        width = max(sides) - min(sides)
        if width > best[0] + 1e-9:
            best = (width, place, min(sides), max(sides))
    width, place, low, high = best
    return float(width), (place * along + low * across, place * along + high * across)


def _index(point_mm: np.ndarray, z: int, spacing_mm: Sequence[float]) -> np.ndarray:
    return np.array([point_mm[0] / spacing_mm[0], point_mm[1] / spacing_mm[1], z])
