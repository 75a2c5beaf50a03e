"""Step 3c, on request: bring slices of a tilted gantry, or of uneven spacing, to a straight and even grid.

Each voxel is interpolated linearly: within the slices above and below it, then between the two. Linear, because it invents
no value beyond its neighbours', as cubic does at the edge of bone or air. Where either slice shows nothing is air.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from nnunet_multiphase.dicom.geometry import MIN_SLICES, Grid, heights_mm, normal, shape_problem
from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.phases import FILL_HU

MAX_GAP_MM = 10.0
"""Between the slices of a wider gap lies what nobody has seen."""

MAX_TILT_DEGREES = 35.0
"""Gantries tilt by 30 degrees; more is a wrong orientation."""

_AGREE_DEGREES = 1.0

_CURABLE = (
    "gantry tilt",
    "slices are not evenly spaced",
    "slices are shifted sideways",
    "missing slices",
    "the spacing changes",
)
"""How the problems (see geometry.py) start that resampling can do something about; every other one stands."""


def resample_if_irregular(volume: Volume, *, on_request: bool) -> Volume:
    """Give a volume that has no even grid one.

    Args:
        volume: As found.
        on_request: The user asked for it; else the volume only says that it could be asked for.

    Returns:
        The volume with a grid and a note of what was done, or as it was.
    """
    if volume.grid is not None or not all(problem.startswith(_CURABLE) for problem in volume.blocked):
        return volume
    grid, what = straight_grid(volume.slices)
    if grid is None:
        why = (f"it cannot be resampled either: {what}",) if what and on_request else ()
        return replace(volume, blocked=(*volume.blocked, *why))
    if not on_request:
        hint = "import-dicom --resample-irregular brings it to an even grid"
        return replace(volume, blocked=(*volume.blocked, hint))
    return replace(volume, grid=grid, blocked=(), notes=(f"resampled: {what}", *volume.notes))


def straight_grid(slices: Sequence[Slice]) -> tuple[Grid | None, str]:
    """Find the even grid for slices that make none.

    Its rows and columns are the slices', widened to where the tilt moved them; its step is the median one, made to fit the
    first and the last slice.

    Args:
        slices: Parallel, each with a position.

    Returns:
        The grid and what is done to the slices, or None and what is in the way.
    """
    if shape_problem(slices) or len({(part.rows, part.columns, part.pixel_spacing) for part in slices}) > 1:
        return None, "slices of different shape"
    heights = heights_mm(slices)
    order = np.argsort(heights, kind="stable")
    ordered, heights = tuple(slices[i] for i in order), heights[order]
    steps = np.diff(heights)
    if len(slices) < MIN_SLICES or steps.min() <= 0:
        return None, "too few slices, or several at one position"
    if steps.max() > MAX_GAP_MM:
        return None, f"a gap of {steps.max():.1f} mm is too wide (at most {MAX_GAP_MM:.0f} mm)"
    spacing = ordered[0].pixel_spacing or (1.0, 1.0)
    row, column = np.array(ordered[0].orientation).reshape(2, 3)
    across = normal(ordered[0].orientation or ())
    offsets = _offsets_mm(ordered)
    slope = _slope(offsets, heights)
    if np.linalg.norm(offsets - np.outer(heights - heights[0], slope), axis=1).max() > min(spacing):
        return None, "its slices are shifted sideways against each other"
    tilt = float(np.degrees(np.arctan(np.linalg.norm(slope))))
    if tilt > MAX_TILT_DEGREES:
        return None, f"a tilt of {tilt:.1f} degrees is no gantry's (at most {MAX_TILT_DEGREES:.0f})"
    count = max(round(float((heights[-1] - heights[0]) / np.median(steps))), 1)
    step = float(heights[-1] - heights[0]) / count
    # The first slice's raster goes on to both sides, as far as any slice lies.
    in_pixels = offsets / (spacing[1], spacing[0])  # DICOM gives the distance between rows (y) first
    low = np.floor(in_pixels.min(axis=0) + 1e-3).astype(int)
    high = np.ceil(in_pixels.max(axis=0) - 1e-3).astype(int)
    origin = np.array(ordered[0].position) + low[0] * spacing[1] * row + low[1] * spacing[0] * column
    grid = Grid(
        slices=ordered,
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        spacing_mm=(spacing[1], spacing[0], step),
        direction=tuple(float(v) for v in np.stack([row, column, across], axis=1).ravel()),
        size=(
            int(ordered[0].columns + high[0] - low[0]),
            int(ordered[0].rows + high[1] - low[1]),
            count + 1,
        ),
    )
    return grid, "; ".join(_what(ordered, tilt, steps, spacing, slope, heights, step))


def resample_hu(hu: np.ndarray, grid: Grid) -> np.ndarray:
    """Interpolate slices onto their even grid.

    Args:
        hu: (slice, y, x), in the grid's order of slices.
        grid: From `straight_grid`; any other leaves the voxels as they are.

    Returns:
        (z, y, x) in the same type; -1024 HU where no slice lies.
    """
    if grid.size is None:
        return hu
    result = np.full(grid.shape, FILL_HU, hu.dtype)
    for z, (below, above, weight) in enumerate(_neighbours(grid)):
        plane, seen = _on_raster(hu, grid, below, order=1)
        if weight > 0:
            upper, upper_seen = _on_raster(hu, grid, above, order=1)
            plane, seen = (1 - weight) * plane + weight * upper, seen & upper_seen
        if np.issubdtype(hu.dtype, np.integer):
            plane = np.rint(plane)
        result[z] = np.where(seen, plane, FILL_HU)
    return result


def resample_mask(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Bring a mask that was drawn on slices to their even grid, by the nearest slice and pixel.

    Args:
        mask: (slice, y, x) bool, in the grid's order of slices.
        grid: From `straight_grid`; any other leaves the mask as it is.

    Returns:
        (z, y, x) bool.
    """
    if grid.size is None:
        return mask
    result = np.zeros(grid.shape, bool)
    for z, (below, above, weight) in enumerate(_neighbours(grid)):
        plane, seen = _on_raster(mask, grid, above if weight > 0.5 else below, order=0)
        result[z] = seen & (plane > 0.5)
    return result


def _neighbours(grid: Grid) -> Iterator[tuple[int, int, float]]:
    """Give for every plane the slices below and above it, and the weight of the latter."""
    heights = heights_mm(grid.slices)
    for z in range(grid.shape[0]):
        height = heights[0] + z * grid.spacing_mm[2]
        above = int(np.clip(np.searchsorted(heights, height - 1e-3), 1, len(heights) - 1))
        weight = float((height - heights[above - 1]) / (heights[above] - heights[above - 1]))
        # A thousandth of a step is a rounded position: the slice itself.
        weight = float(np.clip(0 if weight < 1e-3 else 1 if weight > 1 - 1e-3 else weight, 0, 1))
        yield (above, above, 0.0) if weight == 1 else (above - 1, above, weight)


def _on_raster(slices: np.ndarray, grid: Grid, number: int, *, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Move one slice to where it lies on the grid's raster; its values, and where it lies at all."""
    part = grid.slices[number]
    row, column = np.array(part.orientation).reshape(2, 3)
    away = np.subtract(part.position or (), grid.origin)
    start = np.round([away @ column / grid.spacing_mm[1], away @ row / grid.spacing_mm[0]], 3)
    shape = grid.shape[1:]
    plane = ndimage.affine_transform(
        slices[number].astype(np.float32), [1, 1], -start, output_shape=shape, order=order, mode="nearest"
    )
    seen = [
        (np.arange(length) >= first - 0.5) & (np.arange(length) <= first + count - 0.5)
        for length, first, count in zip(shape, start, (part.rows, part.columns), strict=True)
    ]
    return plane, np.outer(*seen)


def _offsets_mm(ordered: Sequence[Slice]) -> np.ndarray:
    """Give how far each slice lies along the rows and columns from the first; (n, 2) mm."""
    row, column = np.array(ordered[0].orientation).reshape(2, 3)
    positions = np.array([part.position for part in ordered])
    return np.asarray((positions - positions[0]) @ np.stack([row, column], axis=1))


def _slope(offsets: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Give how far the slices step sideways for each mm along their normal."""
    return np.asarray((offsets[-1] - offsets[0]) / (heights[-1] - heights[0]))


def _what(
    ordered: Sequence[Slice],
    tilt: float,
    steps: np.ndarray,
    spacing: tuple[float, float],
    slope: np.ndarray,
    heights: np.ndarray,
    step: float,
) -> list[str]:
    what = []
    if float(np.linalg.norm(slope)) * float(heights[-1] - heights[0]) > min(spacing):
        what.append(f"gantry tilt of {tilt:.1f} degrees sheared straight")
        said = ordered[0].tilt_degrees
        if said is not None and abs(abs(said) - tilt) > _AGREE_DEGREES:
            what[-1] += f" (GantryDetectorTilt says {abs(said):.1f}; the slices' positions were followed)"
    if np.ptp(steps) > 0.02 * step:
        what.append(f"steps of {steps.min():.2f} to {steps.max():.2f} mm interpolated to {step:.2f} mm")
    return what
