"""Step 1b: read what the header of one image says of it, pixels apart."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

from nnunet_multiphase.dicom.person import NOBODY, Person, person_of

MODALITY_OF: dict[str, str] = {
    CTImageStorage: "CT",
    EnhancedCTImageStorage: "CT",
    LegacyConvertedEnhancedCTImageStorage: "CT",
    SegmentationStorage: "SEG",
    RTStructureSetStorage: "RTSTRUCT",
}
"""For files whose Modality was removed."""

TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "IssuerOfPatientID",
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
    "ImagerPixelSpacing",
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
    "TemporalPositionIdentifier",
    "GantryDetectorTilt",
    "KVP",
    "IrradiationEventUID",
    "LossyImageCompression",
]


SECONDS_A_DAY = 86400
"""A time of less is one of day alone: no date was known."""

MOST_UNPACKED = 1 << 30
"""Of a deflated file, in bytes; a multi-frame CT of 2000 slices takes as much, and is never stored so."""

_META_BYTES = 4096  # the transfer syntax stands in the first of them
_META_BEGINS = 144  # behind preamble, DICM and the element that says how long the meta header is


@dataclass(frozen=True)
class Concatenation:
    """The files among which the frames of one image were shared out, and which of them this one is."""

    uid: str
    number: int  # counted from 1
    total: int | None  # None: it does not say


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
    syntax_missing: bool = False  # it has a meta header, but no TransferSyntaxUID in it
    frame: int = 0  # of a multi-frame file, counted from 0
    agent_phase: str = ""  # ContrastBolusAgentPhase of a frame, in the words of descriptions
    concatenation: Concatenation | None = None
    lossy: bool = False  # compressed with loss, once in its life
    person: Person = NOBODY
    own_day: bool = False  # acquired_s has its own date, not the study's
    lost_place: tuple[
        str, ...
    ] = ()  # why it has no position, orientation or pixel spacing, where more is known than that


def read_header(path: Path, *, tags: list[str] | None = None) -> Any:
    """Read a DICOM file without its pixels; preamble and meta header may be missing."""
    check_unpacked_size(path)
    return pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=tags)


def check_unpacked_size(path: Path) -> None:
    """Refuse a deflated file that unpacks to more than any image: pydicom unpacks all of it at once, pixels or not.

    Raises:
        ValueError: It does.
    """
    with path.open("rb") as stream:
        if DeflatedExplicitVRLittleEndian.encode() not in stream.read(_META_BYTES):
            return
        meta = read_file_meta_info(path)
        stream.seek(_META_BEGINS + int(meta.FileMetaInformationGroupLength))
        unpacker, unpacked = zlib.decompressobj(wbits=-zlib.MAX_WBITS), 0
        while packed := unpacker.unconsumed_tail or stream.read(1 << 16):
            unpacked += len(unpacker.decompress(packed, 1 << 20))
            if unpacked > MOST_UNPACKED:
                raise ValueError(f"unpacks to more than {MOST_UNPACKED >> 20} MiB")


def slice_of(path: Path, header: Any) -> Slice:
    """Take from a header what is asked of a slice; what is not there or makes no sense is left empty.

    Args:
        path: Its file.
        header: As `read_header` gives it, or values by keyword.
    """
    kinds = [str(kind).upper() for kind in _list(header, "ImageType")]
    acquired = _date_time(text_of(header, "AcquisitionDateTime"))
    own_day = acquired is not None
    if acquired is None:
        own_day = bool(text_of(header, "AcquisitionDate"))
        day = text_of(header, "AcquisitionDate") or text_of(header, "StudyDate")
        acquired = _date_time(day, text_of(header, "AcquisitionTime"))
    content = _date_time(
        text_of(header, "ContentDate") or text_of(header, "StudyDate"), text_of(header, "ContentTime")
    )
    position, orientation = (
        _numbers(header, "ImagePositionPatient", 3),
        _numbers(header, "ImageOrientationPatient", 6),
    )
    spacing = _numbers(header, "PixelSpacing", 2)
    meta = getattr(header, "file_meta", {})
    sop_class = text_of(header, "SOPClassUID") or text_of(meta, "MediaStorageSOPClassUID")
    placed = position is not None and orientation is not None and spacing is not None and min(spacing) > 0
    return Slice(
        path=path,
        uid=text_of(header, "SOPInstanceUID"),
        instance=_whole(header, "InstanceNumber") or 0,
        acquisition=_whole(header, "AcquisitionNumber"),
        acquired_s=acquired,
        content_s=content,
        contrast_start_s=_time_s(text_of(header, "ContrastBolusStartTime")),
        position=(position[0], position[1], position[2]) if position else None,
        orientation=orientation,
        pixel_spacing=(spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None,
        rows=_whole(header, "Rows") or 0,
        columns=_whole(header, "Columns") or 0,
        frames=_whole(header, "NumberOfFrames") or 1,
        has_rescale=bool(_number(header, "RescaleSlope")) and _number(header, "RescaleIntercept") is not None,
        localizer="LOCALIZER" in kinds,
        screen=any(word in kind for kind in kinds for word in ("DOSE", "SCREEN", "SCREEN SAVE", "EVIDENCE")),
        burned_in=text_of(header, "BurnedInAnnotation").upper() == "YES",
        agent=text_of(header, "ContrastBolusAgent"),
        modality=text_of(header, "Modality") or MODALITY_OF.get(sop_class, ""),
        sop_class=sop_class,
        study_date=text_of(header, "StudyDate"),
        accession=text_of(header, "AccessionNumber"),
        frame_of_reference=text_of(header, "FrameOfReferenceUID"),
        series_number=_whole(header, "SeriesNumber"),
        description=text_of(header, "SeriesDescription"),
        protocol=text_of(header, "ProtocolName"),
        body_part=text_of(header, "BodyPartExamined"),
        image_type=tuple(kinds),
        kernel=" ".join(str(word).strip() for word in _list(header, "ConvolutionKernel")),
        thickness_mm=_number(header, "SliceThickness"),
        rescale_type=text_of(header, "RescaleType").upper(),
        temporal_position=_whole(header, "TemporalPositionIdentifier"),
        tilt_degrees=_number(header, "GantryDetectorTilt"),
        samples=_whole(header, "SamplesPerPixel") or 1,
        photometric=text_of(header, "PhotometricInterpretation").upper(),
        kvp=_number(header, "KVP"),
        irradiation_event=text_of(header, "IrradiationEventUID"),
        lossy=text_of(header, "LossyImageCompression") == "01",
        syntax_missing=bool(meta) and "TransferSyntaxUID" not in meta,
        person=person_of(
            *(text_of(header, name) for name in ("PatientSex", "PatientBirthDate")),
            *(text_of(header, name) for name in ("IssuerOfPatientID", "PatientAge", "PatientName")),
        ),
        own_day=own_day and acquired is not None and acquired >= SECONDS_A_DAY,
        lost_place=() if placed else _lost_place(header),
    )


def text_of(header: Any, name: str) -> str:
    """Give an attribute as text; the empty text where it is absent or cannot be read."""
    try:
        value = header.get(name)
    except Exception:  # a value that its own type cannot hold
        return ""
    # Some pad with zero bytes; what holds one elsewhere could be written into no table.
    return "" if value is None else str(value).strip().strip("\0 ").replace("\0", "\ufffd")


def _lost_place(header: Any) -> tuple[str, ...]:
    """Say what is wrong with the tags that place an image, where they are there and cannot be read."""
    faults = []
    for name, count in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2)):
        written = _as_written(header, name)
        values = _numbers(header, name, count)
        if "," in written:
            faults.append(f"{name} has a decimal comma, where DICOM has a point")
        elif written and values is None:
            faults.append(f"{name} is not {count} numbers")
        elif values and name == "PixelSpacing" and min(values) <= 0:
            faults.append(f"{name} is not above 0")
        elif not written and name == "PixelSpacing" and _as_written(header, "ImagerPixelSpacing"):
            faults.append("ImagerPixelSpacing is the detector's and does not stand for PixelSpacing")
    return tuple(faults)


def _as_written(header: Any, name: str) -> str:
    """Give an attribute's bytes as text, also where they cannot be read as what they should be."""
    try:
        element = header.get_item(name)
        value = getattr(element, "value", None)
    except (AttributeError, KeyError):  # a frame's values by keyword
        value = header.get(name)
    if isinstance(value, bytes):
        return value.decode("latin-1").strip("\0 ")
    return (
        "" if value is None else str(list(value) if hasattr(value, "__iter__") else value).replace(", ", " ")
    )


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
    number = day_number(day)
    return seconds if number is None else number * SECONDS_A_DAY + seconds


def day_number(text: str) -> int | None:
    """Turn DICOM's YYYYMMDD into a number of days; None if it is no date."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal()
    except ValueError:
        return None
