"""Give results UIDs and dates that depend on nothing but what went in, and the patient of their source."""

from __future__ import annotations

import hashlib
from typing import Any

from pydicom import Dataset
from pydicom.uid import UID, generate_uid
from pydicom.valuerep import DA, TM

from nnunet_multiphase import __version__
from nnunet_multiphase.dicom.header import text_of

NAME = "nnunet-multiphase"
RESEARCH_ONLY = "For research only; not a medical device"

PATIENT_AND_STUDY: tuple[str, ...] = (
    "SpecificCharacterSet",
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
"""Taken over byte by byte, odd as they may be: a PACS files a result by them. Type 1 and 2 of PS3.3 C.7.1.1, C.7.2.1."""

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


def plain_headers(headers: tuple[Any, ...]) -> list[Dataset]:
    """Copy headers with values that highdicom takes, and does not quote on the terminal, for patient and study."""
    plain = []
    for header in headers:
        item = Dataset()
        item.update(header)
        item.file_meta = header.file_meta
        for name in (name for name in PATIENT_AND_STUDY if name != "StudyInstanceUID"):
            if name in item:
                del item[name]  # not overwritten: the element is the header's, too
            if name != "SpecificCharacterSet":
                setattr(item, name, "")
        plain.append(item)
    return plain


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
    for name in PATIENT_AND_STUDY:
        if name in header:
            made[name] = header[name]
        elif name == "SpecificCharacterSet":
            made.pop(name, None)
        else:
            setattr(made, name, "")
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
