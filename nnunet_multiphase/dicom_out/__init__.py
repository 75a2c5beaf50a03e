"""From lesions to what a PACS keeps: a DICOM segmentation (SEG) and a measurement report (SR) that refer to the source."""

from nnunet_multiphase.dicom_out.report import measurement_report
from nnunet_multiphase.dicom_out.segmentation import segmentation
from nnunet_multiphase.dicom_out.source import SourceSeries, read_source
from nnunet_multiphase.dicom_out.write import DicomFiles, dicom_paths, remove_dicom, write_dicom

__all__ = [
    "DicomFiles",
    "SourceSeries",
    "dicom_paths",
    "measurement_report",
    "read_source",
    "remove_dicom",
    "segmentation",
    "write_dicom",
]
