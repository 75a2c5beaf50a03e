"""Step 8b: read the regions of an RTSTRUCT, and fill the contours of one on the slices of a volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.path import Path as Polygon

from nnunet_multiphase.dicom.geometry import Grid, heights_mm, normal
from nnunet_multiphase.dicom.multiframe import named_images
from nnunet_multiphase.dicom_import.drawing import (
    Drawing,
    Drawn,
    Plane,
    on_slice_mm,
    pixel_index,
    slice_under,
)
from nnunet_multiphase.dicom_import.mask_codes import OwnLabels, region_reading
from nnunet_multiphase.errors import InputError

_SAME_CONTOUR = 0.9
"""Two contours whose areas have this much in common are one, drawn or exported twice."""

_MOST_HOLE = 0.5
"""A hole that takes more than this of the area around it may be the outline drawn anew."""

_BESIDE_SEAM = (1e-5, 1.7e-5)
"""Pixels in x and y, along no line that programs draw: so far beside the seam of a keyhole, a polygon knows its inside."""

_ON_CENTRE_PIXELS = 0.01

_OUTLINE, _WITHIN = 1, 2

# A contour, its box's first pixel (y, x), the box (y, x): _WITHIN it, on its _OUTLINE, or 0
_Area = tuple[Plane, tuple[int, int], np.ndarray]


def regions(header: Any, own: OwnLabels | None = None) -> list[Drawing]:
    """List the regions of an RTSTRUCT header, each with its contours."""
    planes: dict[int, list[Plane]] = {}
    open_lines: Counter[int] = Counter()
    for item in header.get("ROIContourSequence") or []:
        drawn = planes.setdefault(int(item.ReferencedROINumber), [])
        for index, contour in enumerate(item.get("ContourSequence") or []):
            if _encloses(contour):
                exclusive = _type(contour) == "CLOSEDPLANAR_XOR"
                drawn.append(Plane(index, _images(contour), _points(contour), exclusive=exclusive))
            elif _type(contour) != "POINT" and len(_points(contour)) > 2:
                open_lines[int(item.ReferencedROINumber)] += 1
    types: dict[int, set[str]] = {}
    for seen in header.get("RTROIObservationsSequence") or []:
        if seen.get("ReferencedROINumber") is not None and seen.get("RTROIInterpretedType"):
            kinds = types.setdefault(int(seen.ReferencedROINumber), set())
            kinds.add(str(seen.RTROIInterpretedType).strip().upper())
    frames = [
        str(item.get("FrameOfReferenceUID") or "")
        for item in header.get("ReferencedFrameOfReferenceSequence") or []
    ]
    return [
        Drawing(
            number := int(roi.ROINumber),
            region_reading(str(roi.get("ROIName") or ""), types.get(number, set()), own),
            tuple(planes.get(number, [])),
            str(roi.get("ReferencedFrameOfReferenceUID") or (frames[0] if len(frames) == 1 else "")),
            open_lines[number],
        )
        for roi in header.get("StructureSetROISequence") or []
    ]


def fill_contours(planes: Sequence[Plane], grid: Grid) -> Drawn:
    """Mark the voxels whose centre lies inside a region's contours, or on a line between centres.

    Some programs draw an outline through the centres of a mask's outermost voxels (rt-utils does, with OpenCV): these are
    the mask's, about a hole as well. A contour within another is a hole, one within that is filled again; contours beside
    or across each other are united, and one that is there twice counts once. Contours of the type CLOSEDPLANAR_XOR take
    turns where they overlap.

    Args:
        planes: Those of its contours that belong to the volume.
        grid: Of the volume.

    Returns:
        The mask.

    Raises:
        InputError: A contour is not parallel to the slices, lies between them, or on another than it names.
    """
    first = grid.slices[0]
    mask = np.zeros((len(grid.slices), first.rows, first.columns), bool)
    by_slice: dict[int, list[_Area]] = {}
    total = inside = empty = beyond = 0
    off_mm: list[float] = []
    heights = heights_mm(grid.slices)
    for plane in planes:
        assert plane.points_mm is not None
        k = _slice_of(plane, grid)
        if k is None:
            beyond += 1
            total += int((_raster(plane, grid, 0)[1] > 0).sum())
            continue
        off_mm.append(abs(_height_mm(plane, grid) - heights[k]))
        corner, area = _raster(plane, grid, k)
        empty += not area.any()
        by_slice.setdefault(k, []).append((plane, corner, area))
    crossing, rings = 0, list[float]()
    for k, contours in by_slice.items():
        joined, low, crossed, hole = _on_slice(contours)
        crossing += crossed
        rings += [hole] if hole > _MOST_HOLE else []
        y, x = np.nonzero(joined)
        y, x = y + low[0], x + low[1]
        here = (y >= 0) & (x >= 0) & (y < first.rows) & (x < first.columns)
        mask[k, y[here], x[here]] = True
        total += len(y)
        inside += int(here.sum())
    astray = [mm for mm in off_mm if mm > on_slice_mm(grid)]
    notes = _notes(len(planes), astray, empty, beyond, crossing, rings)
    own_voxels = float(total) or sum(_pixels_in(plane, grid) for plane in planes)
    if not own_voxels:
        return Drawn(mask, float("nan"), 0.0)
    share = inside / total if total else 1.0
    return Drawn(mask, share, own_voxels * float(np.prod(grid.spacing_mm)) / 1000, notes)


def _on_slice(contours: Sequence[_Area]) -> tuple[np.ndarray, np.ndarray, bool, float]:
    """Put the contours of one slice on one canvas and join them.

    Returns:
        The region on the canvas, the canvas's first pixel (y, x), and what `_join` says.
    """
    low = np.min([corner for _, corner, _ in contours], axis=0)
    high = np.max([np.add(corner, area.shape) for _, corner, area in contours], axis=0)
    canvas = [np.zeros(high - low, np.uint8) for _ in contours]
    for layer, (_, corner, area) in zip(canvas, contours, strict=True):
        top, left = np.subtract(corner, low)
        layer[top : top + area.shape[0], left : left + area.shape[1]] = area
    joined, crossed, hole = _join(canvas, all(plane.exclusive for plane, _, _ in contours))
    return joined, low, crossed, hole


def _notes(
    count: int, astray: Sequence[float], empty: int, beyond: int, crossing: int, rings: Sequence[float]
) -> tuple[str, ...]:
    """Say what is odd about a region's contours; `astray` in mm, `rings` as the shares that their holes take."""
    notes = []
    if astray:
        notes.append(
            f"{len(astray)} of its {count} contours lie up to {max(astray):.1f} mm off the slices that they name"
        )
    if empty:
        notes.append(f"{empty} of {count} contours hold no voxel's centre")
    if beyond:
        notes.append(f"{beyond} of {count} contours lie beyond the volume's ends")
    if crossing:
        notes.append(f"contours cross each other on {crossing} slice(s) and are united there")
    if rings:
        notes.append(
            f"on {len(rings)} slice(s) a contour within another counts as a hole and leaves but a ring (up to "
            f"{100 * max(rings):.0f} % of the area goes); if it is the outline drawn again, delete one of the two where "
            "they were drawn and export the file again"
        )
    return tuple(notes)


def _pixels_in(plane: Plane, grid: Grid) -> float:
    """Give a contour's area in pixels, by the shoelace formula."""
    assert plane.points_mm is not None
    x, y = pixel_index(plane.points_mm, grid.slices[0]).T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def _height_mm(plane: Plane, grid: Grid) -> float:
    assert plane.points_mm is not None
    return float((plane.points_mm @ normal(grid.slices[0].orientation or ())).mean())


def _slice_of(plane: Plane, grid: Grid) -> int | None:
    """Find a contour's slice; None if it lies beyond the volume's ends."""
    assert plane.points_mm is not None
    slices, step = grid.slices, grid.spacing_mm[2]
    heights = plane.points_mm @ normal(slices[0].orientation or ())
    if np.ptp(heights) > step / 2:
        raise InputError("has a contour that is not parallel to the slices; draw it on the slices themselves")
    away = heights_mm(slices) - heights.mean()
    named = [k for k, part in enumerate(slices) if part.uid in plane.images]
    if named:
        nearest = min(named, key=lambda k: abs(away[k]))
        if abs(away[nearest]) >= step / 2:
            raise InputError(
                f"has a contour {abs(away[nearest]):.1f} mm off the slice that it names; export it again, with its images"
            )
        return nearest
    k = slice_under(plane, grid)
    if k is None and (away < -step / 2).all() | (away > step / 2).all():
        return None
    if k is None:
        raise InputError(
            f"has a contour between the slices ({np.abs(away).min():.1f} mm from the nearest); "
            "draw it on the volume's own slices"
        )
    return k


def _raster(plane: Plane, grid: Grid, k: int) -> tuple[tuple[int, int], np.ndarray]:
    """Mark a contour's pixels, within the picture or not: the first pixel (y, x) of a box, and the box, as in `_Area`."""
    assert plane.points_mm is not None
    index = pixel_index(plane.points_mm, grid.slices[k])
    low = np.floor(index.min(axis=0)).astype(int)
    high = np.ceil(index.max(axis=0)).astype(int) + 1
    if (high - low).max() > 4 * max(grid.slices[k].rows, grid.slices[k].columns):
        raise InputError("has a contour many times the size of the images; export it again")
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    beside = Polygon(index - _BESIDE_SEAM).contains_points(np.stack([x.ravel(), y.ravel()], axis=1))
    area = np.where(beside.reshape(x.shape), _WITHIN, 0).astype(np.uint8)
    on_line = _centres_on(index) - low
    area[on_line[:, 1], on_line[:, 0]] = _OUTLINE
    return (int(low[1]), int(low[0])), area


def _centres_on(index: np.ndarray) -> np.ndarray:
    """List the pixels (n, 2), x and y, on lines that run from a pixel's centre to another's."""
    corners = np.rint(index).astype(int)
    here = np.abs(index - corners).max(axis=1) <= _ON_CENTRE_PIXELS
    starts, ways = corners, np.roll(corners, -1, axis=0) - corners
    both = here & np.roll(here, -1)
    found = [corners[here]]
    for start, way in zip(starts[both], ways[both], strict=True):
        steps = max(int(np.gcd(*way)), 1)
        found.append(start + np.outer(np.arange(steps), way // steps))
    return np.concatenate(found)


def _join(contours: list[np.ndarray], exclusive: bool) -> tuple[np.ndarray, bool, float]:
    """Put the contours of one slice together.

    Args:
        contours: (y, x) each, as `_Area` has them, on one canvas.
        exclusive: They say themselves that they take turns.

    Returns:
        The region on this slice, whether contours that are not within each other overlap, and the largest share that
        one hole takes of the contour around it.
    """
    if exclusive:
        lines = np.logical_or.reduce([area == _OUTLINE for area in contours])
        return np.logical_xor.reduce([area == _WITHIN for area in contours]) | lines, False, 0.0
    kept: list[tuple[np.ndarray, np.ndarray]] = []  # with its outline, within it
    for area in sorted(contours, key=lambda one: int((one > 0).sum()), reverse=True):
        whole = area > 0
        if whole.any() and not any(
            (whole & one).sum() > _SAME_CONTOUR * (whole | one).sum() for one, _ in kept
        ):
            kept.append((whole, area == _WITHIN))
    joined = np.zeros(contours[0].shape, bool)
    crossed, hole = False, 0.0
    for i, (whole, within) in enumerate(kept):
        shares = [(whole & larger).sum() / whole.sum() for larger, _ in kept[:i]]
        around = [larger for (larger, _), share in zip(kept, shares, strict=False) if share > _SAME_CONTOUR]
        crossed |= any(0 < share <= _SAME_CONTOUR for share in shares)
        if len(around) % 2:
            hole = max(hole, float(within.sum() / around[-1].sum()))
            joined &= ~within
        else:
            joined |= whole
    return joined, crossed, hole


def _encloses(contour: Any) -> bool:
    """Say whether a contour is a closed line: points and open lines enclose nothing.

    One that is called CLOSED_NONPLANAR may lie in a plane all the same; where it does not, it is refused as it is drawn.
    """
    return _type(contour).startswith(("CLOSED_", "CLOSEDPLANAR")) and len(_points(contour)) > 0


def _type(contour: Any) -> str:
    return str(contour.get("ContourGeometricType") or "").strip().upper()


def _points(contour: Any) -> np.ndarray:
    points = np.array(contour.get("ContourData") or [], float).reshape(-1, 3)
    if len(points) != int(contour.get("NumberOfContourPoints") or len(points)):
        raise ValueError("cut off")
    return points


def _images(contour: Any) -> frozenset[str]:
    return frozenset(
        uid for image in contour.get("ContourImageSequence") or [] for uid in named_images(image)
    )
