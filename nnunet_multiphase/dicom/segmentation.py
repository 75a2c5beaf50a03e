"""Step 8a: read one segment of a DICOM SEG onto the grid of the volume it was drawn on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.dicom.labels import mask_kind
from nnunet_multiphase.dicom.pixels import as_image
from nnunet_multiphase.errors import InputError

_SAME_PLACE_MM = 0.05


def segments(header: Any) -> list[tuple[int, str | None, frozenset[str]]]:
    """List the segments of a SEG header.

    Returns:
        (number, kind or None, SOPInstanceUIDs of the source images its frames name).
    """
    images: dict[int | None, set[str]] = {}
    for frame in header.get("PerFrameFunctionalGroupsSequence") or []:
        # A label map's frames show all segments and name none.
        identified = frame.get("SegmentIdentificationSequence")
        number = int(identified[0].ReferencedSegmentNumber) if identified else None
        images.setdefault(number, set()).update(_sources(frame))
    found = []
    for segment in header.get("SegmentSequence") or []:
        number = int(segment.SegmentNumber)
        kind = mask_kind(str(segment.get("SegmentLabel") or ""))
        for code in (segment.get("SegmentedPropertyTypeCodeSequence") or []) if kind is None else []:
            kind = mask_kind(str(code.get("CodeMeaning") or ""))
        found.append((number, kind, frozenset(images.get(number, set()) | images.get(None, set()))))
    return found


def read_segment(path: Path, number: int, grid: Grid) -> np.ndarray:
    """Read a segment; frames that were drawn on other images than the grid's are passed over.

    Args:
        path: A SEG file.
        number: Segment number.
        grid: Of the volume it was drawn on.

    Returns:
        (z, y, x) bool. A fractional segment counts from 0.5.

    Raises:
        InputError: The segment is neither on the volume's slices nor does it make a volume of its own.
    """
    seg = hd.seg.segread(path)
    sources = {uid for frame in seg.PerFrameFunctionalGroupsSequence for uid in _sources(frame)}
    if sources and _same_planes(seg, grid):
        named = [part.uid in sources for part in grid.slices]
        pixels = seg.get_pixels_by_source_instance(
            [part.uid for part, here in zip(grid.slices, named, strict=True) if here],
            segment_numbers=[number],
            ignore_spatial_locations=True,  # compared above
            assert_missing_frames_are_empty=True,
            skip_overlap_checks=True,
        )
        mask = np.zeros((len(grid.slices), grid.slices[0].rows, grid.slices[0].columns), bool)
        mask[np.array(named)] = pixels[..., 0] >= 0.5
        return mask
    if sources - {part.uid for part in grid.slices}:
        raise InputError(
            "lies on other planes than the images it names, and on images of several volumes; "
            "draw it on one volume's own slices"
        )
    try:
        volume = seg.get_volume(segment_numbers=[number], skip_overlap_checks=True)
    except Exception as error:
        raise InputError("has frames that make no volume; export it on the images' own slices") from error
    return _resample(volume, grid)


def _same_planes(seg: Any, grid: Grid) -> bool:
    """Say whether every frame drawn on a slice of the grid lies on that slice, pixel on pixel."""
    slices = {part.uid: part for part in grid.slices}
    shared = seg.SharedFunctionalGroupsSequence[0]
    first = grid.slices[0]
    if (seg.Rows, seg.Columns) != (first.rows, first.columns):
        return False
    for frame in seg.PerFrameFunctionalGroupsSequence:
        here = [slices[uid] for uid in _sources(frame) if uid in slices]
        if not here:
            continue
        orientation = _group(frame, shared, "PlaneOrientationSequence").ImageOrientationPatient
        position = _group(frame, shared, "PlanePositionSequence").ImagePositionPatient
        spacing = _group(frame, shared, "PixelMeasuresSequence").PixelSpacing
        if len(here) > 1 or not (
            np.allclose(orientation, first.orientation or (), atol=1e-3)
            and np.allclose(position, here[0].position or (), atol=_SAME_PLACE_MM)
            and np.allclose(spacing, first.pixel_spacing or (), rtol=1e-3)
        ):
            return False
    return True


def _resample(volume: Any, grid: Grid) -> np.ndarray:
    """Bring a segment with a grid of its own (flipped, cropped) to the volume's, by nearest neighbour."""
    array = np.asarray(volume.array)
    while array.ndim > 3:
        array = array[..., 0]
    affine = np.asarray(volume.affine)  # array index (slice, row, column) -> LPS mm
    steps = affine[:3, :3]
    spacing = np.linalg.norm(steps, axis=0)
    unit = steps / spacing
    if np.linalg.det(unit[:, ::-1]) < 0:  # ITK wants a right-handed frame: turn the slices round
        array = array[::-1]
        affine = affine.copy()
        affine[:3, 3] += steps[:, 0] * (array.shape[0] - 1)
        unit[:, 0] = -unit[:, 0]
    image = sitk.GetImageFromArray((array >= 0.5).astype(np.uint8))
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetSpacing(spacing[::-1].tolist())
    image.SetDirection(unit[:, ::-1].ravel().tolist())
    first = grid.slices[0]
    target = as_image(np.zeros((len(grid.slices), first.rows, first.columns), np.uint8), grid)
    return (
        sitk.GetArrayFromImage(sitk.Resample(image, target, sitk.Transform(), sitk.sitkNearestNeighbor)) > 0
    )


def _sources(frame: Any) -> list[str]:
    return [
        str(image.ReferencedSOPInstanceUID)
        for derivation in frame.get("DerivationImageSequence") or []
        for image in derivation.get("SourceImageSequence") or []
    ]


def _group(frame: Any, shared: Any, name: str) -> Any:
    return (frame.get(name) or shared.get(name))[0]
