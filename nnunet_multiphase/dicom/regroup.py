"""Step 1d: put together what missing or odd UIDs tear apart, and tell copies of an image from images of one UID."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnunet_multiphase.dicom.decode import read_file, stored_values
from nnunet_multiphase.dicom.geometry import MIN_SLICES
from nnunet_multiphase.dicom.header import Slice

_STAND_IN = "none-"


@dataclass(frozen=True)
class Found:
    """An image and where its UIDs put it."""

    patient_id: str
    study: str
    series: str
    part: Slice
    told: str = ""  # why it is where it is, if not for its UIDs


def stand_in(*values: object) -> str:
    """Make what stands for a missing UID; it tells nothing and is the same in every run."""
    text = "\n".join(str(value) for value in values)
    return f"{_STAND_IN}{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def is_stand_in(uid: str) -> bool:
    """Say whether a UID is one that `stand_in` made."""
    return uid.startswith(_STAND_IN)


def regroup(images: Iterable[Found]) -> list[Found]:
    """Put images into the studies and series they belong to, where their UIDs do not.

    - Images without SeriesInstanceUID: those alike in number, description, frame of reference and geometry.
    - Studies of one image each, of one patient (or series) and day: one study.
    - Series of a few images each that are alike and at different positions: one series.

    Args:
        images: Of the whole tree.

    Returns:
        The same images in the same order; those that were moved say why.
    """
    found = list(images)
    found = _join(found, _single_studies(found), lambda image: image.study)
    found = [image if image.series else _without_series(image) for image in found]
    return _join(found, _pieces(found), lambda image: image.series)


def without_copies(parts: Sequence[Slice]) -> tuple[list[Slice], int]:
    """Leave out the copies of an image: same UID, same place, same pixels.

    Args:
        parts: Of one series, in order.

    Returns:
        The images without their copies, and how many share a UID with another image without being its copy.
    """
    by_uid: dict[Hashable, list[Slice]] = defaultdict(list)
    for part in parts:
        by_uid[(part.uid, part.frame) if part.uid else part.path].append(part)
    kept: set[int] = set()
    shared = 0
    for alike in by_uid.values():
        unique: list[Slice] = []
        for part in alike:
            for k, other in enumerate(unique):
                if (best := _better_copy(other, part)) is not None:
                    unique[k] = best
                    break
            else:
                unique.append(part)
        kept |= {id(part) for part in unique}
        shared += len(unique) if len(unique) > 1 else 0
    return [part for part in parts if id(part) in kept], shared


def without_twins(parts: Sequence[Slice]) -> list[Slice]:
    """Leave out images with the place, times, numbers of acquisition and pixels of another, whatever their UIDs."""
    said = ("acquisition", "acquired_s", "content_s", "description", "series_number")
    by_place: dict[Hashable, list[Slice]] = defaultdict(list)
    kept = []
    for part in parts:
        place = by_place[tuple(np.round(part.position or (), 2))]
        if not any(
            all(getattr(part, name) == getattr(other, name) for name in said)
            and _better_copy(part, other) is not None
            for other in place
        ):
            place.append(part)
            kept.append(part)
    return kept


def _better_copy(part: Slice, other: Slice) -> Slice | None:
    """Choose of two copies of an image the one that is whole, else the first; None if they are no copies."""
    place = ("position", "orientation", "rows", "columns", "samples")
    if any(getattr(part, name) != getattr(other, name) for name in place):
        return None
    if (
        part.uid == other.uid != "" and part.lossy != other.lossy
    ):  # one image, delivered with and without loss
        return other if part.lossy else part
    try:
        items = [read_file(one.path) for one in (part, other)]
        if len({item.file_meta.TransferSyntaxUID for item in items}) > 1 or (part.frame, other.frame) != (
            0,
            0,
        ):
            # Compressed in different ways, or frames of a file: what comes out counts.
            planes = [stored_values(item, one.frame) for item, one in zip(items, (part, other), strict=True)]
            return part if np.array_equal(planes[0], planes[1]) else None
        first, second = (bytes(item.get("PixelData") or b"") for item in items)
    except Exception:  # a spoilt file: told when its volume is read
        return None
    if len(first) < len(second):
        return other if second.startswith(first) else None
    return part if first.startswith(second) else None


def _without_series(image: Found) -> Found:
    part = image.part
    key = stand_in(image.patient_id, image.study, part.series_number, *_likeness(part))
    return replace(
        image, series=key, told="without SeriesInstanceUID, put together by number, description and geometry"
    )


def _single_studies(found: Sequence[Found]) -> dict[tuple[str, ...], list[Found]]:
    """List images that are alone in their study, by patient and day."""
    alone = Counter((image.patient_id, image.study) for image in found)
    groups: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    series: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    for image in found:
        if alone[image.patient_id, image.study] == 1 and image.part.modality == "CT":
            part = image.part
            # Not the age: nothing but what is the same in every image of a person.
            who = (part.person.sex, part.person.birth_date, part.person.issuer)
            key = ("study", image.patient_id, part.study_date, part.accession, *who)
            groups[key].append(image)
            series["study", image.patient_id, image.series, "series"].append(image)
    # Who has no PatientID is known by the series alone: its UID is no other's.
    whole = {key: images for key, images in groups.items() if key[1] and len(images) >= MIN_SLICES}
    taken = {id(image) for images in whole.values() for image in images}
    return whole | {
        key: images
        for key, images in series.items()
        if key[2] and len(images) > 1 and id(images[0]) not in taken
    }


def _pieces(found: Sequence[Found]) -> dict[tuple[Any, ...], list[Found]]:
    """List images of series that hold few, where together they are one series."""
    sizes = Counter((image.patient_id, image.study, image.series) for image in found)
    groups: dict[tuple[Any, ...], list[Found]] = defaultdict(list)
    for image in found:
        part = image.part
        if sizes[image.patient_id, image.study, image.series] < MIN_SLICES and _is_slice(part):
            # Where every file has a UID of its own, its frame of reference often has one, too.
            key = ("series", image.patient_id, image.study, *_likeness(part)[1:])
            groups[key].append(image)
    pieces: dict[tuple[Any, ...], list[Found]] = {}
    for key, images in groups.items():
        numbers = {image.part.series_number for image in images}
        by_number = defaultdict(list)
        for image in images:
            # A number of its own for every image says nothing.
            own = len(numbers) == len(images) and len(images) > 1
            by_number[None if own else image.part.series_number].append(image)
        for number, same in by_number.items():
            places = {tuple(np.round(image.part.position or (), 2)) for image in same}
            if len(places) >= MIN_SLICES and len({image.series for image in same}) > 1:
                numbered = (*key, number)
                pieces[numbered] = same
    return pieces


def _join(
    found: Sequence[Found], groups: dict[tuple[Any, ...], list[Found]], uid: Callable[[Found], str]
) -> list[Found]:
    moved: dict[int, Found] = {}
    for key, images in groups.items():
        count, new = len({uid(image) for image in images}), stand_in(*key)
        for image in images:
            if key[0] == "study":
                told = f"of {count} StudyInstanceUIDs, put together by patient, day and accession number"
                moved[id(image)] = replace(image, study=new, told=told)
            else:
                told = f"of {count} SeriesInstanceUIDs, put together by number, description and geometry"
                moved[id(image)] = replace(image, series=new, told=told)
    return [moved.get(id(image), image) for image in found]


def _likeness(part: Slice) -> tuple[Hashable, ...]:
    """Give what the images of one series have in common, its number apart; the frame of reference first."""
    orientation = part.orientation and tuple(round(value, 2) + 0.0 for value in part.orientation)
    spacing = part.pixel_spacing and tuple(round(value, 3) for value in part.pixel_spacing)
    return (
        *(part.frame_of_reference, part.description, part.protocol, part.kernel, part.modality),
        *(part.image_type, part.rows, part.columns, orientation, spacing, part.samples),
    )


def _is_slice(part: Slice) -> bool:
    return (
        part.modality == "CT"
        and part.position is not None
        and part.orientation is not None
        and not part.localizer
        and not part.screen
    )
