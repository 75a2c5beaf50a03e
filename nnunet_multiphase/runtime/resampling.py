"""Resample as nnU-Net does, one axis after the other.

Spline interpolation on a regular grid is linear in the values and separable, so that each axis has a matrix. scipy makes
it from the unit vectors; nnU-Net's three-dimensional call (skimage's `resize`) comes to the same numbers. Cubic matrices
are dense and multiply fast; linear ones have two numbers a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates

ANISOTROPY = 3.0
"""From this ratio of spacings on, nnU-Net resamples the coarsest axis by itself where the plans leave it the choice."""


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


@lru_cache(maxsize=32)
def axis_matrix(n: int, new_n: int, order: int) -> np.ndarray:
    """Give the matrix (new_n, n), float32, that resamples an axis; the edge's value goes on beyond it."""
    at = n / new_n * (np.arange(new_n) + 0.5) - 0.5
    where = np.meshgrid(at, np.arange(n, dtype=float), indexing="ij")
    return map_coordinates(np.eye(n), where, order=order, mode="nearest").astype(np.float32)


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
    rows, columns = (axis_matrix(volume.shape[a], new_shape[a], how.order) for a in ends)
    flat = np.empty((len(parts), len(rows), len(columns)), np.float32)
    lowest, highest = np.inf, -np.inf
    for part, target in zip(parts, flat, strict=True):
        values = prepare(part).astype(np.float32, copy=False)
        low, high = values.min(), values.max()
        np.matmul(rows @ values, columns.T, out=target)
        lowest, highest = min(lowest, low), max(highest, high)
        if alone is not None:  # nnU-Net resizes slice by slice then, and each is clipped to its own values
            np.clip(target, low, high, out=target)
    if new_shape[first] != len(parts):
        along = axis_matrix(len(parts), new_shape[first], how.order if alone is None else how.order_z)
        flat = (along @ flat.reshape(len(parts), -1)).reshape(-1, *flat.shape[1:])
    if alone is None:
        np.clip(flat, lowest, highest, out=flat)
    return np.ascontiguousarray(np.moveaxis(flat, 0, first))


@dataclass(frozen=True)
class LogitResampler:
    """Give logits on a finer or coarser grid, some slices at a time.

    Attributes:
        logits: (heads, z, y, x) float32.
        matrices: Of the three axes.
    """

    logits: np.ndarray
    matrices: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def between(
        cls,
        logits: np.ndarray,
        new_shape: Sequence[int],
        spacing_mm: Sequence[float],
        new_spacing_mm: Sequence[float],
        how: Resampling,
    ) -> LogitResampler:
        """Prepare the matrices; arguments as of `resample_image`, order 0 or 1."""
        shape = logits.shape[1:]
        alone = separate_axis(how, spacing_mm, new_spacing_mm)
        return cls(
            logits,
            tuple(  # type: ignore[arg-type]
                axis_matrix(shape[a], new_shape[a], how.order_z if a == alone else how.order)
                for a in range(3)
            ),
        )

    def slices(self, start: int, stop: int) -> np.ndarray:
        """Give the slices from start to before stop, (heads, stop - start, Y, X) float32."""
        along, rows, columns = self.matrices
        used = np.flatnonzero(along[start:stop].any(0))
        low, high = used[0], used[-1] + 1
        flat = np.einsum(
            "zk,hkyx->hzyx", along[start:stop, low:high], self.logits[:, low:high], optimize=True
        )
        return np.matmul(np.matmul(rows, flat), columns.T)
