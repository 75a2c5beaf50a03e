"""From lesions to what a PACS keeps: a DICOM segmentation (SEG) and a measurement report (SR) that refer to the source."""
