"""Write a prediction as DICOM, where the phases came from DICOM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_out.source import source_files
from nnunet_multiphase.dicom_out.write import DicomFiles, write_dicom
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.lesions import label_lesions, lesion_image
from nnunet_multiphase.prediction.write import CasePrediction
from nnunet_multiphase.volumes.orientation import as_stored, stored_grid, turned


def write_dicom_results(
    prediction: CasePrediction, volumes: Mapping[str, Volume], lesion_labels: Sequence[int], output: Path
) -> DicomFiles:
    """Write <case>_seg.dcm and <case>_sr.dcm on the images of the reference phase.

    Args:
        prediction: As written.
        volumes: phase -> the DICOM it was made from.
        lesion_labels: Labels of the prediction that are lesion.
        output: Folder.

    Raises:
        InputError: The reference phase is no DICOM, or its grid is not that of one series' images.
    """
    reference = prediction.aligned.reference
    what = f"case {prediction.case}, {reference}"
    if reference not in volumes:
        raise InputError(
            f"{what}: the reference phase came from no DICOM; give its DICOM, or pass --no-dicom"
        )
    files = source_files(volumes[reference], what)
    lesions = numbered_lesions(sitk.ReadImage(str(prediction.segmentation)), lesion_labels)
    return write_dicom(files, lesions, prediction.measures, output)


def numbered_lesions(labels: sitk.Image, lesion_labels: Sequence[int]) -> sitk.Image:
    """Number the lesions of a prediction as its table does, on its own grid.

    Of equally large ones the first in scan order comes first, and the table was made of the upright volume.
    """
    upright = turned(lesion_image(labels, lesion_labels))
    numbers = sitk.GetImageFromArray(label_lesions(sitk.GetArrayViewFromImage(upright)).astype(np.uint16))
    numbers.CopyInformation(upright)
    return as_stored(numbers, stored_grid(labels))
