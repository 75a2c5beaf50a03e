"""Read one mask that lies on its phase's grid, or say in a sentence why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.orientation import stored_grid, turned
from nnunet_multiphase.volumes.segment_file import (
    Segment,
    choose_segments,
    crop_offset,
    draw_segments,
    list_segments,
    place_on_grid,
    unlisted_values,
)
from nnunet_multiphase.volumes.volume_file import read_information, read_unchecked, read_volume
from registration.volume import corner_distances_mm, grid_limit_mm, image_like

LABEL_TOLERANCE = 1e-3
"""How far a label stored as a floating-point number may lie from a whole one: casts and scale slopes do far less."""
MOST_CLASSES = 6
"""More labels in one file are an image, or lesions with a number each."""
MOST_LESIONS = 50


class GridError(InputError):
    """Say that a mask lies on another grid than the volume it is for."""


@dataclass(frozen=True)
class MaskFiles:
    """Say where a mask is: in one file or in several on one grid, such as one a lesion."""

    paths: tuple[Path, ...]
    values: tuple[int, ...] | None = (1,)  # the labels that are the mask; None: all but 0
    others: tuple[int, ...] = ()  # further labels that may occur
    organ: str = field(default="", compare=False)  # lesions or liver, for messages
    preset: str = field(
        default="", compare=False
    )  # that knows the labels, so that no option names them; the same
    without: str = field(default="", compare=False)
    """What helps where no option says what labels mean and the file may as well be taken away; empty: options do."""

    def __str__(self) -> str:
        """Name the files, for a message."""
        return ", ".join(str(path) for path in self.paths)

    @property
    def names(self) -> str:
        """Name the files without their folders."""
        return ", ".join(path.name for path in self.paths)


def read_mask(files: MaskFiles, grid: sitk.Image, grid_name: str) -> sitk.Image:
    """Read a mask that lies on the grid of its phase, in whatever axis order; several files are united.

    Args:
        files: Where it is, and which labels count.
        grid: The volume the mask was drawn on.
        grid_name: What to call that volume in a message.

    Returns:
        The mask as uint8, 0 and 1, with `grid`'s exact geometry.

    Raises:
        InputError: As `read_volume`; another geometry than `grid`'s (a GridError); unexpected labels.
    """
    mask = np.zeros(grid.GetSize()[::-1], bool)
    for path in files.paths:
        mask |= _read_labels(path, files, grid, grid_name)
    return image_like(mask.astype(np.uint8), grid)


def _read_labels(path: Path, files: MaskFiles, grid: sitk.Image, grid_name: str) -> np.ndarray:
    """Read one of a mask's files; (z, y, x) bool."""
    segments = _segments_of(path)
    if segments:
        return sitk.GetArrayFromImage(_read_segments(path, segments, files, grid, grid_name)).astype(bool)
    if path.name.lower().endswith(".seg.nrrd"):
        image = _read_crop(
            path, grid, grid_name
        )  # other programs keep Slicer's name and crop, not its segments
    else:
        image = turned(read_volume(path, drawing=True), stored_grid(grid).axes)
        difference = grid_difference(image, grid)
        if difference:
            raise _other_geometry(path, grid_name, difference)
    values = _whole_labels(path, sitk.GetArrayViewFromImage(image))
    if files.values is None:
        if values.min() < 0:
            raise InputError(
                f"{path} is not a mask: expected 0 and above, found {values.min():g}; write it as 0/1"
            )
        return np.asarray(values != 0)
    expected = tuple(sorted({0, *files.values, *files.others}))
    found = np.unique(values)
    if not np.isin(found, expected).all():
        raise InputError(_other_labels(path, files, expected, found))
    return np.isin(values, files.values)


def _other_geometry(path: Path, grid_name: str, difference: str) -> GridError:
    return GridError(
        f"{path} has another geometry than {grid_name}: {difference}; draw or resample the mask on that phase's grid"
    )


def _whole_labels(path: Path, values: np.ndarray) -> np.ndarray:
    """Take labels stored as floating-point numbers for the whole numbers they nearly are; refuse others."""
    if not np.issubdtype(values.dtype, np.floating):
        return values
    whole = np.rint(values)
    if float(np.abs(values - whole).max()) <= LABEL_TOLERANCE:
        return whole
    shown = ", ".join(f"{v:.6g}" for v in np.unique(values[values != whole])[:3])
    raise InputError(
        f"{path} is not a mask: expected whole numbers, found {shown}, ... ({values.min():g} to {values.max():g}), as "
        "of probabilities or of a mask resampled with interpolation; cut it at 0.5 and write it as 0/1"
    )


def _other_labels(path: Path, files: MaskFiles, expected: tuple[int, ...], found: np.ndarray) -> str:
    """Say that labels are not those expected, and which option takes them."""
    shown = ", ".join(f"{v:.9g}" for v in found[:6]) + (", ..." if len(found) > 6 else "")
    allowed = (" and " if len(expected) == 2 else ", ").join(map(str, expected))
    wanted = "/".join(map(str, expected))
    if files.without:
        mend = f"write it as {wanted}"
    elif files.preset:
        mend = (
            f"write it as {wanted}, or leave --preset {files.preset} out and name files and labels with --pattern, "
            "--lesion-labels, --liver-labels and --other-labels"
        )
    else:
        mend = _mend_labels(files.organ, [int(v) for v in found if v], wanted)
    return f"{path} is not a mask: expected only the values {allowed}, found {shown}; {mend}"


def _mend_labels(organ: str, found: list[int], wanted: str) -> str:
    """Say what to do about labels that are not expected; where they may mean several things, what each asks for.

    Args:
        organ: `MaskFiles.organ`.
        found: The labels in the file but 0, in order.
        wanted: The expected ones, such as "0/1".
    """
    option = "--liver-labels" if organ == "liver" else "--lesion-labels"
    if found[0] < 0:
        return f"write it as {wanted}: no option takes labels below 0"
    if len(found) == 1:
        return f"write it as {wanted}, or pass {option} {found[0]} if all of them are so"
    all_of_them = f"{option} {' '.join(map(str, found))}"
    numbered = organ != "liver" and found == list(range(1, len(found) + 1))
    if len(found) > MOST_CLASSES:
        if not numbered or len(found) > MOST_LESIONS:
            return f"these are no labels but perhaps an image; write it as {wanted}"
        return f"if they number the lesions, write all of them as 1, or pass {all_of_them}; else write it as {wanted}"
    if organ == "liver":
        return (
            f"say which of them are the liver with {option} (lesions are a part of it, such as {option} 1 2 where 2 is "
            "lesion), and name what is neither with --other-labels"
        )
    return (
        f"say what they are: if each is a lesion of its own, pass {all_of_them}; else name the lesions' alone with {option} "
        "(one file may hold both, as --lesion-labels 2 --liver-labels 1 2), and what is neither with --other-labels"
    )


def _segments_of(path: Path) -> list[Segment]:
    """List the segments of a file that Slicer wrote; none of any other file."""
    if not path.name.lower().endswith((".nrrd", ".nhdr")) or not path.is_file():
        return []
    return list_segments(read_information(path))


def _read_segments(
    path: Path, segments: list[Segment], files: MaskFiles, grid: sitk.Image, grid_name: str
) -> sitk.Image:
    """Read a mask that Slicer wrote, and put it where it was cropped from."""
    chosen, unclear = choose_segments(segments, files.values, files.organ, options=not files.without)
    if unclear:
        raise InputError(f"{path} {unclear}")
    image = read_unchecked(path)
    if strange := unlisted_values(image, segments):
        shown = ", ".join(f"{value:g}" for value in strange[:6])
        raise InputError(
            f"{path} holds the value(s) {shown}, which none of the segments that its header lists has "
            f"({', '.join(map(str, segments))}): export it again, or write it as .nii.gz with the values that are meant"
        )
    return _put_on_grid(path, draw_segments(image, chosen), crop_offset(image), grid, grid_name)


def _read_crop(path: Path, grid: sitk.Image, grid_name: str) -> sitk.Image:
    """Read a segmentation without named segments, its own labels, and put it where it was cropped from."""
    image = read_unchecked(path)
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{path} holds several layers and no names of segments: expected one layer of labels; export one segment alone"
        )
    return _put_on_grid(path, image, crop_offset(image), grid, grid_name)


def _put_on_grid(
    path: Path, drawn: sitk.Image, offset: tuple[int, ...] | None, grid: sitk.Image, grid_name: str
) -> sitk.Image:
    """Put a mask that may be cropped on the grid it was drawn on."""
    # The crop's first voxel is counted along the axes of the volume drawn on, which are the file's own.
    there = turned(grid, stored_grid(drawn).axes)
    difference = grid_difference(drawn, there)
    placed = place_on_grid(drawn, there, offset) if difference else drawn
    if placed is None:
        raise _other_geometry(path, grid_name, f"{difference}, and its voxels are none of that phase's")
    return turned(placed, stored_grid(grid).axes)


def grid_difference(image: sitk.Image, grid: sitk.Image) -> str:
    """Say how two grids differ; the empty text if they are the same.

    The corners decide: one voxel is one voxel wherever origin, spacing or direction put it wrong.
    """
    if image.GetSize() != grid.GetSize():
        expected, found = (" x ".join(map(str, one.GetSize())) for one in (grid, image))
        return f"expected {expected} voxels, found {found}"
    away = max(corner_distances_mm(image, grid).values())
    if away <= grid_limit_mm(grid):
        return ""
    for what, mine, theirs in (
        ("spacing", image.GetSpacing(), grid.GetSpacing()),
        ("direction", image.GetDirection(), grid.GetDirection()),
        ("origin", image.GetOrigin(), grid.GetOrigin()),
    ):
        if not np.allclose(mine, theirs, rtol=1e-4, atol=1e-4):
            expected, found = (" ".join(f"{v:.4g}" for v in values) for values in (theirs, mine))
            return f"expected {what} {expected}, found {found} (up to {away:.1f} mm apart)"
    return f"its voxels lie up to {away:.2f} mm apart from that phase's"
