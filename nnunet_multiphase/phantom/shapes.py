"""Describe solids by signed distance (mm, negative inside) at points of shape (3, N), and blend them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]  # (3, N) in mm: x to the patient's left, y to the back, z to the head (LPS)
Field = npt.NDArray[np.float32]  # (N,)


def ellipsoid(points: Points, centre: Sequence[float], radii: Sequence[float]) -> Field:
    """Return the distance to an axis-aligned ellipsoid, first order near its surface."""
    scaled = [(axis - c) / r for axis, c, r in zip(points, centre, radii, strict=True)]
    level = np.sqrt(sum(s * s for s in scaled))
    slope = np.sqrt(sum((s / r) ** 2 for s, r in zip(scaled, radii, strict=True)))
    return (level * (level - 1) / np.maximum(slope, 1e-6)).astype(np.float32)


def column(points: Points, centre: Sequence[float], radii: Sequence[float], power: float = 2.0) -> Field:
    """Return the radial distance to an endless superelliptic column along z; `power` 2 is an ellipse."""
    x, y = points[0] - centre[0], points[1] - centre[1]
    level = (np.abs(x / radii[0]) ** power + np.abs(y / radii[1]) ** power) ** (1 / power)
    return (np.hypot(x, y) * (1 - 1 / np.maximum(level, 0.02))).astype(np.float32)


def tube(points: Points, path: Sequence[Sequence[float]]) -> Field:
    """Return the distance to a tapering tube; `path` lists (x, y, z, radius) of its joints."""
    nearest = np.full(points.shape[1], np.inf, dtype=np.float32)
    for start, end in pairwise(path):
        along = np.asarray(end[:3], dtype=np.float32) - np.asarray(start[:3], dtype=np.float32)
        offset = [axis - np.float32(s) for axis, s in zip(points, start[:3], strict=True)]
        share = sum(o * a for o, a in zip(offset, along, strict=True)) / np.float32(along @ along)
        share = np.clip(share, 0, 1)
        gap = np.sqrt(sum((o - share * a) ** 2 for o, a in zip(offset, along, strict=True)))
        nearest = np.minimum(nearest, gap - (start[3] + (end[3] - start[3]) * share))
    return nearest.astype(np.float32)


def smooth_union(first: Field, second: Field, blend_mm: float) -> Field:
    """Return the union of two solids with a rounded seam of about `blend_mm`."""
    share = np.clip(0.5 + 0.5 * (second - first) / blend_mm, 0, 1)
    return second + (first - second) * share - blend_mm * share * (1 - share)


def smooth_difference(first: Field, second: Field, blend_mm: float) -> Field:
    """Return `first` without `second`, with a rounded edge of about `blend_mm`."""
    return -smooth_union(-first, second, blend_mm)


def smooth_step(value: Field, low: float, high: float) -> Field:
    """Return 0 below `low`, 1 above `high` and the cubic 3s^2 - 2s^3 between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def cover(distance: Field, softness_mm: float) -> Field:
    """Return how much of a point of width `softness_mm` the solid fills, 0 to 1."""
    return np.clip(0.5 - distance / softness_mm, 0, 1)
