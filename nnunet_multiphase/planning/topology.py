"""Planning, step 1: from voxel spacing and patch size to stages, strides and kernel sizes of the U-Net.

The rules are nnU-Net's (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z, Supplementary Note 2), with one
more: the number of stages is capped. nnU-Net caps the downsamplings per axis, which on anisotropic data
still gives more stages than asked for, because the axes take turns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SIMILAR_SPACING = 2.0
"""Axes whose spacing is less than this factor above the finest are treated alike."""


@dataclass(frozen=True)
class Topology:
    """Hold one U-Net's shape: per stage a stride and a kernel size per axis, and the patch that fits them."""

    patch_size: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    kernel_sizes: tuple[tuple[int, ...], ...]

    @property
    def divisor(self) -> tuple[int, ...]:
        """Give, per axis, what the patch size must be a multiple of."""
        return tuple(int(d) for d in np.prod(self.strides, axis=0))


def plan_topology(
    spacing: npt.ArrayLike, patch_size: npt.ArrayLike, *, max_stages: int = 5, min_edge: int = 4
) -> Topology:
    """Choose strides and kernel sizes for a spacing and a patch size.

    Args:
        spacing: Voxel spacing in mm, one value per axis (2 or 3 axes).
        patch_size: Wanted patch size in voxels; padded up to what the strides divide.
        max_stages: Most resolutions of the encoder (5 stages = 4 downsamplings).
        min_edge: No axis is downsampled below this many voxels.

    Returns:
        The topology; fewer than `max_stages` stages where no axis can be halved any more.
    """
    here_mm = np.asarray(spacing, dtype=float).copy()
    size = np.asarray(patch_size, dtype=int).copy()
    n_axes = len(here_mm)
    strides = [(1,) * n_axes]
    kernel_sizes: list[tuple[int, ...]] = []
    wide = np.zeros(n_axes, dtype=bool)  # an axis keeps its kernel of 3 once it has it
    while len(strides) < max_stages:
        large_enough = size >= 2 * min_edge
        if not large_enough.any():
            break
        halved = large_enough & (here_mm < SIMILAR_SPACING * here_mm[large_enough].min())
        # A last axis alone is only worth a stage of its own while something is left to gain.
        if halved.sum() == 1 and size[halved][0] < 3 * min_edge:
            break
        wide |= here_mm < SIMILAR_SPACING * here_mm.min()
        kernel_sizes.append(tuple(int(k) for k in np.where(wide, 3, 1)))
        stride = np.where(halved, 2, 1)
        strides.append(tuple(int(s) for s in stride))
        here_mm = here_mm * stride
        size = -(-size // stride)
    kernel_sizes.append((3,) * n_axes)  # the bottleneck sees every axis
    divisor = np.prod(strides, axis=0)
    padded = -(-np.asarray(patch_size, dtype=int) // divisor) * divisor
    return Topology(tuple(int(p) for p in padded), tuple(strides), tuple(kernel_sizes))


def shrink_patch(
    spacing: npt.ArrayLike,
    topology: Topology,
    median_shape: npt.ArrayLike,
    *,
    max_stages: int = 5,
    min_edge: int = 4,
) -> Topology:
    """Make the patch one step smaller along the axis that covers most of the median image.

    Args:
        spacing: Voxel spacing in mm per axis.
        topology: The present topology.
        median_shape: Median image shape in voxels, same axes.
        max_stages: As in `plan_topology`.
        min_edge: As in `plan_topology`.

    Returns:
        The next smaller topology, or the same one when the patch cannot shrink: a U-Net has two stages at least.
    """
    patch = np.asarray(topology.patch_size)
    order = np.argsort(patch / np.asarray(median_shape)[: len(patch)])[::-1]
    for axis in order:
        smaller = patch.copy()
        smaller[axis] -= topology.divisor[axis]
        if smaller[axis] < min_edge:
            continue
        # A smaller patch may have fewer downsamplings, hence finer steps: 256 -> 224, not 256 -> 192.
        step = plan_topology(spacing, smaller, max_stages=max_stages, min_edge=min_edge).divisor[axis]
        smaller[axis] = patch[axis] - step
        shrunk = plan_topology(spacing, smaller, max_stages=max_stages, min_edge=min_edge)
        if shrunk.patch_size != topology.patch_size and len(shrunk.strides) >= 2:
            return shrunk
    return topology
