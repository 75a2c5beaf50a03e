"""Step 8: find out which masks lie on which volume, and read them onto its grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunet_multiphase.dicom.rtstruct import fill_contours, regions
from nnunet_multiphase.dicom.scan import MaskFile, read_header
from nnunet_multiphase.dicom.segmentation import read_segment, segments
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.errors import InputError


@dataclass(frozen=True)
class Layer:
    """One segment or region of interest on one volume."""

    kind: str  # lesions or liver
    file: MaskFile
    number: int  # in its file
    volume_key: str


@dataclass(frozen=True)
class Drawing:
    """What a mask file says of one segment or region: what it is, and on which images it was drawn."""

    number: int
    kind: str | None
    images: frozenset[str]  # SOPInstanceUIDs that its frames or contours name


def find_layers(
    files: Iterable[MaskFile], volumes: Sequence[Volume], cases: Mapping[tuple[str, str], str]
) -> tuple[list[Layer], list[str]]:
    """Match masks and volumes by the images the masks were drawn on.

    Args:
        files: SEG and RTSTRUCT files.
        volumes: All volumes of the tree.
        cases: (PatientID, StudyInstanceUID) -> case, for messages.

    Returns:
        The layers, and what could not be matched, one sentence each. Segments that are neither lesion nor liver
        are passed over; a file without any that counts is told.
    """
    layers: list[Layer] = []
    problems: list[str] = []
    by_image = {uid: volume for volume in volumes for uid in volume.uids if uid}
    by_series: dict[str, list[Volume]] = {}
    for volume in volumes:
        by_series.setdefault(volume.series.uid, []).append(volume)
    for file in files:
        case = cases.get((file.patient_id, file.study))
        what = (
            f"case {case}: a {file.modality} file" if case else f"a {file.modality} file of an unknown study"
        )
        try:
            header = read_header(file.path)
            drawings = segments(header) if file.modality == "SEG" else regions(header)
            fallback = _volumes_of_file(header, by_image, by_series)
        except Exception:  # whatever a broken file makes the parser trip over
            problems.append(f"{what} cannot be read: no mask is taken from it; export it again")
            continue
        wanted = [Drawing(*drawing) for drawing in drawings if drawing[1]]
        if not wanted:
            problems.append(
                f"{what} has no segment whose label says lesion or liver: no mask is taken from it"
            )
        lost, unclear = 0, 0
        for drawing in wanted:
            found = {by_image[uid].key: by_image[uid] for uid in drawing.images if uid in by_image}
            if not found and not drawing.images:
                found = fallback
                if len(found) > 1:
                    unclear += 1
                    continue
            lost += not found
            layers += [Layer(drawing.kind or "", file, drawing.number, key) for key in sorted(found)]
        if lost:
            problems.append(
                f"{what} has {lost} lesion or liver mask(s) drawn on images that are not in the tree; "
                "add that series"
            )
        if unclear:
            problems.append(
                f"{what} has {unclear} lesion or liver mask(s) that do not say on which of several volumes they were drawn; "
                "export them with their source images"
            )
    return layers, problems


def mask_kinds(layers: Iterable[Layer]) -> dict[str, set[str]]:
    """List which kinds of mask lie on which volume."""
    kinds: dict[str, set[str]] = {}
    for layer in layers:
        kinds.setdefault(layer.volume_key, set()).add(layer.kind)
    return kinds


def read_masks(layers: Iterable[Layer], volume: Volume, name: str) -> dict[str, np.ndarray]:
    """Read the masks of one volume; several of a kind are united.

    Args:
        layers: Those on this volume.
        volume: One that is used.
        name: What to call it in a message.

    Returns:
        Kind -> (z, y, x) bool on the volume's grid.

    Raises:
        InputError: A mask cannot be read, or lies on another grid.
    """
    assert volume.grid is not None
    masks: dict[str, np.ndarray] = {}
    for layer in layers:
        read = read_segment if layer.file.modality == "SEG" else fill_contours
        try:
            mask = read(layer.file.path, layer.number, volume.grid)
        except InputError as error:
            raise InputError(f"{name}: a {layer.kind} mask ({layer.file.modality}) {error}") from error
        except Exception as error:
            # The libraries' own words may quote the file, and with it the patient.
            raise InputError(
                f"{name}: a {layer.kind} mask ({layer.file.modality}) cannot be read ({type(error).__name__}); "
                "export it again"
            ) from error
        masks[layer.kind] = masks.get(layer.kind, False) | mask
    return masks


def _volumes_of_file(
    header: Any, by_image: Mapping[str, Volume], by_series: Mapping[str, list[Volume]]
) -> dict[str, Volume]:
    """Find the volumes that a mask file as a whole refers to."""
    series = list(header.get("ReferencedSeriesSequence") or [])
    for frame in header.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            series += study.get("RTReferencedSeriesSequence") or []
    found: dict[str, Volume] = {}
    for item in series:
        images = [*(item.get("ReferencedInstanceSequence") or []), *(item.get("ContourImageSequence") or [])]
        uids = [str(image.get("ReferencedSOPInstanceUID")) for image in images]
        named = [by_image[uid] for uid in uids if uid in by_image]
        for volume in named or by_series.get(str(item.get("SeriesInstanceUID")), []):
            found[volume.key] = volume
    return found
