"""Resample as nnU-Net does, one axis after the other.

Spline interpolation on a regular grid is linear in the values and separable, so that each axis has a matrix. scipy makes
it from the unit vectors. nnU-Net's three-dimensional call (skimage's `resize`) comes to the same numbers in thirty times the
time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates

ANISOTROPY = 3.0
"""From this ratio of spacings on, nnU-Net resamples the coarsest axis by itself where the plans leave it the choice."""


NEGLIGIBLE = 1e-7
"""Below float32's roundings: a cubic spline's weights reach to infinity, and are smaller from some 12 voxels on."""
BLOCK = 16
"""Voxels of an axis that are resampled at once. With more, more zeros are multiplied, and BLAS shares products out among
threads that take longer to meet than to multiply."""


@dataclass(frozen=True)
class Resampling:
    """Hold how the plans have images or logits resampled.

    Attributes:
        order: Of the spline, 0..3.
        order_z: Of the spline along the coarsest axis, where that is resampled by itself.
        force_separate_z: Whether it is; None: from `ANISOTROPY` on.
    """

    order: int
    order_z: int
    force_separate_z: bool | None


def resampled_shape(
    shape: Sequence[int], spacing_mm: Sequence[float], new_spacing_mm: Sequence[float]
) -> tuple[int, ...]:
    """Tell how many voxels each axis has on the new spacing."""
    return tuple(round(old / new * n) for old, new, n in zip(spacing_mm, new_spacing_mm, shape, strict=True))


def separate_axis(
    how: Resampling, spacing_mm: Sequence[float], new_spacing_mm: Sequence[float]
) -> int | None:
    """Tell which axis is resampled by itself; None: all are resampled together."""
    decisive = None
    if how.force_separate_z is not None:
        decisive = spacing_mm if how.force_separate_z else None
    else:
        decisive = next((s for s in (spacing_mm, new_spacing_mm) if max(s) / min(s) > ANISOTROPY), None)
    if decisive is None:
        return None
    coarsest = [axis for axis, spacing in enumerate(decisive) if max(decisive) / spacing == 1]
    return coarsest[0] if len(coarsest) == 1 else None  # of two equally coarse axes neither


@dataclass(frozen=True)
class AxisResampler:
    """Resample an axis by a matrix, in blocks: far from the diagonal it is 0.

    Attributes:
        n: Voxels after.
        blocks: Which voxels after, of which before, by which matrix.
    """

    n: int
    blocks: tuple[tuple[slice, slice, np.ndarray], ...]

    def first(self, values: np.ndarray) -> np.ndarray:
        """Resample the first axis of (before, m)."""
        found = np.empty((self.n, values.shape[1]), np.float32)
        for after, before, matrix in self.blocks:
            np.matmul(matrix, values[before], out=found[after])
        return found

    def last(self, values: np.ndarray) -> np.ndarray:
        """Resample the last axis of (m, before)."""
        found = np.empty((len(values), self.n), np.float32)
        for after, before, matrix in self.blocks:
            found[:, after] = values[:, before] @ matrix.T
        return found


@dataclass(frozen=True)
class LinearAxis:
    """Resample an axis where each voxel after is made of at most two neighbours before.

    Attributes:
        low, high: Which two, (n,).
        low_weight, high_weight: By what, (n,) float32.
    """

    low: np.ndarray
    high: np.ndarray
    low_weight: np.ndarray
    high_weight: np.ndarray

    def first(self, values: np.ndarray) -> np.ndarray:
        """Resample the first axis of (before, m)."""
        found = values[self.low] * self.low_weight[:, None]
        found += values[self.high] * self.high_weight[:, None]
        return found

    def last(self, values: np.ndarray) -> np.ndarray:
        """Resample the last axis of (m, before)."""
        found = values.take(self.low, axis=1) * self.low_weight
        found += values.take(self.high, axis=1) * self.high_weight
        return found

    def plane(self, values: np.ndarray, number: int) -> np.ndarray:
        """Give one voxel after of the second axis of (heads, before, ...)."""
        low, high = self.low_weight[number], self.high_weight[number]
        return low * values[:, self.low[number]] + high * values[:, self.high[number]]


@lru_cache(maxsize=32)
def axis_resampler(n: int, new_n: int, order: int) -> AxisResampler:
    """Resample from n voxels to new_n by splines; the edge's value goes on beyond it."""
    matrix = _axis_matrix(n, new_n, order)
    blocks = []
    for start in range(0, new_n, BLOCK):
        rows = matrix[start : start + BLOCK]
        used = np.flatnonzero(rows.any(0))
        before = slice(int(used[0]), int(used[-1]) + 1)
        block = np.ascontiguousarray(rows[:, before], dtype=np.float32)
        blocks.append((slice(start, start + len(rows)), before, block))
    return AxisResampler(new_n, tuple(blocks))


def linear_axis(n: int, new_n: int, order: int) -> LinearAxis:
    """Resample from n voxels to new_n by order 1 or 0 (the nearest)."""
    matrix = _axis_matrix(n, new_n, order).astype(np.float32)
    after = np.arange(new_n)
    low = (matrix != 0).argmax(1)
    high = np.minimum(low + 1, n - 1)
    return LinearAxis(low, high, matrix[after, low], np.where(high > low, matrix[after, high], np.float32(0)))


def _axis_matrix(n: int, new_n: int, order: int) -> np.ndarray:
    at = n / new_n * (np.arange(new_n) + 0.5) - 0.5
    where = np.meshgrid(at, np.arange(n, dtype=float), indexing="ij")
    matrix = map_coordinates(np.eye(n), where, order=order, mode="nearest")
    matrix[np.abs(matrix) < NEGLIGIBLE] = 0
    return matrix


def resample_image(
    volume: np.ndarray,
    new_shape: Sequence[int],
    spacing_mm: Sequence[float],
    new_spacing_mm: Sequence[float],
    how: Resampling,
    *,
    prepare: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Resample one channel; what the spline overshoots is clipped.

    Args:
        volume: (Z, Y, X).
        new_shape: Of the result.
        spacing_mm: Of the volume.
        new_spacing_mm: Of the result.
        how: Splines.
        prepare: Applied to each slice first; increasing in the values.

    Returns:
        float32.
    """
    if tuple(new_shape) == volume.shape:
        return np.stack([prepare(part) for part in volume]).astype(np.float32, copy=False)
    alone = separate_axis(how, spacing_mm, new_spacing_mm)
    first = alone or 0
    parts = np.moveaxis(volume, first, 0)
    ends = np.delete(np.arange(3), first)
    rows, columns = (axis_resampler(volume.shape[a], new_shape[a], how.order) for a in ends)
    flat = np.empty((len(parts), rows.n, columns.n), np.float32)
    lowest, highest = np.inf, -np.inf
    for part, target in zip(parts, flat, strict=True):
        values = prepare(part).astype(np.float32, copy=False)
        low, high = values.min(), values.max()
        target[...] = columns.last(rows.first(values))
        lowest, highest = min(lowest, low), max(highest, high)
        if alone is not None:  # nnU-Net resizes slice by slice then, and each is clipped to its own values
            np.clip(target, low, high, out=target)
    if new_shape[first] != len(parts):
        along = axis_resampler(len(parts), new_shape[first], how.order if alone is None else how.order_z)
        flat = along.first(flat.reshape(len(parts), -1)).reshape(-1, *flat.shape[1:])
    if alone is None:
        np.clip(flat, lowest, highest, out=flat)
    return np.ascontiguousarray(np.moveaxis(flat, 0, first))


@dataclass(frozen=True)
class LogitResampler:
    """Give logits on a finer or coarser grid, some slices at a time.

    Attributes:
        logits: (heads, z, y, x) float32.
        axes: Of z, y and x.
    """

    logits: np.ndarray
    axes: tuple[LinearAxis, LinearAxis, LinearAxis]

    @classmethod
    def between(
        cls,
        logits: np.ndarray,
        new_shape: Sequence[int],
        spacing_mm: Sequence[float],
        new_spacing_mm: Sequence[float],
        how: Resampling,
    ) -> LogitResampler:
        """Prepare the axes; arguments as of `resample_image`, order 0 or 1."""
        alone = separate_axis(how, spacing_mm, new_spacing_mm)
        orders = [how.order_z if axis == alone else how.order for axis in range(3)]
        z, y, x = map(linear_axis, logits.shape[1:], new_shape, orders)
        return cls(logits, (z, y, x))

    def slices(self, start: int, stop: int) -> np.ndarray:
        """Give the slices from start to before stop, (heads, stop - start, Y, X) float32."""
        along, rows, columns = self.axes
        found = np.empty((len(self.logits), stop - start, len(rows.low), len(columns.low)), np.float32)
        for number in range(start, stop):
            for head, plane in enumerate(along.plane(self.logits, number)):
                found[head, number - start] = rows.first(columns.last(plane))
        return found
