"""An enhanced (multi-frame) CT, made by hand of a phantom's single slices."""

from __future__ import annotations

from collections.abc import Sequence

from dicom_phantom import phase_series, uid
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedCTImageStorage


def group(**tags: object) -> Items:
    item = Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return Items([item])


def enhanced(slices: Sequence[FileDataset], *, slopes: Sequence[float] = ()) -> FileDataset:
    """Make one enhanced CT of single slices, as a scanner writes it: by hand, after the standard's module tables."""
    item = phase_series("nc", series="enhanced")[0]
    first = slices[0]
    item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = EnhancedCTImageStorage
    item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = uid("enhanced", first.SOPInstanceUID)
    item.SeriesInstanceUID, item.SeriesNumber = uid("series", first.SeriesInstanceUID), first.SeriesNumber
    item.StudyInstanceUID, item.PatientID = first.StudyInstanceUID, first.PatientID
    item.SeriesDescription = first.SeriesDescription
    for name in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"),
        *("RescaleSlope", "RescaleIntercept", "AcquisitionTime", "AcquisitionDate", "AcquisitionNumber"),
    ):
        delattr(item, name)
    item.NumberOfFrames = len(slices)
    shared, item.PerFrameFunctionalGroupsSequence = Dataset(), Items()
    shared.PixelMeasuresSequence = group(PixelSpacing=first.PixelSpacing, SliceThickness=5)
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=first.ImageOrientationPatient)
    shared.CTImageFrameTypeSequence = group(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
    item.SharedFunctionalGroupsSequence = Items([shared])
    for number, part in enumerate(slices):
        frame = Dataset()
        frame.PlanePositionSequence = group(ImagePositionPatient=part.ImagePositionPatient)
        frame.PixelValueTransformationSequence = group(
            RescaleSlope=slopes[number] if slopes else 1, RescaleIntercept=-1024, RescaleType="HU"
        )
        frame.FrameContentSequence = group(
            FrameAcquisitionDateTime=f"20210304{part.AcquisitionTime}", StackID="1"
        )
        item.PerFrameFunctionalGroupsSequence.append(frame)
    item.PixelData = b"".join(part.PixelData for part in slices)
    return item
