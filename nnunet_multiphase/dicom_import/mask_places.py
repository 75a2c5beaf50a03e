"""Step 8b: find the volumes on which a mask was drawn, by the images it names or by its planes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.drawing import Drawing, Plane, fitting

SAY_WHICH = "name its series in the column series of the mask table and pass --mask-table"

_NOT_THERE = (
    "images that are not in the tree: add that series; if the mask is from before the de-identification, "
    f"{SAY_WHICH}, or let the planes decide with --masks-by-planes"
)
_OTHER_FRAME = (
    "names no image, and a frame of reference that none of the patient's series has: "
    f"{SAY_WHICH}, or let the planes decide with --masks-by-planes"
)

_OFF_IN_OTHER_FRAME = (
    "lies in another frame of reference than the images that it names, and off their slices or pixels: it seems to be "
    f"drawn on another scan; export it with the images it was drawn on, or, if its place is right, {SAY_WHICH}"
)
_DOUBTFUL_FRAME = "another frame of reference than the images that they name, on whose slices they lie"

BY_PLANES = "its planes"


@dataclass(frozen=True, eq=False)
class Places:
    """Where the frames or contours of one segment or region belong."""

    planes: Mapping[str, Sequence[Plane]] = field(default_factory=dict)  # volume key -> its own
    how: str = "its references"
    problem: str = ""  # it belongs nowhere: why, and what to do
    doubt: str = ""  # what makes the place doubtful


@dataclass(frozen=True, eq=False)
class References:
    """What a mask file as a whole names."""

    images: Mapping[str, frozenset[str]]  # SOPInstanceUID -> the series it is named with
    series: frozenset[str]  # SeriesInstanceUIDs

    def __bool__(self) -> bool:
        """Say whether it names anything."""
        return bool(self.images or self.series)


@dataclass(frozen=True, eq=False)
class Index:
    """The volumes of a tree, to be found by what masks name."""

    by_key: Mapping[str, Volume]
    by_image: Mapping[str, Sequence[Volume]]
    by_series: Mapping[str, Sequence[Volume]]

    @classmethod
    def of(cls, volumes: Iterable[Volume]) -> Index:
        """Sort volumes by all that can be named."""
        by_key: dict[str, Volume] = {}
        by_image: dict[str, list[Volume]] = {}
        by_series: dict[str, list[Volume]] = {}
        for volume in volumes:
            by_key[volume.key] = volume
            by_series.setdefault(volume.series.uid, []).append(volume)
            for uid in volume.uids - {""}:
                by_image.setdefault(uid, []).append(volume)
        return cls(by_key, by_image, by_series)

    def named(
        self, images: Iterable[str], references: References, near: Sequence[Volume]
    ) -> dict[str, Volume]:
        """Find the volumes that hold one of the images, in the series with which it was named.

        Where copies of a volume are in the tree, those of the mask's own study count.
        """
        found: dict[str, Volume] = {}
        for uid in images:
            holding = self.by_image.get(uid, ())
            series = references.images.get(uid, frozenset()) & self.by_series.keys()
            for volume in holding:
                if not series or volume.series.uid in series:
                    found[volume.key] = volume
        own = {volume.key for volume in near}
        return {key: volume for key, volume in found.items() if key in own} or found


def references_of(header: Any) -> References:
    """Read what a mask file as a whole names: series, and images together with their series."""
    series = list(header.get("ReferencedSeriesSequence") or [])
    for frame in header.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            series += study.get("RTReferencedSeriesSequence") or []
    images: dict[str, frozenset[str]] = {}
    named: set[str] = set()
    for item in series:
        uid = str(item.get("SeriesInstanceUID") or "")
        named |= {uid} - {""}
        listed = [*(item.get("ReferencedInstanceSequence") or []), *(item.get("ContourImageSequence") or [])]
        for image in listed:
            instance = str(image.get("ReferencedSOPInstanceUID") or "")
            images[instance] = images.get(instance, frozenset()) | ({uid} - {""})
    images.pop("", None)
    return References(images, frozenset(named))


def places_of(
    drawing: Drawing, references: References, near: Sequence[Volume], index: Index, by_planes: bool
) -> Places:
    """Find the volumes on which a segment or region was drawn.

    Args:
        drawing: It.
        references: Of its file.
        near: The volumes of its own study, or else of its patient.
        index: All volumes.
        by_planes: Let the planes decide also where it names images that are not in the tree.

    Returns:
        The volumes; several only where its planes name images of several.
    """
    places = _places_in_any_frame(drawing, references, near, index, by_planes)
    return _in_its_frame(places, drawing, index, by_planes)


def _in_its_frame(places: Places, drawing: Drawing, index: Index, by_planes: bool) -> Places:
    """Compare the frame of reference of a mask with that of the images to which its references lead.

    De-identification may rename one and not the other; a mask that was drawn on another scan and copied has moved.
    """
    others = [
        volume
        for key in places.planes
        if (frames := _frames(volume := index.by_key[key])) and drawing.frame_of_reference not in frames
    ]
    if not drawing.frame_of_reference or not others or places.how == BY_PLANES:
        return places
    for volume in others:
        placed = [plane for plane in places.planes[volume.key] if plane.points_mm is not None]
        if placed and volume.grid is not None and not fitting(placed, [volume.grid]):
            return Places(problem=_OFF_IN_OTHER_FRAME)
    return places if by_planes else replace(places, doubt=_DOUBTFUL_FRAME)


def _places_in_any_frame(
    drawing: Drawing, references: References, near: Sequence[Volume], index: Index, by_planes: bool
) -> Places:
    planes: dict[str, list[Plane]] = {}
    silent: list[Plane] = []
    lost = 0
    for plane in drawing.planes:
        if not plane.images:
            silent.append(plane)
            continue
        found = index.named(plane.images, references, near)
        if len(found) > 1:
            fit = _fitting([plane], found.values())
            if len(fit) != 1:
                return _several("names images of", found)
            found = fit
        lost += not found
        for key in found:
            planes.setdefault(key, []).append(plane)
    named = {index.by_key[key].series.uid for key in planes}
    if (known := references.series & index.by_series.keys()) and not named <= known:
        return Places(problem=f"names images of one series, and another series; {SAY_WHICH}")
    if planes and not lost and not silent:
        return Places(planes)
    if planes and lost:
        return Places(problem=f"names on {lost} of its {len(drawing.planes)} planes {_NOT_THERE}")
    if planes:
        return _with_silent(planes, silent, index)
    whole = index.named(references.images, references, near)
    for uid in references.series if not whole else ():
        whole.update({volume.key: volume for volume in index.by_series.get(uid, ())})
    if whole and not lost:
        if not drawing.planes or len(whole) == 1:
            return Places({next(iter(whole)): drawing.planes}) if len(whole) == 1 else Places()
        fit = _fitting(drawing.planes, whole.values())
        if len(fit) == 1:
            return Places({next(iter(fit)): drawing.planes}, "its references and planes")
        return _several("fits the planes of", fit) if fit else _several("names", whole)
    if not drawing.planes:
        return Places()
    if not near:
        return Places(problem=f"is of a patient whose images are not in the tree: add them, or {SAY_WHICH}")
    if (lost or references) and not by_planes:
        keys = ", ".join(sorted(_fitting(drawing.planes, near))) or "no series"
        return Places(problem=f"names {_NOT_THERE}; its planes fit {keys}")
    same = [volume for volume in near if drawing.frame_of_reference in _frames(volume)]
    if drawing.frame_of_reference and not same and not by_planes:
        return Places(problem=_OTHER_FRAME)
    return _by_planes(drawing, same or near)


def _by_planes(drawing: Drawing, near: Sequence[Volume]) -> Places:
    fit = _fitting(drawing.planes, near)
    if len(fit) == 1:
        return Places({next(iter(fit)): drawing.planes}, BY_PLANES)
    if fit:
        return _several("fits the planes of", fit)
    return Places(
        problem=f"fits the planes of none of the patient's series: add the series it was drawn on, or {SAY_WHICH}"
    )


def _with_silent(planes: dict[str, list[Plane]], silent: Sequence[Plane], index: Index) -> Places:
    """Give planes that name nothing to the one volume, of those the others name, that they fit."""
    for plane in silent:
        fit = _fitting([plane], [index.by_key[key] for key in planes])
        if len(fit) != 1:
            return Places(
                problem=f"has {len(silent)} plane(s) that name no image and fit none of the others' series; {SAY_WHICH}"
            )
        planes[next(iter(fit))].append(plane)
    return Places({key: sorted(own, key=lambda plane: plane.index) for key, own in planes.items()})


def _fitting(planes: Sequence[Plane], volumes: Iterable[Volume]) -> dict[str, Volume]:
    usable = {id(volume.grid): volume for volume in volumes if volume.grid is not None}
    grids = fitting(planes, [volume.grid for volume in usable.values() if volume.grid is not None])
    return {usable[id(grid)].key: usable[id(grid)] for grid in grids}


def _several(how: str, volumes: Mapping[str, Volume]) -> Places:
    return Places(problem=f"{how} several series ({', '.join(sorted(volumes))}): {SAY_WHICH}")


def _frames(volume: Volume) -> set[str]:
    return {part.frame_of_reference for part in volume.slices} - {""}
