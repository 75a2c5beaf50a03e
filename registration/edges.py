"""Compare a mask's edges in two volumes: does the organ end in the moving volume where it ends in the reference?

Along lines across the mask's surface, values change where the organ ends. How strongly they change, and against what
neighbour, depends on the contrast phase; at which place of the line, only on the match.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.region import off_the_ends
from registration.rigid import RigidMotion
from registration.shapes import signed_distances_to, smoothed
from registration.spline import interpolate, spline_coefficients
from registration.volume import Volume, index_from_world, world_from_index

REACH_MM = 12  # of a line, to both sides of the edge
SEARCH_MM = 5  # a drawn surface is that near to the edge
LEAST_SLOPE_HU_MM = 8.0  # of an edge; noise and the borders to muscle and spleen have less
SMOOTHING_MM = 2.0  # of the volumes; finer edges than a layer's voxels say nothing
SURFACE_SMOOTHING_MM = 4.0  # of the surface, so that its direction is not that of voxel faces
MOST_LINES = 3_000
FEWEST_LINES = 100
MARGIN_MM = 15.0  # about the lines: what lies farther away changes neither smoothing nor splines there


def edge_agreement(
    mask: NDArray[np.bool_],
    reference: Volume,
    moving: Volume,
    motion: RigidMotion,
    *,
    window_hu: tuple[float, float],
    cut_mm: float,
) -> float | None:
    """Correlate the slopes of both volumes along lines across a mask's surface, and average over the lines.

    Args:
        mask: Boolean array (z, y, x) on the reference.
        reference: Fixed volume, HU, of some 3 mm.
        moving: Moving volume, HU, likewise.
        motion: Reference -> moving.
        window_hu: Values are clipped to this range.
        cut_mm: Lines keep this distance from the first and the last slice, where an organ seems to end; not where that
            would take more than half of them.

    Returns:
        1 = the edges lie at the same places, 0 = no more alike than by chance; none where fewer than 100 lines cross an
        edge of the reference and lie in the moving volume's data.
    """
    if not mask.any():
        return None
    points, normals = _surface(mask, reference, cut_mm)
    if not len(points):
        return None
    fixed = _spline(
        reference, _lines(points, normals, np.array([-1.0, 1.0]) * (REACH_MM + SEARCH_MM)), window_hu
    )
    along = np.arange(-SEARCH_MM, SEARCH_MM + 1, dtype=np.float64)
    slopes = _slopes(fixed, _lines(points, normals, along))
    strongest = np.argmax(np.nan_to_num(slopes), axis=1)
    seen = np.nan_to_num(slopes).max(axis=1, initial=0.0) >= LEAST_SLOPE_HU_MM
    edges, normals = points[seen] + along[strongest[seen], None] * normals[seen], normals[seen]

    lines = _lines(edges, normals, np.arange(-REACH_MM, REACH_MM + 1, dtype=np.float64))
    if not len(lines):
        return None
    here = _slopes(fixed, lines)
    there = motion.move(lines.reshape(-1, 3)).reshape(lines.shape)
    there = _slopes(_spline(moving, there, window_hu), there)
    known = np.isfinite(here).all(axis=1) & np.isfinite(there).all(axis=1)
    if known.sum() < FEWEST_LINES:
        return None
    here, there = (s[known] - s[known].mean(axis=1, keepdims=True) for s in (here, there))
    energy = np.sqrt((here**2).sum(axis=1) * (there**2).sum(axis=1))
    return float(np.mean((here * there).sum(axis=1) / np.maximum(energy, 1e-6)))


def _surface(
    mask: NDArray[np.bool_], volume: Volume, cut_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give points (n, 3) of a mask's surface, world mm, and its directions there (n, 3), unit vectors."""
    spacing = volume.spacing_zyx_mm
    box = _box(np.argwhere(mask), volume)
    distance = smoothed(signed_distances_to(mask[box], spacing), spacing, SURFACE_SMOOTHING_MM)
    near = np.zeros_like(mask)
    near[box] = np.abs(distance) <= spacing.max() / 2
    index = np.argwhere(off_the_ends(near, volume, cut_mm))
    index = index[:: -(-len(index) // MOST_LINES) or 1]
    within = tuple((index - [part.start for part in box]).T)
    uphill = np.stack([gradient[within] for gradient in np.gradient(distance, *spacing)[::-1]], axis=1)
    normals = uphill @ volume.directions.T
    return world_from_index(volume, index), normals / np.maximum(
        np.linalg.norm(normals, axis=1, keepdims=True), 1e-6
    )


def _box(index: NDArray, volume: Volume) -> tuple[slice, ...]:
    """Give the part of a volume that holds array positions (n, 3: z, y, x), with a margin."""
    margin = MARGIN_MM / volume.spacing_zyx_mm
    shape = np.array(volume.values.shape)
    low = np.clip(np.floor(index.min(axis=0) - margin), 0, shape - 4).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + margin) + 1, low + 4, shape).astype(int)
    return tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))


def _lines(
    points: NDArray[np.float64], normals: NDArray[np.float64], along_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give points (n, steps, 3) on lines across a surface."""
    return points[:, None] + along_mm[None, :, None] * normals[:, None]


def _slopes(spline: tuple[NDArray[np.float32], Volume], lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give how fast values change along lines of 1 mm steps: absolute values (n, steps), HU/mm; NaN outside."""
    coefficients, volume = spline
    places = np.ascontiguousarray(index_from_world(volume, lines.reshape(-1, 3)))
    values = interpolate(coefficients, places).reshape(lines.shape[:2]).astype(np.float64)
    return np.abs(np.gradient(values, axis=1))


def _spline(
    volume: Volume, lines: NDArray[np.float64], window_hu: tuple[float, float]
) -> tuple[NDArray[np.float32], Volume]:
    """Prepare a volume's part about some lines: clipped, smoothed, its spline coefficients, and where it lies."""
    box = _box(index_from_world(volume, lines.reshape(-1, 3)), volume)
    values = smoothed(np.clip(volume.values[box], *window_hu), volume.spacing_zyx_mm, SMOOTHING_MM)
    origin = world_from_index(volume, np.array([[part.start for part in box]]))[0]
    return spline_coefficients(values), Volume(values, volume.index_to_world, origin)
