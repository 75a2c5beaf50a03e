"""Step 2a: sort a series' images by what can lie in one volume at all, so that a stray one costs only itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnunet_multiphase.dicom.geometry import ORIENTATION_TOLERANCE, lay_out
from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.split import count_positions

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
UNPLACED = "unplaced"
_SPACING_TOLERANCE = 1e-3
_FORMS = ("slices of different size", "slices of different pixel spacing")


@dataclass(frozen=True)
class Sort:
    """Images of one kind, size and orientation."""

    slices: tuple[Slice, ...]
    kind: str  # what they are; empty: CT images with a place


def sort_images(slices: Sequence[Slice]) -> list[Sort]:
    """Sort images that cannot be of one volume.

    Args:
        slices: Of one series.

    Returns:
        The CT images first, of these the most numerous first. Images of another size in a hole of the others' grid stay with
        them: there the hole is the lesser evil to be told.
    """
    sorts: list[list[Slice]] = []
    for part in slices:
        for group in sorts:
            if _alike(group[0], part):
                group.append(part)
                break
        else:
            sorts.append([part])
    sorts.sort(key=lambda group: (image_kind(group[0]) != "", -len(group)))
    main, rest = sorts[0], sorts[1:]
    if not image_kind(main[0]):
        for group in list(rest):
            if not image_kind(group[0]) and _differs(main[0], group[0]) in _IN_FORM and _fills(main, group):
                main.extend(group)
                rest.remove(group)
    return [Sort(tuple(group), image_kind(group[0])) for group in (main, *rest)]


def image_kind(part: Slice) -> str:
    """Say what an image is, if it is no CT image with a place."""
    if part.modality != "CT":
        return "not CT"
    if part.localizer:
        return "localizer"
    if part.screen or f"{part.sop_class}.".startswith(f"{SECONDARY_CAPTURE}."):
        return "secondary capture"
    if part.samples != 1 or part.photometric not in ("", "MONOCHROME1", "MONOCHROME2"):
        return "colour"
    if part.position is None or part.orientation is None or part.pixel_spacing is None:
        return UNPLACED
    return ""


def strays_note(sorts: Sequence[Sort], main: Slice) -> list[str]:
    """Count the images left out, kind by kind."""
    counts: dict[str, int] = {}
    for sort in sorts:
        name = sort.kind or _differs(main, sort.slices[0])
        counts[name] = counts.get(name, 0) + len(sort.slices)
    return [f"{count} {_WORDS.get(name, name)} left out" for name, count in counts.items()]


_IN_FORM = ("size", "spacing")
_WORDS = {
    "not CT": "image(s) that are not CT",
    "localizer": "localizer image(s)",
    "secondary capture": "screen or secondary-capture image(s)",
    "colour": "image(s) in colour",
    UNPLACED: "image(s) without position, orientation or pixel spacing",
    "size": "image(s) of another size (rows x columns)",
    "spacing": "image(s) of another pixel spacing",
    "orientation": "image(s) of another orientation",
    "photometric": "image(s) of another photometric interpretation",
    "frames": "multi-frame image(s)",
}


def _alike(a: Slice, b: Slice) -> bool:
    if image_kind(a) != image_kind(b):
        return False
    return bool(image_kind(a)) or not _differs(a, b)


def _differs(a: Slice, b: Slice) -> str:
    """Name the first thing in which two CT images cannot be of one volume."""
    if (a.frames > 1) != (b.frames > 1):
        return "frames"
    if a.photometric != b.photometric:
        return "photometric"
    if np.abs(np.subtract(a.orientation or 0, b.orientation or 0)).max() > ORIENTATION_TOLERANCE:
        return "orientation"
    if (a.rows, a.columns) != (b.rows, b.columns):
        return "size"
    spacings = np.array([a.pixel_spacing or (0, 0), b.pixel_spacing or (0, 0)])
    if np.abs(spacings[0] - spacings[1]).max() > _SPACING_TOLERANCE * spacings[0].min():
        return "spacing"
    return ""


def _fills(main: Sequence[Slice], group: Sequence[Slice]) -> bool:
    """Say whether a group too small for a volume lies where the others lack a slice."""
    if lay_out(main)[0] is not None or count_positions(group) > 0.5 * len(main):
        return False
    problems = lay_out([*main, *group])[1]
    return all(problem.startswith(_FORMS) for problem in problems)
