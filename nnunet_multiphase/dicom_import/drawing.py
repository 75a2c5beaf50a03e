"""Step 8: what a mask file says of one segment or region: what it is, and on which planes it was drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnunet_multiphase.dicom.geometry import ROUNDING_MM, STEP_TOLERANCE, Grid, heights_mm, normal
from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.words.labels import Reading

OFF_LATTICE_PIXELS = 0.1
"""So far a frame's pixels may lie from those of a slice and still be the same ones."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A frame of a SEG or a contour of an RTSTRUCT: on which image it was drawn, and where it lies."""

    index: int  # of the frame in its file, of the contour in its region
    images: frozenset[str]  # SOPInstanceUIDs that it names
    # (n, 3) mm. Of a contour its points; of a frame the centres of its first pixel, of the last in the first row and
    # of the first in the last row. None: it does not say.
    points_mm: np.ndarray | None
    raster: tuple[int, int] | None = None  # a frame's rows and columns
    exclusive: bool = False  # a contour that is joined to the others by XOR


@dataclass(frozen=True, eq=False)
class Drawing:
    """One segment of a SEG or region of an RTSTRUCT."""

    number: int
    reading: Reading
    planes: tuple[Plane, ...]
    frame_of_reference: str = ""
    open_lines: int = 0  # contours that enclose nothing, points and lengths measured apart


@dataclass(frozen=True, eq=False)
class Drawn:
    """A segment or region on a volume's slices."""

    mask: np.ndarray  # (z, y, x) bool
    inside: float  # share of its voxels that lie in the volume; NaN: it has none
    own_ml: float  # what it holds by itself
    notes: tuple[str, ...] = field(default=())


def slice_under(plane: Plane, grid: Grid) -> int | None:
    """Find the slice of a volume on which a frame or contour lies; None if it lies on none, or across them."""
    if plane.points_mm is None or not len(plane.points_mm):
        return None
    slices = grid.slices
    heights = plane.points_mm @ normal(slices[0].orientation or ())
    away = np.abs(heights_mm(slices) - heights.mean())
    nearest = int(away.argmin())
    tolerance = on_slice_mm(grid)
    if away[nearest] > tolerance or np.ptp(heights) > 2 * tolerance:
        return None
    return nearest


def on_slice_mm(grid: Grid) -> float:
    """Give the distance along the normal within which something lies on a slice."""
    step = grid.spacing_mm[2]
    return max(STEP_TOLERANCE * step, min(ROUNDING_MM, step / 4))


def pixel_index(points_mm: np.ndarray, part: Slice) -> np.ndarray:
    """Turn points (n, 3) into a slice's pixels (n, 2): x (column), y (row); the first pixel's centre is (0, 0)."""
    row, column = np.array(part.orientation or (), float).reshape(2, 3)
    between_rows, between_columns = part.pixel_spacing or (1.0, 1.0)
    away = points_mm - np.array(part.position or (0.0, 0.0, 0.0))
    return np.stack([away @ row / between_columns, away @ column / between_rows], axis=-1)


def lattice_steps(plane: Plane, part: Slice) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Find where a frame's pixels are on a slice, if they are the slice's own.

    Returns:
        The pixel (x, y) of the frame's first pixel, and the steps to the next column and to the next row; turned and
        cropped frames have such steps too. None: its pixels lie between those of the slice.
    """
    if plane.points_mm is None or plane.raster is None:
        return None
    rows, columns = plane.raster
    corners = pixel_index(plane.points_mm, part)
    if np.abs(corners - np.round(corners)).max() > OFF_LATTICE_PIXELS:
        return None
    first, last_column, last_row = np.round(corners).astype(int)
    along, down = last_column - first, last_row - first
    steps = []
    for way, count in ((along, columns - 1), (down, rows - 1)):
        if count and (way % count).any():
            return None
        steps.append(way // count if count else way)
    if sorted(np.abs(np.concatenate(steps))) != [0, 0, 1, 1] or (np.abs(steps[0]) == np.abs(steps[1])).all():
        return None
    return first, steps[0], steps[1]


def fitting(planes: Sequence[Plane], grids: Iterable[Grid]) -> list[Grid]:
    """List the grids on whose slices planes lie, pixel on pixel and within the picture.

    Where planes lie on neighbouring slices of one grid and on every second or third of another (thin slices of the
    same acquisition), they were drawn on the first.
    """
    found: list[tuple[int, Grid]] = []
    for grid in grids:
        under = [_fits(plane, grid) for plane in planes]
        if not under or None in under:
            continue
        places = sorted({k for k in under if k is not None})
        found.append((int(np.diff(places).min()) if len(places) > 1 else 1, grid))
    closest = min((step for step, _ in found), default=0)
    return [grid for step, grid in found if step == closest]


def _fits(plane: Plane, grid: Grid) -> int | None:
    k = slice_under(plane, grid)
    if k is None or plane.points_mm is None:
        return None
    part = grid.slices[k]
    if plane.raster is not None and lattice_steps(plane, part) is None:
        return None
    index = pixel_index(plane.points_mm, part)
    margin = 0.5 + OFF_LATTICE_PIXELS
    inside = (index >= -margin).all() and (index <= np.array([part.columns, part.rows]) - 1 + margin).all()
    return k if inside else None
