"""Write a prediction as DICOM, where the phases came from DICOM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_out.source import source_files
from nnunet_multiphase.dicom_out.told import Told
from nnunet_multiphase.dicom_out.write import DicomFiles, write_dicom
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.lesions import label_lesions, lesion_image
from nnunet_multiphase.prediction.coverage import coverage_shares
from nnunet_multiphase.prediction.summary import failed_phases
from nnunet_multiphase.prediction.to_know import warnings_of
from nnunet_multiphase.prediction.write import CasePrediction
from nnunet_multiphase.volumes.orientation import as_stored, stored_grid, turned
from registration.volume import image_like

MUCH_SHARE = 0.05
"""Of the volume that was not looked at: phases' ranges differ by a few slices anyway."""


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
    return write_dicom(files, lesions, prediction.measures, output, told=told_of(prediction))


def told_of(prediction: CasePrediction) -> Told:
    """Gather what the page and the terminal warn of: whoever opens a report in a PACS sees neither."""
    warnings = tuple(
        f"{'' if warning.kind == 'note' else f'{warning.kind.upper()}: '}{warning.about}: {warning.text}"
        for warning in warnings_of(prediction)
    )
    model = prediction.model
    return Told(warnings, "" if model is None else model.told(), tuple(_lacking(prediction)))


def _lacking(prediction: CasePrediction) -> list[str]:
    """Say in short what the results are partial for."""
    outside, _ = coverage_shares(prediction.aligned)
    cut_off = sum(bool(lesion.cut_off) for lesion in prediction.measures.lesions)
    told = {
        f"failed: {', '.join(failed_phases(prediction))}": bool(failed_phases(prediction)),
        f"lacking: {', '.join(prediction.filled)}": bool(prediction.filled),
        f"{100 * outside:.0f} % not seen": outside >= MUCH_SHARE,
        f"{cut_off} cut off": cut_off > 0,
    }
    return [text for text, holds in told.items() if holds]


def numbered_lesions(labels: sitk.Image, lesion_labels: Sequence[int]) -> sitk.Image:
    """Number the lesions of a prediction as its table does, on its own grid.

    Of equally large ones the first in scan order comes first, and the table was made of the upright volume.
    """
    upright = turned(lesion_image(labels, lesion_labels))
    numbers = label_lesions(sitk.GetArrayViewFromImage(upright)).astype(np.uint16)
    return as_stored(image_like(numbers, upright), stored_grid(labels))
