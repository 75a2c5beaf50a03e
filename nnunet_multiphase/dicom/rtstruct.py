"""Step 8b: fill the contours of one region of an RTSTRUCT on the grid of the volume it was drawn on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.path import Path as Polygon

from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.dicom.labels import mask_kind
from nnunet_multiphase.dicom.scan import read_header
from nnunet_multiphase.errors import InputError


def regions(header: Any) -> list[tuple[int, str | None, frozenset[str]]]:
    """List the regions of an RTSTRUCT header.

    Returns:
        (number, kind or None, SOPInstanceUIDs of the images its contours name).
    """
    images: dict[int, set[str]] = {}
    for item in header.get("ROIContourSequence") or []:
        named = images.setdefault(int(item.ReferencedROINumber), set())
        for contour in item.get("ContourSequence") or []:
            named.update(_images(contour))
    return [
        (
            int(roi.ROINumber),
            mask_kind(str(roi.get("ROIName") or "")),
            frozenset(images.get(int(roi.ROINumber), ())),
        )
        for roi in header.get("StructureSetROISequence") or []
    ]


def fill_contours(path: Path, number: int, grid: Grid) -> np.ndarray:
    """Mark the voxels whose centre lies inside a region's contours.

    Where contours of one slice overlap they take turns (even-odd rule): a contour within another is a hole.

    Args:
        path: An RTSTRUCT file.
        number: ROI number.
        grid: Of the volume it was drawn on; contours drawn on other images are passed over.

    Returns:
        (z, y, x) bool.

    Raises:
        InputError: A contour is not parallel to the slices, or lies outside the volume.
    """
    uids = {part.uid for part in grid.slices}
    first = grid.slices[0]
    mask = np.zeros((len(grid.slices), first.rows, first.columns), bool)
    done: set[bytes] = set()
    for item in read_header(path).get("ROIContourSequence") or []:
        if int(item.ReferencedROINumber) != number:
            continue
        for contour in item.get("ContourSequence") or []:
            named = _images(contour)
            if named and not named & uids:
                continue
            if not str(contour.get("ContourGeometricType") or "").startswith("CLOSED_PLANAR"):
                continue  # points and open lines enclose nothing
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            if points.tobytes() in done:  # twice the same would be a hole all over
                continue
            done.add(points.tobytes())
            _fill(mask, points, grid)
    return mask


def _fill(mask: np.ndarray, points_mm: np.ndarray, grid: Grid) -> None:
    direction = np.array(grid.direction).reshape(3, 3)
    index = (points_mm - grid.origin) @ direction / grid.spacing_mm  # (n, 3): x, y, z in voxels
    if np.ptp(index[:, 2]) > 0.5:
        raise InputError("has a contour that is not parallel to the slices; draw it on the slices themselves")
    plane = round(float(index[:, 2].mean()))
    if not 0 <= plane < mask.shape[0]:
        raise InputError("has a contour outside the volume; export it with the series it was drawn on")
    low = np.clip(np.floor(index[:, :2].min(axis=0)).astype(int), 0, None)
    high = np.minimum(np.ceil(index[:, :2].max(axis=0)).astype(int) + 1, mask.shape[:0:-1])
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    inside = Polygon(index[:, :2]).contains_points(np.stack([x.ravel(), y.ravel()], axis=1))
    mask[plane, low[1] : high[1], low[0] : high[0]] ^= inside.reshape(x.shape)


def _images(contour: Any) -> set[str]:
    return {str(image.ReferencedSOPInstanceUID) for image in contour.get("ContourImageSequence") or []}
