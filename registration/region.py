"""Choose the region of the reference that is fitted: the body, or a mask with its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.shapes import distances_to, filled_in_slices, opened_in_slices, pieces
from registration.spline import interpolate, spline_coefficients
from registration.volume import Volume, world_from_index


@dataclass(frozen=True)
class SamplePoints:
    """Hold points of the reference and its values there.

    Attributes:
        points: World positions (n, 3), mm.
        values: The reference there (n,), HU.
    """

    points: NDArray[np.float64]
    values: NDArray[np.float32]


def body_region(volume: Volume, *, threshold_hu: float, rim_mm: float) -> NDArray[np.bool_]:
    """Find the patient: the largest object above a threshold, holes filled, with a rim of air.

    Args:
        volume: A coarse layer (some 6 mm), so that this costs nothing.
        threshold_hu: Voxels above it are body.
        rim_mm: How much air around the body belongs to the region.

    Returns:
        Boolean array (z, y, x). The whole volume where less than a twentieth of it is body.
    """
    dense = volume.values > threshold_hu
    # A table's thin shell falls off by the opening, a cushion's remains by taking the largest object.
    objects = pieces(opened_in_slices(dense))
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    if sizes.any():
        dense = objects == int(np.argmax(sizes))
    body = filled_in_slices(dense)
    if body.mean() < 0.05:
        return np.ones(volume.values.shape, dtype=bool)
    return within(body, volume.spacing_zyx_mm, rim_mm)


def mask_region(
    mask: NDArray[np.bool_], volume: Volume, *, margin_mm: float, cut_mm: float
) -> NDArray[np.bool_]:
    """Widen a mask by a margin, and keep it off the first and last slices.

    The boundary is what a region holds on to; without the margin it would not be inside. At a cut end of the
    volume an organ seems to end where only the scan does, and the moving volume may hold nothing there.

    Args:
        mask: Boolean array (z, y, x) on the volume's grid.
        volume: The reference.
        margin_mm: How far the region reaches beyond the mask.
        cut_mm: Distance kept from the outer faces of the first and the last slice.

    Returns:
        Boolean array (z, y, x). The cut is left out where it would take more than half of the region away.
    """
    return off_the_ends(within(mask, volume.spacing_zyx_mm, margin_mm), volume, cut_mm)


def off_the_ends(region: NDArray[np.bool_], volume: Volume, cut_mm: float) -> NDArray[np.bool_]:
    """Take a region's part next to the first and the last slice away, unless that is more than half of it.

    Args:
        region: Boolean array (z, y, x) on the volume's grid.
        volume: The volume.
        cut_mm: Distance kept from the outer faces of the first and the last slice.
    """
    kept = region.copy()
    # Oblique directions leave 6 mm of two 3 mm slices a rounding error short.
    slices = int(np.floor(cut_mm / volume.spacing_zyx_mm[0] + 1e-6))
    if slices:
        kept[:slices] = False
        kept[-slices:] = False
    return kept if 2 * kept.sum() >= region.sum() else region


def within(mask: NDArray[np.bool_], spacing_mm: NDArray[np.float64], distance_mm: float) -> NDArray[np.bool_]:
    """Widen a mask by a distance in mm (Euclidean, between voxel centres); an empty mask stays empty."""
    if distance_mm <= 0 or not mask.any():
        return mask
    # Distances are needed near the mask only: work on its bounding box, widened by the distance.
    box = []
    for axis, spacing in enumerate(spacing_mm):
        others = tuple(other for other in range(3) if other != axis)
        along = np.flatnonzero(mask.any(axis=others))
        reach = int(np.ceil(distance_mm / spacing))
        box.append(slice(max(0, along[0] - reach), along[-1] + reach + 1))
    widened = mask.copy()
    widened[tuple(box)] = distances_to(mask[tuple(box)], spacing_mm) <= distance_mm
    return widened


def sample_points(
    volume: Volume,
    region: NDArray[np.bool_],
    *,
    count: int,
    rng: np.random.Generator,
    coefficients: NDArray[np.float32] | None = None,
) -> SamplePoints:
    """Draw points in a region, each at a random place inside its voxel.

    Points on the grid would favour motions that bring grid on grid, where interpolation blurs least; random
    places inside the voxels do not (Pluim, Maintz, Viergever, CVIU 2000, doi:10.1006/cviu.1999.0816).

    Args:
        volume: A layer of the reference.
        region: Boolean array (z, y, x) on that layer; not empty.
        count: Number of points.
        rng: Source of randomness.
        coefficients: The layer's spline coefficients, where they are known already.

    Returns:
        The points, in the order of their voxels (neighbours in memory are read one after the other).
    """
    voxels = np.flatnonzero(region)
    if len(voxels) == 0:
        raise ValueError("The region to be registered is empty; give a mask with at least one voxel inside.")
    # Every voxel gets its fair share; the remainder goes to voxels drawn by chance.
    repeats, rest = divmod(count, len(voxels))
    chosen = np.concatenate([np.repeat(voxels, repeats), rng.choice(voxels, rest, replace=False)])
    chosen.sort()
    index = np.stack(np.unravel_index(chosen, region.shape), axis=-1).astype(np.float64)
    index += rng.uniform(-0.5, 0.5, index.shape)
    np.clip(index, 0, np.array(region.shape) - 1, out=index)
    if coefficients is None:
        coefficients = spline_coefficients(volume.values)
    return SamplePoints(world_from_index(volume, index), interpolate(coefficients, index))
