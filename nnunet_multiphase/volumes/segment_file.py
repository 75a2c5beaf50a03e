"""Read what 3D Slicer writes of a segmentation (.seg.nrrd): named segments, in layers, cropped to what is drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.volumes.lattice import first_voxel, put_on_grid
from nnunet_multiphase.words.labels import mask_kind
from registration.volume import image_like


@dataclass(frozen=True)
class Segment:
    """Name one segment of a file, its value, and the layer it lies in (segments that overlap need several)."""

    name: str
    value: int
    layer: int = 0

    def __str__(self) -> str:
        """Show value and name, for a message."""
        return f"{self.value} {self.name}".strip()


def list_segments(metadata: sitk.ImageFileReader | sitk.Image) -> list[Segment]:
    """List the segments that a file's header names; none where it was not written by Slicer's segment editor."""
    keys = set(metadata.GetMetaDataKeys())
    numbers = sorted(
        int(match[1]) for key in keys if (match := re.fullmatch(r"Segment(\d+)_LabelValue", key)) is not None
    )

    def text(number: int, what: str, default: str) -> str:
        key = f"Segment{number}_{what}"
        return metadata.GetMetaData(key).strip() if key in keys else default

    return [
        Segment(text(n, "Name", ""), int(text(n, "LabelValue", "1")), int(text(n, "Layer", "0")))
        for n in numbers
    ]


def choose_segments(
    segments: Sequence[Segment], values: Sequence[int] | None, organ: str, *, options: bool = True
) -> tuple[list[Segment], str]:
    """Choose the segments that a mask means.

    Args:
        segments: Of the file, at least one.
        values: The labels that the user gave, or (1,), which is what is expected where nobody said anything; None: all.
        organ: What the mask is of: lesions or liver; empty: unknown.
        options: Whether the user can say by an option which is meant.

    Returns:
        The chosen ones, and a clause that says why there is no clear choice, else empty.
    """
    named = ", ".join(map(str, segments))
    option = f"--{'liver' if organ == 'liver' else 'lesion'}-labels"
    chosen = list(segments) if values is None else [s for s in segments if s.value in values]
    if len(segments) == 1:
        chosen = list(segments)
    elif values == (1,):
        chosen = _named_alone(segments, organ)
        distinct = len({segment.value for segment in segments}) == len(segments)
        if not chosen:
            how = (
                f"say which of them with {option} (1 by itself counts as not said), or "
                if options and distinct
                else ""
            )
            return [], f"holds the segments {named}: expected one; {how}export one alone"
        return chosen, ""
    if len({segment.value for segment in chosen}) < len(chosen) and values is not None:
        return [], f"holds the segments {named}, some under one number in several layers: export one alone"
    if not chosen:
        return (
            [],
            f"holds the segments {named}: expected {' and '.join(map(str, values or ()))}; correct {option}",
        )
    other = next((s for s in chosen if organ and mask_kind(s.name) not in (None, organ, "lesions")), None)
    if other is not None and organ == "lesions":
        return [], f"holds the segment {other} where lesions are expected; give the file of the lesions"
    if organ == "liver" and len(chosen) == 1 and mask_kind(chosen[0].name) == "lesions":
        return [], f"holds the segment {chosen[0]} where the liver is expected; give the file of the liver"
    return chosen, ""


def _named_alone(segments: Sequence[Segment], organ: str) -> list[Segment]:
    """Choose by name where nobody said which: all 1, as is expected unasked, and nothing beside but the other organ."""
    kinds = [mask_kind(segment.name) for segment in segments]
    chosen = [segment for segment, kind in zip(segments, kinds, strict=True) if organ and kind == organ]
    return chosen if None not in kinds and {segment.value for segment in chosen} == {1} else []


def unlisted_values(image: sitk.Image, segments: Sequence[Segment]) -> list[int]:
    """List the values of voxels that no segment has in their layer: of a header that was put before other voxels."""
    values = sitk.GetArrayViewFromImage(image)
    layers = values.shape[-1] if image.GetNumberOfComponentsPerPixel() > 1 else 1
    strange: set[int] = set()
    for layer in range(layers):
        there = np.unique(values[..., layer] if layers > 1 else values)
        # One layer is that of all segments, whatever number they give it.
        strange.update(
            set(there.tolist()) - {0} - {s.value for s in segments if layers == 1 or s.layer == layer}
        )
    return sorted(strange)


def draw_segments(image: sitk.Image, chosen: Sequence[Segment]) -> sitk.Image:
    """Unite segments to one 0/1 mask on the file's own grid; layers are its components."""
    values = sitk.GetArrayViewFromImage(image)
    layered = image.GetNumberOfComponentsPerPixel() > 1
    mask = np.zeros(image.GetSize()[::-1], np.uint8)
    for segment in chosen:
        layer = values[..., segment.layer] if layered else values
        mask[layer == segment.value] = 1
    return image_like(mask, image)


def crop_offset(image: sitk.Image) -> tuple[int, ...] | None:
    """Give the voxel (x, y, z) of the volume drawn on at which the crop begins, as Slicer notes it; None: not noted."""
    key = "Segmentation_ReferenceImageExtentOffset"
    if key not in image.GetMetaDataKeys():
        return None
    numbers = re.findall(r"-?\d+", image.GetMetaData(key))
    return tuple(map(int, numbers)) if len(numbers) == 3 else None


def place_on_grid(
    cropped: sitk.Image, grid: sitk.Image, offset: Sequence[int] | None = None
) -> sitk.Image | None:
    """Put a cropped mask where its header says, 0 elsewhere.

    Args:
        cropped: Labels, on a part of `grid`.
        grid: The grid it was drawn on.
        offset: Where the crop is said to begin in the volume drawn on, if that is known.

    Returns:
        The mask on the whole grid; None where the cropped voxels are not voxels of the grid, or begin elsewhere, which
        means that the mask was drawn on another volume.
    """
    first = first_voxel(cropped, grid)
    if first is None or (offset is not None and first != tuple(offset)):
        return None
    size = np.array(cropped.GetSize())
    if min(first) < 0 or (first + size > grid.GetSize()).any():
        return None
    return put_on_grid(cropped, grid, first)
