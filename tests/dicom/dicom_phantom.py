"""Miniature DICOM trees: one made-up abdomen in four phases, written slice by slice, with every trap on demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

SHAPE = (12, 32, 32)  # z, y, x
SPACING_MM = (5.0, 6.0, 5.0)  # x, y, z: the three differ where it matters, x from y
ORIGIN_MM = (-100.0, -80.0, 50.0)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OBLIQUE = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)  # turned about x by asin(0.6); normal (0, -0.6, 0.8)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)

# As in the phantom: liver, spleen, muscle.
ORGAN_HU = {"nc": (55, 48, 50), "art": (68, 128, 56), "pv": (110, 124, 60), "dl": (92, 100, 60)}
START = {"nc": "100000", "art": "100130", "pv": "100205", "dl": "100500"}  # 35, 70 and 245 s after 10:00:55


def uid(*names: object) -> UID:
    """Make a UID that is the same in every run."""
    return generate_uid(entropy_srcs=[str(name) for name in names])


def abdomen_hu(phase: str, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Draw a body with a liver and a spleen; (z, y, x) int16, the same noise every time."""
    liver, spleen, muscle = ORGAN_HU[phase]
    _, y, x = np.indices(shape)
    y, x = y / shape[1] * 32, x / shape[2] * 32
    hu = np.full(shape, -1000)
    hu[(y - 16) ** 2 / 14**2 + (x - 16) ** 2 / 15**2 < 1] = muscle
    hu[(y - 15) ** 2 / 9**2 + (x - 10) ** 2 / 8**2 < 1] = liver
    hu[(y - 18) ** 2 + (x - 25) ** 2 < 4**2] = spleen
    return (hu + np.random.default_rng(7).normal(0, 2, shape).round()).astype(np.int16)


def lesion_mask(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Mark an uneven lump in the liver; (z, y, x) uint8, 3 x 4 x 5 voxels less one corner."""
    mask = np.zeros(shape, np.uint8)
    mask[4:7, 12:16, 8:13] = 1
    mask[4, 12, 8] = 0
    return mask


def make_series(
    hu: np.ndarray,
    *,
    patient: str = "P1",
    study: str = "first",
    series: str = "pv",
    description: str = "",
    number: int = 1,
    start: str = "100205",
    origin: Sequence[float] = ORIGIN_MM,
    spacing_mm: Sequence[float] = SPACING_MM,
    orientation: Sequence[float] = AXIAL,
    first_instance: int = 1,
    **tags: Any,
) -> list[FileDataset]:
    """Make one dataset a slice, z along the normal.

    Args:
        hu: (z, y, x).
        patient: PatientID.
        study: Seed of the StudyInstanceUID, together with `patient`.
        series: Seed of the SeriesInstanceUID, together with `study`.
        description: SeriesDescription.
        number: SeriesNumber.
        start: AcquisitionTime of all slices.
        origin: Of the first slice's first voxel, mm.
        spacing_mm: (x, y, z).
        orientation: Row's and column's direction.
        first_instance: InstanceNumber of the first slice.
        tags: Any other DICOM keyword; None removes it.
    """
    normal = np.cross(orientation[:3], orientation[3:])
    slices = []
    for k, plane in enumerate(hu):
        item = _file(CTImageStorage, uid(patient, study, series, first_instance + k))
        item.PatientID, item.PatientName = patient, "Doe^Jane"
        item.StudyInstanceUID = uid(patient, study)
        item.SeriesInstanceUID = uid(patient, study, series)
        item.FrameOfReferenceUID = uid(patient, study, "frame")
        item.Modality, item.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        item.StudyDate = item.AcquisitionDate = item.ContentDate = "20210304"
        item.StudyTime = "095500"
        item.AcquisitionTime = item.ContentTime = start
        item.SeriesDescription, item.SeriesNumber = description, number
        item.InstanceNumber = first_instance + k
        item.AcquisitionNumber = 1
        item.ImagePositionPatient = [
            round(float(v), 4) for v in np.array(origin) + k * spacing_mm[2] * normal
        ]
        item.ImageOrientationPatient = [float(v) for v in orientation]
        item.PixelSpacing = [spacing_mm[1], spacing_mm[0]]  # between rows first
        item.SliceThickness = spacing_mm[2]
        item.Rows, item.Columns = plane.shape
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 12, 11, 0
        item.RescaleIntercept, item.RescaleSlope = -1024, 1
        item.PixelData = (plane.astype(np.int32) + 1024).astype("<u2").tobytes()
        for name, value in tags.items():
            if value is None:
                delattr(item, name)
            else:
                setattr(item, name, value)
        slices.append(item)
    return slices


def phase_series(phase: str, **options: Any) -> list[FileDataset]:
    """Make a phase with nothing but its voxels and acquisition time to know it by."""
    return make_series(abdomen_hu(phase), **{"series": phase, "start": START[phase], **options})


def save(datasets: Sequence[Dataset], folder: Path) -> None:
    """Write files in an order, and under names, that tell nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in datasets:
        name = f"{int(str(item.SOPInstanceUID)[-12:]):x}"
        item.save_as(folder / name, enforce_file_format=True)


def make_seg(
    source: Sequence[FileDataset],
    masks: dict[str, np.ndarray],
    *,
    patient_tags: dict[str, Any] | None = None,
) -> FileDataset:
    """Write masks (z, y, x) drawn on the slices of `source` as highdicom does; label -> mask."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    for item in source:  # highdicom copies them without asking
        for name in (
            "AccessionNumber",
            "PatientBirthDate",
            "PatientSex",
            "StudyID",
            "ReferringPhysicianName",
        ):
            if name not in item:
                setattr(item, name, "")
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(masks, start=1)
    ]
    seg = hd.seg.Segmentation(
        source_images=list(source),
        pixel_array=np.stack(list(masks.values()), axis=-1).astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=uid(source[0].SeriesInstanceUID, "seg", *masks),
        series_number=300,
        sop_instance_uid=uid(source[0].SOPInstanceUID, "seg", *masks),
        instance_number=1,
        manufacturer="made up",
        manufacturer_model_name="made up",
        software_versions="0",
        device_serial_number="0",
    )
    for name, value in (patient_tags or {}).items():
        setattr(seg, name, value)
    return seg


def make_rtstruct(
    source: Sequence[FileDataset], regions: dict[str, list[tuple[int, list[tuple[float, float]]]]]
) -> FileDataset:
    """Write contours as radiotherapy systems do.

    Args:
        source: The slices they are drawn on.
        regions: ROI name -> (slice index, corners as (x, y) in voxels) of each contour.
    """
    item = _file(RTStructureSetStorage, uid(source[0].SeriesInstanceUID, "rtstruct"))
    item.Modality = "RTSTRUCT"
    item.PatientID, item.PatientName = source[0].PatientID, source[0].PatientName
    item.StudyInstanceUID = source[0].StudyInstanceUID
    item.SeriesInstanceUID = uid(source[0].SeriesInstanceUID, "rtstruct series")
    item.StructureSetROISequence, item.ROIContourSequence = pydicom.Sequence(), pydicom.Sequence()
    for number, (name, contours) in enumerate(regions.items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        drawn.ReferencedROINumber, drawn.ContourSequence = number, pydicom.Sequence()
        for k, corners in contours:
            image = source[k]
            row, column = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
            between_rows, between_columns = (float(v) for v in image.PixelSpacing)
            points = [
                np.array(image.ImagePositionPatient, float)
                + x * between_columns * row
                + y * between_rows * column
                for x, y in corners
            ]
            contour, reference = Dataset(), Dataset()
            reference.ReferencedSOPClassUID = image.SOPClassUID
            reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
            contour.ContourImageSequence = pydicom.Sequence([reference])
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [round(float(v), 3) for point in points for v in point]
            drawn.ContourSequence.append(contour)
        item.StructureSetROISequence.append(roi)
        item.ROIContourSequence.append(drawn)
    return item


def _file(storage: UID, instance: UID) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = storage, instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    item.SpecificCharacterSet = "ISO_IR 192"
    item.SOPClassUID, item.SOPInstanceUID = storage, instance
    return item
