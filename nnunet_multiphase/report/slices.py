"""Cut a predicted patient's phases into small axial pictures, with the outlines of the lesions beside them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import Box, bounding_box
from nnunet_multiphase.evaluation.lesions import label_lesions
from nnunet_multiphase.prediction.prepare import PreparedCase

if TYPE_CHECKING:
    from PIL import Image

WINDOW_HU = (-160.0, 240.0)
"""Black and white: width 400 about 40 HU, as abdomens are read."""
MARGIN_MM = 15.0
FOUND_MARGIN_MM = 45.0
"""About a liver that was only found: its left lobe and lower end are what is missed of it."""
MOST_PIXELS = 256
MOST_SLICES = 150
MOST_BYTES = 4_000_000
"""Of all JPEGs of a patient: 5.3 MB as data URIs."""
QUALITIES = (80, 65, 50, 35, 20)

Box2 = tuple[int, int, int, int]
"""First voxel and size in a slice: x, y, width, height."""


@dataclass(frozen=True)
class Outline:
    """Hold where a lesion's border runs in a slice.

    Attributes:
        lesion: Its number.
        rings: Closed lines of points (x, y) in voxels of the whole slice; 0, 0 is the middle of the first one.
    """

    lesion: int
    rings: tuple[np.ndarray, ...]


def region_to_show(prepared: PreparedCase, labels: sitk.Image, *, liver_labelled: bool) -> Box:
    """Find the box about the liver and all that was labelled, on the grid of the registered phases.

    Args:
        prepared: The case; a liver that was only found counts, too.
        labels: Non-zero is shown.
        liver_labelled: Whether the liver is among them.

    Returns:
        Index and size (x, y, z), with a margin; everything where no liver is known: lesions do not tell where it is.
    """
    found = [result.fitted for result in prepared.aligned.results.values() if result.region == "liver"]
    livers = found if prepared.liver is None else [prepared.liver]
    boxes = [_on(liver, _extent(liver), labels) for liver in livers]
    full = np.array(labels.GetSize())
    if not any(box is not None for box in boxes) and not liver_labelled:
        return (0, 0, 0), _triple(full)
    known = [box for box in (*boxes, _extent(labels)) if box is not None]
    surely = prepared.liver is not None or liver_labelled
    margin = np.ceil((MARGIN_MM if surely else FOUND_MARGIN_MM) / np.array(labels.GetSpacing())).astype(int)
    low = np.clip(np.min([low for low, _ in known], axis=0) - margin, 0, full - 1)
    high = np.clip(np.max([high for _, high in known], axis=0) + margin, low + 1, full)
    return _triple(low), _triple(high - low)


def slices_to_show(box: Box, needed: Sequence[int]) -> list[int]:
    """Choose slices of a box, evenly, at most MOST_SLICES of them, and those that are needed besides."""
    first, count = box[0][2], box[1][2]
    step = -(-count // MOST_SLICES)
    return sorted({*range(first, first + count, step), *needed})


def picture(plane_hu: np.ndarray, spacing_mm: Sequence[float], quality: int) -> bytes:
    """Draw a slice (y, x) in HU as a grey JPEG of square pixels, at most MOST_PIXELS wide and high."""
    return _jpeg(_drawn(plane_hu, spacing_mm), quality)


def pictures(
    volumes: Sequence[np.ndarray], box: Box, slices: Sequence[int], spacing_mm: Sequence[float]
) -> list[list[bytes]]:
    """Draw the same slices of several volumes (z, y, x), as well as MOST_BYTES allow."""
    (x, y, _), (width, height, _) = box
    drawn = [
        [_drawn(volume[z, y : y + height, x : x + width], spacing_mm) for z in slices] for volume in volumes
    ]
    jpegs: list[list[bytes]] = []
    for quality in QUALITIES:
        jpegs = [[_jpeg(image, quality) for image in row] for row in drawn]
        if sum(len(jpeg) for row in jpegs for jpeg in row) <= MOST_BYTES:
            break
    return jpegs


def numbered(labels: sitk.Image, lesion_labels: Sequence[int]) -> np.ndarray:
    """Number the lesions (z, y, x) as the table does; looked for only where they are, which saves seconds."""
    mask = np.isin(sitk.GetArrayViewFromImage(labels), list(lesion_labels))
    numbers = np.zeros(mask.shape, np.uint16)
    if mask.any():
        (x, y, z), (width, height, depth) = bounding_box(mask)
        box = (slice(z, z + depth), slice(y, y + height), slice(x, x + width))
        numbers[box] = np.minimum(label_lesions(mask[box]), np.iinfo(np.uint16).max)
    return numbers


def outlines(numbers: np.ndarray) -> list[Outline]:
    """Trace the lesions of a slice (y, x), numbered, half way to the voxels beside them."""
    from contourpy import contour_generator

    found = []
    for number in np.unique(numbers[numbers > 0]).tolist():
        rows, columns = np.nonzero(numbers == number)
        top, left = rows.min(), columns.min()
        own = numbers[top : rows.max() + 1, left : columns.max() + 1] == number
        # A voxel of background around: a lesion at the volume's border has a closed outline, too.
        lines = contour_generator(z=np.pad(own, 1).astype(float)).lines(0.5)
        corner = np.array([left - 1, top - 1])
        found.append(Outline(number, tuple(np.asarray(line, float) + corner for line in lines)))
    return found


def path_of(outline: Outline, box: Box2, spacing_mm: Sequence[float]) -> str:
    """Write an outline as the path of an SVG whose units are mm from the corner of a box in the slice."""
    parts = []
    for ring in outline.rings:
        points = (ring + 0.5 - (box[0], box[1])) * np.array(spacing_mm[:2])
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points[:-1]) + "Z")
    return "".join(parts)


def _drawn(plane_hu: np.ndarray, spacing_mm: Sequence[float]) -> Image.Image:
    from PIL import Image

    low, high = WINDOW_HU
    grey = np.clip((plane_hu.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
    width_mm, height_mm = plane_hu.shape[1] * spacing_mm[0], plane_hu.shape[0] * spacing_mm[1]
    # Small slices are drawn larger, that a browser's smoothing is no coarser than their voxels.
    pixel_mm = max(max(width_mm, height_mm) / MOST_PIXELS, min(spacing_mm[:2]) / 2)
    size = (max(1, round(width_mm / pixel_mm)), max(1, round(height_mm / pixel_mm)))
    return Image.fromarray((grey + 0.5).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _triple(values: np.ndarray) -> tuple[int, int, int]:
    x, y, z = (int(value) for value in values)
    return x, y, z


def _extent(mask: sitk.Image) -> tuple[np.ndarray, np.ndarray] | None:
    """Give the first voxel (x, y, z) and the one after the last of a mask; None where it is empty."""
    inside = sitk.GetArrayViewFromImage(mask) != 0
    if not inside.any():
        return None
    index, size = bounding_box(inside)
    return np.array(index), np.array(index) + np.array(size)


def _on(
    image: sitk.Image, extent: tuple[np.ndarray, np.ndarray] | None, grid: sitk.Image
) -> tuple[np.ndarray, np.ndarray] | None:
    """Carry a box from one grid to another, as the box about its corners."""
    if extent is None:
        return None
    corners = [
        grid.TransformPhysicalPointToContinuousIndex(
            image.TransformContinuousIndexToPhysicalPoint(
                [float(extent[i][axis]) - 0.5 for axis, i in enumerate(at)]
            )
        )
        for at in np.ndindex(2, 2, 2)
    ]
    return (
        np.floor(np.min(corners, axis=0) + 0.5).astype(int),
        np.ceil(np.max(corners, axis=0) + 0.5).astype(int),
    )
