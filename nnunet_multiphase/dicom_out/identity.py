"""Give results UIDs and dates that depend on nothing but what went in, and the patient of their source."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import DA, TM

from nnunet_multiphase import __version__
from nnunet_multiphase.dicom.header import text_of
from nnunet_multiphase.dicom_out.source import SourceSeries

NAME = "nnunet-multiphase"
RESEARCH_ONLY = "For research only; not a medical device"

PATIENT_AND_STUDY: tuple[str, ...] = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 1 and 2 of DICOM PS3.3 C.7.1.1 and C.7.2.1: a PACS files a result by them."""

OPTIONAL: tuple[str, ...] = (
    "SpecificCharacterSet",
    "IssuerOfPatientID",
    "PatientAge",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyDescription",
)
"""Taken over where the source has a value."""

_NEEDED = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Rows",
    "Columns",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
)
_NO_DATE = "19000101"


def fixed_uid(*parts: str | bytes) -> str:
    """Make a UID out of what it stands for: the same parts, the same UID."""
    digests = [
        hashlib.sha256(part if isinstance(part, bytes) else part.encode()).hexdigest() for part in parts
    ]
    return str(generate_uid(entropy_srcs=[NAME, *digests]))


def equipment() -> dict[str, Any]:
    """Give the arguments by which highdicom names who made an instance, without a serial number to tell machines by."""
    return {
        "manufacturer": NAME,
        "manufacturer_model_name": NAME,
        "software_versions": __version__,
        "device_serial_number": __version__,
    }


def plain_headers(source: SourceSeries) -> list[Dataset]:
    """Give headers of which highdicom takes what it needs, and neither chokes on odd values nor quotes them."""
    return [_plain(header, source.step_mm) for header in source.headers]


def _plain(header: Any, step_mm: float) -> Dataset:
    item = Dataset()
    for name in _NEEDED:
        setattr(item, name, header[name].value)
    item.Modality = "CT"
    thickness = _number(header, "SliceThickness")
    item.SliceThickness = thickness if thickness else step_mm
    for name in PATIENT_AND_STUDY:
        if name != "StudyInstanceUID":
            setattr(item, name, "")
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return item


def _number(header: Any, name: str) -> float | None:
    try:
        value = float(header.get(name))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def content_date(header: Any) -> tuple[str, str]:
    """Give the source study's date and time, DA and TM; else those of its images, else 1900: a clock's would differ."""
    for kind in ("Study", "Series", "Acquisition", "Content"):
        date, time = text_of(header, f"{kind}Date"), text_of(header, f"{kind}Time")
        try:
            if DA(date):
                return date, time if time and TM(time) else "000000"
        except ValueError:
            continue
    return _NO_DATE, "000000"


def settle(made: Dataset, header: Any) -> None:
    """Put the source's patient and study into an instance, and a date and UIDs that do not change from run to run.

    Args:
        made: From highdicom; changed in place.
        header: Of an image of the source, as it was read.
    """
    for name in PATIENT_AND_STUDY:  # byte by byte, odd as they may be
        if name in header:
            made[name] = header[name]
        else:
            setattr(made, name, "")
    for name in OPTIONAL:
        made.pop(name, None)
        if text_of(header, name):
            made[name] = header[name]
    date, time = content_date(header)
    for name in ("ContentDate", "InstanceCreationDate"):
        setattr(made, name, date)
    for name in ("ContentTime", "InstanceCreationTime"):
        setattr(made, name, time)
    made.SeriesDate, made.SeriesTime = date, time
    for item in made.get("ContributingEquipmentSequence", ()):
        item.pop("ContributionDateTime", None)  # a clock's
    own: dict[str, str] = {}
    for element in made.iterall():
        if element.keyword == "DimensionOrganizationUID":
            element.value = UID(
                own.setdefault(str(element.value), fixed_uid(made.SOPInstanceUID, f"dimensions {len(own)}"))
            )
