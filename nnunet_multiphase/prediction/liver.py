"""Choose the liver that a patient's lesions are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.evaluation.lesions import label_lesions
from nnunet_multiphase.measurement.measure import Liver
from nnunet_multiphase.measurement.surroundings import touching
from nnunet_multiphase.prediction.prepare import PreparedCase
from registration.resample import resample_labels

RIM_MM = 6.0  # 4 of them are `RegistrationSettings.region_margin_mm`


def liver_of(
    prepared: PreparedCase, labels: sitk.Image, lesions: sitk.Image, liver_labels: Sequence[int]
) -> Liver | None:
    """Take the mask that came with the case, else the model's liver, else what the registration found.

    Args:
        prepared: The case.
        labels: The model's answer, on the grid of `prepared.aligned`.
        lesions: The lesions in it.
        liver_labels: Labels of the model that are liver; none where it has no such class.

    Returns:
        The liver on that grid; None where there is none of these.
    """
    lesion = sitk.GetArrayViewFromImage(lesions) != 0
    if prepared.liver is not None:
        index, size = prepared.aligned.box
        box = tuple(slice(i, i + n) for i, n in zip(reversed(index), reversed(size), strict=True))
        organ = sitk.GetArrayFromImage(prepared.liver) != 0
        mask = _on(lesions, organ[box])
        organ[box] |= touching(label_lesions(lesion), organ[box])
        return Liver(mask, "mask", _whole_ml(organ, lesions))
    organ = np.isin(sitk.GetArrayViewFromImage(labels), list(liver_labels))
    if organ.any():
        return Liver(
            _on(lesions, organ), "model", _whole_ml(organ | touching(label_lesions(lesion), organ), lesions)
        )
    found = next((r for r in prepared.aligned.results.values() if r.region == "liver"), None)
    if found is None:
        return None
    # What was fitted reaches beyond the liver, whose edge is what holds; and its rim is the least certain.
    surely = sitk.SignedMaurerDistanceMap(
        found.fitted, insideIsPositive=True, squaredDistance=False, useImageSpacing=True
    )
    return Liver(resample_labels(sitk.Cast(surely >= RIM_MM, sitk.sitkUInt8), lesions), "found")


def _on(grid: sitk.Image, mask: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.CopyInformation(grid)
    return image


def _whole_ml(organ: np.ndarray, grid: sitk.Image) -> float | None:
    """Give a volume; None where the organ ends where the volume does, below or above."""
    if organ[0].any() or organ[-1].any():
        return None
    return int(np.count_nonzero(organ)) * math.prod(grid.GetSpacing()) / 1000.0
