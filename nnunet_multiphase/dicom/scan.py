"""Step 1: walk a tree and gather its DICOM files into series, by UID and never by folder."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

from nnunet_multiphase.dicom.files import Kind, walk
from nnunet_multiphase.dicom.multiframe import frames_of, is_multiframe
from nnunet_multiphase.dicom.regroup import Found, regroup, stand_in, without_copies
from nnunet_multiphase.errors import InputError

MASK_MODALITIES: tuple[str, ...] = ("SEG", "RTSTRUCT")

_MODALITY_OF: dict[str, str] = {
    CTImageStorage: "CT",
    EnhancedCTImageStorage: "CT",
    LegacyConvertedEnhancedCTImageStorage: "CT",
    SegmentationStorage: "SEG",
    RTStructureSetStorage: "RTSTRUCT",
}
"""For files whose Modality was removed."""

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "StudyID",
    "Modality",
    "ImageType",
    "SeriesDescription",
    "ProtocolName",
    "SeriesNumber",
    "InstanceNumber",
    "AcquisitionNumber",
    "StudyDate",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentDate",
    "ContentTime",
    "ContrastBolusAgent",
    "ContrastBolusStartTime",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "RescaleSlope",
    "RescaleIntercept",
    "BurnedInAnnotation",
    "NumberOfFrames",
    "FrameOfReferenceUID",
    "AccessionNumber",
    "ConvolutionKernel",
    "SliceThickness",
    "BodyPartExamined",
    "RescaleType",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "TemporalPositionIdentifier",
    "GantryDetectorTilt",
    "KVP",
    "IrradiationEventUID",
]


@dataclass(frozen=True)
class Slice:
    """What one image file says of itself, pixels apart."""

    path: Path
    uid: str
    instance: int
    acquisition: int | None
    acquired_s: float | None  # AcquisitionTime, seconds since year 1 (without a date: since midnight)
    content_s: float | None
    contrast_start_s: float | None  # since midnight
    position: tuple[float, float, float] | None  # mm
    orientation: tuple[float, ...] | None  # row's and column's direction
    pixel_spacing: tuple[float, float] | None  # mm, between rows and between columns
    rows: int
    columns: int
    frames: int
    has_rescale: bool
    localizer: bool
    screen: bool  # a dose page or a screen shot
    burned_in: bool
    agent: str
    # What a file says of the series and study it is in. Files of one SeriesInstanceUID may disagree, so that a volume is
    # called by what its own slices say (see volumes.py).
    modality: str = "CT"
    sop_class: str = ""
    study_date: str = ""
    accession: str = ""
    frame_of_reference: str = ""
    series_number: int | None = None
    description: str = ""
    protocol: str = ""
    body_part: str = ""
    image_type: tuple[str, ...] = ()  # in capitals
    kernel: str = ""
    thickness_mm: float | None = None
    rescale_type: str = ""  # HU, US, ...
    temporal_position: int | None = None
    tilt_degrees: float | None = None  # as the scanner says; the positions decide
    samples: int = 1  # 3: colour
    photometric: str = "MONOCHROME2"
    kvp: float | None = None
    irradiation_event: str = ""
    padding: tuple[float, ...] = ()  # stored values: PixelPaddingValue and, where it is a range, its limit
    syntax_missing: bool = False  # it has a meta header, but no TransferSyntaxUID in it
    frame: int = 0  # of a multi-frame file, counted from 0


@dataclass(frozen=True)
class Series:
    """All files of one SeriesInstanceUID within one study."""

    uid: str
    study: str
    patient_id: str
    slices: tuple[Slice, ...]
    copies: int  # files left out because the same image was there already
    notes: tuple[str, ...] = ()  # why these images count as one series, where their UIDs do not say so
    damaged: int = 0  # files of it that are cut off before their pixels begin


@dataclass(frozen=True)
class MaskFile:
    """A DICOM SEG or RTSTRUCT, not opened any further."""

    path: Path
    study: str
    patient_id: str
    modality: str


@dataclass(frozen=True)
class Tree:
    """Everything found in a tree."""

    series: tuple[Series, ...]  # in the order of their UIDs
    masks: tuple[MaskFile, ...]
    other_files: int  # plainly no DICOM, or no image (DICOMDIR)
    lost: tuple[
        str, ...
    ] = ()  # files that are, or may be, images and were not read: how many, why, what to do


def scan_tree(root: Path) -> Tree:
    """Read the headers of every DICOM file below a folder.

    Args:
        root: Folder; its structure and the files' suffixes mean nothing.

    Returns:
        The series and masks; the order of files on the disk does not matter.

    Raises:
        InputError: No such folder, or not one DICOM file in it.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: expected one with DICOM files in it, at any depth")
    images: list[Found] = []
    masks: list[MaskFile] = []
    files: Counter[Kind] = Counter()
    damaged: Counter[tuple[str, str, str]] = Counter()
    for path, kind in walk(root):
        if kind is not Kind.DICOM:
            files[kind] += 1
            continue
        try:
            header = read_header(path, tags=_TAGS)
            image = _found(path, header)
            frames = _frames(image.part) if is_multiframe(image.part) else []
        except Exception:  # whatever a broken file makes the parser trip over
            files[Kind.DAMAGED] += 1
            continue
        if image.part.modality in MASK_MODALITIES:
            masks.append(MaskFile(path, image.study, image.patient_id, image.part.modality))
        elif image.part.sop_class == MediaStorageDirectoryStorage:
            files[Kind.OTHER] += 1
        elif not image.part.rows and _MODALITY_OF.get(image.part.sop_class or CTImageStorage) == "CT":
            files[Kind.DAMAGED] += 1
            damaged[image.patient_id, image.study, image.series] += 1
        elif not image.part.rows and image.part.modality == "CT":
            files[Kind.OTHER] += 1  # raw data and scanners' own notes
        elif image.series or image.part.rows:
            images += [replace(image, part=part) for part in frames or [image.part]]
        else:
            files[Kind.OTHER] += 1
    lost = tuple(
        f"{files[kind]} {kind.value}" for kind in Kind if files[kind] and kind not in (Kind.DICOM, Kind.OTHER)
    )
    if not images:
        found = "; ".join((f"{files[Kind.OTHER]} other files", *lost))
        raise InputError(
            f"{root} holds no DICOM image: expected CT series, found {found}; "
            "give the folder that the DICOM export wrote"
        )
    series: dict[tuple[str, str, str], list[Found]] = defaultdict(list)
    for image in regroup(images):
        series[image.patient_id, image.study, image.series].append(image)
    return Tree(
        tuple(_series(*key, series[key], damaged[key]) for key in sorted(series, key=lambda key: key[::-1])),
        tuple(sorted(masks, key=lambda mask: str(mask.path))),
        files[Kind.OTHER],
        lost,
    )


def read_header(path: Path, *, tags: list[str] | None = None) -> Any:
    """Read a DICOM file without its pixels; preamble and meta header may be missing."""
    return pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=tags)


def _frames(part: Slice) -> list[Slice]:
    if part.modality != "CT":
        return []
    return frames_of(part, read_header(part.path), lambda values: _slice(part.path, values))


def _found(path: Path, header: Any) -> Found:
    part = _slice(path, header)
    patient_id = _text(header, "PatientID")
    study = _text(header, "StudyInstanceUID") or stand_in(
        *(_text(header, name) for name in ("PatientID", "PatientName", "PatientBirthDate")),
        *(_text(header, name) for name in ("StudyDate", "AccessionNumber", "StudyID")),
    )
    return Found(patient_id, study, _text(header, "SeriesInstanceUID"), part)


def _order(part: Slice) -> tuple[int, str, str]:
    """Sort slices so that nothing depends on the disk's order."""
    return part.instance, part.uid, str(part.path)


def _series(patient_id: str, study: str, uid: str, images: list[Found], damaged: int) -> Series:
    parts = sorted((image.part for image in images), key=_order)
    slices, shared = without_copies(parts)
    told = Counter(image.told for image in images if image.told)
    notes = [f"{count} images {why}" for why, count in sorted(told.items())]
    if shared:
        notes.append(f"{shared} images share a SOPInstanceUID and are no copies of each other")
    if guessed := sum(part.syntax_missing for part in slices):
        notes.append(
            f"{guessed} file(s) do not say how they are stored (TransferSyntaxUID): found out from their bytes"
        )
    return Series(
        uid=uid,
        study=study,
        patient_id=patient_id,
        slices=tuple(slices),
        copies=len(parts) - len(slices),
        notes=tuple(notes),
        damaged=damaged,
    )


def _slice(path: Path, header: Any) -> Slice:
    kinds = [str(kind).upper() for kind in _list(header, "ImageType")]
    acquired = _date_time(_text(header, "AcquisitionDateTime"))
    if acquired is None:
        day = _text(header, "AcquisitionDate") or _text(header, "StudyDate")
        acquired = _date_time(day, _text(header, "AcquisitionTime"))
    content = _date_time(
        _text(header, "ContentDate") or _text(header, "StudyDate"), _text(header, "ContentTime")
    )
    position, orientation = (
        _numbers(header, "ImagePositionPatient", 3),
        _numbers(header, "ImageOrientationPatient", 6),
    )
    spacing = _numbers(header, "PixelSpacing", 2)
    meta = getattr(header, "file_meta", {})
    sop_class = _text(header, "SOPClassUID") or _text(meta, "MediaStorageSOPClassUID")
    return Slice(
        path=path,
        uid=_text(header, "SOPInstanceUID"),
        instance=_whole(header, "InstanceNumber") or 0,
        acquisition=_whole(header, "AcquisitionNumber"),
        acquired_s=acquired,
        content_s=content,
        contrast_start_s=_time_s(_text(header, "ContrastBolusStartTime")),
        position=(position[0], position[1], position[2]) if position else None,
        orientation=orientation,
        pixel_spacing=(spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None,
        rows=_whole(header, "Rows") or 0,
        columns=_whole(header, "Columns") or 0,
        frames=_whole(header, "NumberOfFrames") or 1,
        has_rescale=bool(_number(header, "RescaleSlope")) and _number(header, "RescaleIntercept") is not None,
        localizer="LOCALIZER" in kinds,
        screen=any(word in kind for kind in kinds for word in ("DOSE", "SCREEN", "SCREEN SAVE", "EVIDENCE")),
        burned_in=_text(header, "BurnedInAnnotation").upper() == "YES",
        agent=_text(header, "ContrastBolusAgent"),
        modality=_text(header, "Modality") or _MODALITY_OF.get(sop_class, ""),
        sop_class=sop_class,
        study_date=_text(header, "StudyDate"),
        accession=_text(header, "AccessionNumber"),
        frame_of_reference=_text(header, "FrameOfReferenceUID"),
        series_number=_whole(header, "SeriesNumber"),
        description=_text(header, "SeriesDescription"),
        protocol=_text(header, "ProtocolName"),
        body_part=_text(header, "BodyPartExamined"),
        image_type=tuple(kinds),
        kernel=" ".join(str(word).strip() for word in _list(header, "ConvolutionKernel")),
        thickness_mm=_number(header, "SliceThickness"),
        rescale_type=_text(header, "RescaleType").upper(),
        temporal_position=_whole(header, "TemporalPositionIdentifier"),
        tilt_degrees=_number(header, "GantryDetectorTilt"),
        samples=_whole(header, "SamplesPerPixel") or 1,
        photometric=_text(header, "PhotometricInterpretation").upper(),
        kvp=_number(header, "KVP"),
        irradiation_event=_text(header, "IrradiationEventUID"),
        padding=tuple(
            value
            for value in (_number(header, "PixelPaddingValue"), _number(header, "PixelPaddingRangeLimit"))
            if value is not None
        ),
        syntax_missing=bool(meta) and "TransferSyntaxUID" not in meta,
    )


def _text(header: Any, name: str) -> str:
    try:
        value = header.get(name)
    except Exception:  # a value that its own type cannot hold
        return ""
    return "" if value is None else str(value).strip()


def _list(header: Any, name: str) -> list[Any]:
    try:
        value = header.get(name)
    except Exception:
        return []
    if value is None or value == "":
        return []
    return [value] if isinstance(value, (str, int, float)) else list(value)


def _numbers(header: Any, name: str, count: int) -> tuple[float, ...] | None:
    try:
        values = tuple(float(value) for value in _list(header, name))
    except (TypeError, ValueError):
        return None
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def _number(header: Any, name: str) -> float | None:
    values = _numbers(header, name, 1)
    return None if values is None else values[0]


def _whole(header: Any, name: str) -> int | None:
    value = _number(header, name)
    return None if value is None else int(value)


def _time_s(text: str) -> float | None:
    """Turn DICOM's HHMMSS.ffffff (or shorter) into seconds since midnight; None if it is no time."""
    text = text.replace(":", "")
    try:
        hours, minutes, seconds = int(text[:2]), int(text[2:4] or 0), float(text[4:] or 0)
    except ValueError:
        return None
    return 3600.0 * hours + 60.0 * minutes + seconds


def _date_time(day: str, time: str | None = None) -> float | None:
    """Join a date and a time (or split a DICOM date-time) to seconds; without a date, since midnight."""
    if time is None:
        day, time = day[:8], day[8:].split("+")[0].split("-")[0]
    seconds = _time_s(time)
    if seconds is None:
        return None
    try:
        return date(int(day[:4]), int(day[4:6]), int(day[6:8])).toordinal() * 86400.0 + seconds
    except ValueError:
        return seconds
