"""Step 8a: read the segments of a DICOM SEG, and draw one on the slices of a volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.pixels import iter_pixels
from pydicom.uid import SurfaceSegmentationStorage

from nnunet_multiphase.dicom.geometry import Grid, heights_mm, normal
from nnunet_multiphase.dicom.multiframe import group_of, named_images
from nnunet_multiphase.dicom.pixels import as_image
from nnunet_multiphase.dicom_import.drawing import Drawing, Drawn, Plane, lattice_steps, slice_under
from nnunet_multiphase.dicom_import.mask_codes import OwnLabels, segment_reading
from nnunet_multiphase.errors import InputError


def segments(header: Any, own: OwnLabels | None = None) -> list[Drawing]:
    """List the segments of a SEG header, each with the frames that may show it.

    Raises:
        InputError: It holds no frames but surfaces, or frames of a segment that it does not list.
    """
    if str(header.get("SOPClassUID")) == SurfaceSegmentationStorage:
        raise InputError("holds surfaces, which are not read: export it as a segmentation of pixels")
    planes: dict[int | None, list[Plane]] = {}
    for index, frame in enumerate(header.get("PerFrameFunctionalGroupsSequence") or []):
        # A label map's frames show all segments and name none.
        identified = group_of(header, frame, "SegmentIdentificationSequence")
        number = int(identified.ReferencedSegmentNumber) if identified else None
        planes.setdefault(number, []).append(_plane(index, frame, header))
    listed = {int(segment.SegmentNumber) for segment in header.get("SegmentSequence") or []}
    if strange := sum(len(planes[number]) for number in planes.keys() - listed - {None}):
        raise InputError(
            f"holds {strange} frame(s) of a segment that it does not list, so that a mask may lack them: export it again"
        )
    frame_of_reference = str(header.get("FrameOfReferenceUID") or "")
    return [
        Drawing(
            number := int(segment.SegmentNumber),
            segment_reading(segment, own),
            tuple(planes.get(number, []) + planes.get(None, [])),
            frame_of_reference,
        )
        for segment in header.get("SegmentSequence") or []
    ]


def draw_segment(path: Path, number: int, planes: Sequence[Plane], grid: Grid) -> Drawn:
    """Draw a segment on a volume's slices.

    Frames whose pixels are those of a slice are laid on it, also where they are turned or cropped; a segment on other
    planes is brought over by nearest neighbour if its frames make a volume.

    Args:
        path: A SEG file.
        number: Segment number.
        planes: Those of its frames that belong to the volume.
        grid: Of the volume.

    Returns:
        The mask. A fractional segment counts from one half.

    Raises:
        InputError: The segment is neither on the volume's slices nor does it make a volume of its own, or it names
            other slices than it lies on.
    """
    item = pydicom.dcmread(path)
    first = grid.slices[0]
    mask = np.zeros((len(grid.slices), first.rows, first.columns), bool)
    total = inside = 0
    elsewhere = False
    for plane, pixels in zip(planes, _frames(item, number, planes), strict=True):
        y, x = np.nonzero(pixels)
        if not len(y):
            continue
        total += len(y)
        place = _place(plane, grid)
        if place is None:
            elsewhere = True
            break
        k, (start, along, down) = place
        at_x, at_y = (start[:, None] + np.outer(along, x) + np.outer(down, y)).astype(int)
        here = (at_x >= 0) & (at_y >= 0) & (at_x < first.columns) & (at_y < first.rows)
        mask[k, at_y[here], at_x[here]] = True
        inside += int(here.sum())
    if elsewhere:
        return _from_own_grid(path, number, planes, item, grid)
    own_ml = total * float(np.prod(grid.spacing_mm)) / 1000
    return Drawn(mask, inside / total if total else float("nan"), own_ml)


def _frames(item: Any, number: int, planes: Sequence[Plane]) -> list[np.ndarray]:
    """Decode frames to what belongs to the segment; (y, x) bool each."""
    kind = str(item.get("SegmentationType") or "BINARY")
    # Frame by frame: all frames of a SEG of a hundred organs would fill the memory.
    indices = [plane.index for plane in planes]
    decoded: Iterable[np.ndarray] = ()
    if int(item.BitsAllocated) == 1 and not item.file_meta.TransferSyntaxUID.is_compressed:
        _check_bits(item)
        decoded = (_bits(item, index) for index in indices)
    elif indices:
        decoded = iter_pixels(item, indices=indices, raw=True)
    if kind == "LABELMAP":
        return [frame == number for frame in decoded]
    if kind == "FRACTIONAL":
        most = float(item.MaximumFractionalValue)
        return [frame >= most / 2 for frame in decoded]
    return [frame > 0 for frame in decoded]


def _check_bits(item: Any) -> None:
    """Make sure that frames of single bits follow each other without a gap.

    Raises:
        InputError: There are more or fewer bits; some programs fill each frame up to a byte's end (QIICR/dcmqi#341), and
            all but the first would be read aslant.
    """
    needed = -(-int(item.NumberOfFrames) * int(item.Rows) * int(item.Columns) // 8)
    found = len(item.PixelData)
    if not needed <= found <= needed + needed % 2:
        raise InputError(
            f"holds {found} bytes of pixels where its frames need {needed}: cut off, or packed wrongly; export it again "
            "with frames of a size that eight divides"
        )


def _bits(item: Any, index: int) -> np.ndarray:
    """Unpack a frame of single bits; pydicom (3.0) fails where frames do not end at a byte's end."""
    rows, columns = int(item.Rows), int(item.Columns)
    start = index * rows * columns
    end = start + rows * columns
    packed = np.frombuffer(item.PixelData, np.uint8)[start // 8 : -(-end // 8)]
    return np.unpackbits(packed, bitorder="little")[start % 8 :][: rows * columns].reshape(rows, columns)


def _place(plane: Plane, grid: Grid) -> tuple[int, tuple[np.ndarray, np.ndarray, np.ndarray]] | None:
    """Find the slice a frame lies on, and where its pixels are there; None if they are not the slice's own."""
    named = [k for k, part in enumerate(grid.slices) if part.uid in plane.images]
    if plane.points_mm is None:
        # Without a position of its own a frame lies on the one image that it names.
        if len(named) == 1 and plane.raster == (grid.slices[named[0]].rows, grid.slices[named[0]].columns):
            return named[0], (np.array([0, 0]), np.array([1, 0]), np.array([0, 1]))
        raise InputError("has frames without a position, or of another size than the images they name")
    k = slice_under(plane, grid)
    steps = lattice_steps(plane, grid.slices[k]) if k is not None else None
    if k is None or steps is None:
        heights = heights_mm(grid.slices)[named] if named else np.zeros(0)
        height = float((plane.points_mm @ normal(grid.slices[0].orientation or ())).mean())
        if named and (off := float(np.abs(heights - height).min())) > grid.spacing_mm[2]:
            raise InputError(
                f"lies {off:.1f} mm off the slices that it names; export it again, with its positions"
            )
        return None
    if named and k not in named:
        raise InputError(
            f"names other slices than it lies on ({abs(k - named[0])} slice(s) off); export it again, "
            "with its positions"
        )
    return k, steps


def _from_own_grid(path: Path, number: int, planes: Sequence[Plane], item: Any, grid: Grid) -> Drawn:
    """Bring a segment with a grid of its own to the volume's, by nearest neighbour."""
    frames = item.PerFrameFunctionalGroupsSequence
    identified = [group_of(item, frame, "SegmentIdentificationSequence") for frame in frames]
    own = sum(one is None or int(one.ReferencedSegmentNumber) == number for one in identified)
    if own > len(planes):
        raise InputError(
            "lies on other planes than the images it names, and on images of several volumes; "
            "draw it on one volume's own slices"
        )
    try:
        volume = hd.seg.segread(path).get_volume(segment_numbers=[number], skip_overlap_checks=True)
    except Exception as error:
        raise InputError("has frames that make no volume; export it on the images' own slices") from error
    array = np.asarray(volume.array)
    while array.ndim > 3:
        array = array[..., 0]
    array = array >= 0.5
    affine = np.asarray(volume.affine)  # array index (slice, row, column) -> LPS mm
    points = np.argwhere(array) @ affine[:3, :3].T + affine[:3, 3]
    direction = np.array(grid.direction).reshape(3, 3)
    index = (points - grid.origin) @ direction / grid.spacing_mm
    size = np.array(grid.shape[::-1])
    here = ((index >= -0.5) & (index <= size - 0.5)).all(axis=1)
    own_ml = len(points) * float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    mask = _resample(array, affine, grid) if grid.size is None else _on_slices(array, affine, grid)
    note = "it has planes or pixels of its own, and was brought to the volume's by nearest neighbour"
    return Drawn(mask, float(here.mean()) if len(here) else float("nan"), own_ml, (note,))


def _resample(array: np.ndarray, affine: np.ndarray, grid: Grid) -> np.ndarray:
    steps = affine[:3, :3]
    spacing = np.linalg.norm(steps, axis=0)
    unit = steps / spacing
    if np.linalg.det(unit[:, ::-1]) < 0:  # ITK wants a right-handed frame: turn the slices round
        array = array[::-1]
        affine = affine.copy()
        affine[:3, 3] += steps[:, 0] * (array.shape[0] - 1)
        unit[:, 0] = -unit[:, 0]
    image = sitk.GetImageFromArray(array.astype(np.uint8))
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetSpacing(spacing[::-1].tolist())
    image.SetDirection(unit[:, ::-1].ravel().tolist())
    first = grid.slices[0]
    target = as_image(np.zeros((len(grid.slices), first.rows, first.columns), np.uint8), grid)
    return (
        sitk.GetArrayFromImage(sitk.Resample(image, target, sitk.Transform(), sitk.sitkNearestNeighbor)) > 0
    )


def _on_slices(array: np.ndarray, affine: np.ndarray, grid: Grid) -> np.ndarray:
    """Do the same, slice by slice, where the slices make no even grid (they are resampled afterwards)."""
    first = grid.slices[0]
    y, x = np.indices((first.rows, first.columns))
    row, column = np.array(first.orientation or (), float).reshape(2, 3)
    between_rows, between_columns = first.pixel_spacing or (1.0, 1.0)
    plane = x[..., None] * between_columns * row + y[..., None] * between_rows * column
    to_index = np.linalg.inv(affine)
    mask = np.zeros((len(grid.slices), first.rows, first.columns), bool)
    for k, part in enumerate(grid.slices):
        index = np.rint((plane + np.array(part.position)) @ to_index[:3, :3].T + to_index[:3, 3]).astype(int)
        here = ((index >= 0) & (index < array.shape)).all(axis=-1)
        mask[k][here] = array[tuple(index[here].T)]
    return mask


def _plane(index: int, frame: Any, header: Any) -> Plane:
    position, orientation, measures = (
        group_of(header, frame, name)
        for name in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    )
    rows, columns = int(header.Rows), int(header.Columns)
    points = None
    if position and orientation and measures:
        corner = np.array(position.ImagePositionPatient, float)
        row, column = np.array(orientation.ImageOrientationPatient, float).reshape(2, 3)
        between_rows, between_columns = (float(step) for step in measures.PixelSpacing)
        points = np.stack(
            [
                corner,
                corner + (columns - 1) * between_columns * row,
                corner + (rows - 1) * between_rows * column,
            ]
        )
    return Plane(index, frozenset(_sources(frame, header)), points, (rows, columns))


def _sources(frame: Any, header: Any) -> list[str]:
    """List the images of which a frame, or else all frames, say that they were made."""
    shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]
    return [
        uid
        for derivation in frame.get("DerivationImageSequence") or shared.get("DerivationImageSequence") or []
        for image in derivation.get("SourceImageSequence") or []
        for uid in named_images(image)
    ]
