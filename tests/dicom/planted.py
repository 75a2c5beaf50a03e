"""What identifies a patient, planted in every tag of a phantom's files, and found again wherever it leaks."""

from __future__ import annotations

from dicom_phantom import uid
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

PLANTED = {
    "PN": "PLANTED^NAME",
    "LO": "PLANTED LO",
    "SH": "PLANTED SH",
    "ST": "PLANTED ST",
    "LT": "PLANTED LT",
    "UT": "PLANTED UT",
    "UC": "PLANTED UC",
    "CS": "PLANTEDCS",
    "AE": "PLANTEDAE",
    "DA": "19470813",
    "DT": "19470813114223",
    "TM": "114223",
    "UI": "1.2.3.987654321.123456789",
}
FORMS = (
    "PLANTED",
    "19470813",
    "1947-08-13",
    "114223",
    "987654321",
    "MRN-4711",
    "20210304",
    "100205",
    "100130",
)
"""How what was planted, and the phantom's own identifier, date and times, would be found again."""

STRUCTURE = {"SpecificCharacterSet", "AcquisitionDateTime", "Modality", "SegmentationType"}


def plant(item: Dataset) -> Dataset:
    """Fill every tag of the standard that holds text, a date or a UID and is not there yet."""
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if (
            vr in PLANTED
            and tag > 0x0007FFFF
            and keyword
            and keyword not in STRUCTURE
            and keyword not in item
        ):
            setattr(item, keyword, PLANTED[vr])
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = "PLANTED OTHER", "PLANTED ISSUER"
    item.OtherPatientIDsSequence = Sequence([other])
    item.private_block(0x0029, "PLANTED PRIVATE", create=True).add_new(0x01, "LO", "PLANTED SECRET")
    item.PatientID = "MRN-4711"
    item.PatientName = "PLANTED^PATIENT"
    return item


def needles() -> list[bytes]:
    uids = [
        uid("MRN-4711", "first"),
        *(uid("MRN-4711", "first", series) for series in ("art", "pv", "scout")),
    ]
    images = [uid("MRN-4711", "first", series, k) for series in ("art", "pv") for k in range(1, 13)]
    return [form.encode() for form in (*FORMS, *uids, *images, uid("MRN-4711", "first", "frame"))]


def leaks(data: bytes) -> set[str]:
    """Find the needles in ASCII, or in UTF-16 as some formats write text."""
    return {
        n.decode() for n in needles() if n.lower() in data.lower() or n.decode().encode("utf-16-le") in data
    }
