"""Layers of resolution: the top one is the coarsest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from registration.volume import Volume, index_from_world, world_from_index


def shrink(volume: Volume, spacing_mm: float) -> Volume:
    """Average whole blocks of voxels until the voxels have about the given size.

    A block mean is its own anti-aliasing filter. Axes that are coarse already stay as they are, and at least
    four voxels are kept along each; voxels that fill no block at the far end are dropped.

    Args:
        volume: Any volume of floats.
        spacing_mm: Voxel size aimed at.

    Returns:
        The coarser volume; its voxels are the centres of the blocks.
    """
    wanted = np.rint(spacing_mm / volume.spacing_zyx_mm).astype(int)
    factors = [max(1, min(int(f), n // 4)) for f, n in zip(wanted, volume.values.shape, strict=True)]
    values: NDArray = volume.values
    for axis, factor in enumerate(factors):
        if factor > 1:
            count = values.shape[axis] // factor
            blocks = np.moveaxis(values, axis, 0)[: count * factor]
            total = blocks[0::factor].astype(np.float32)
            for k in range(1, factor):
                total += blocks[k::factor]
            values = np.moveaxis(total / np.float32(factor), 0, axis)
    factors_xyz = np.array(factors[::-1], dtype=np.float64)
    origin = volume.origin + volume.index_to_world @ ((factors_xyz - 1) / 2)
    return Volume(np.ascontiguousarray(values, dtype=np.float32), volume.index_to_world * factors_xyz, origin)


def build_pyramid(volume: Volume, spacings_mm: Sequence[float]) -> tuple[Volume, ...]:
    """Give one layer a spacing, coarsest first as the spacings are given."""
    return tuple(shrink(volume, spacing_mm) for spacing_mm in spacings_mm)


def on_layer(region: NDArray[np.bool_], grid: Volume, layer: Volume) -> NDArray[np.bool_]:
    """Look a region up at the voxel centres of another layer of the same volume."""
    axes = []
    for axis, size in enumerate(layer.values.shape):
        ends = np.zeros((2, 3))
        ends[1, axis] = size - 1
        first, last = index_from_world(grid, world_from_index(layer, ends))[:, axis]
        steps = np.rint(np.linspace(first, last, size)).astype(int)
        axes.append(np.clip(steps, 0, region.shape[axis] - 1))
    found = region[np.ix_(*axes)]
    if region.any() and not found.any():
        # A region smaller than this layer's voxels: take the voxel that holds its middle.
        middle = np.argwhere(region).mean(axis=0)[None]
        nearest = np.rint(index_from_world(layer, world_from_index(grid, middle)))[0].astype(int)
        found[tuple(np.clip(nearest, 0, np.array(found.shape) - 1))] = True
    return found
