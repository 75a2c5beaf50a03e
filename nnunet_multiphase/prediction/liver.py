"""Choose the liver that a patient's lesions are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import box_slices
from nnunet_multiphase.evaluation.lesions import label_lesions, require_same_grid
from nnunet_multiphase.measurement.measure import Liver
from nnunet_multiphase.measurement.surroundings import touching
from nnunet_multiphase.prediction.prepare import PreparedCase
from nnunet_multiphase.volumes.orientation import turned
from registration.resample import resample_labels
from registration.volume import image_like

RIM_MM = 6.0  # the rim of what was found is the least certain; 4 of them are `RegistrationSettings.region_margin_mm`


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
        box = box_slices(prepared.aligned.box)
        organ = sitk.GetArrayFromImage(prepared.liver) != 0
        mask = image_like(organ[box].astype(np.uint8), lesions)
        organ[box] |= touching(label_lesions(lesion), organ[box])
        return Liver(mask, "mask", _whole_ml(organ, lesions))
    organ = np.isin(sitk.GetArrayViewFromImage(labels), list(liver_labels))
    if organ.any():
        whole_ml = _whole_ml(organ | touching(label_lesions(lesion), organ), lesions)
        return Liver(image_like(organ.astype(np.uint8), lesions), "model", whole_ml)
    found = found_liver(prepared, RIM_MM)
    return None if found is None else Liver(resample_labels(found, lesions), "found")


def drawn_liver(mask: sitk.Image, lesions: sitk.Image) -> Liver:
    """Take a mask on the lesions' own grid, in whatever order that is stored.

    Raises:
        InputError: They lie on different grids.
    """
    require_same_grid(lesions, mask, "the segmentation and the liver")
    upright = turned(mask)
    organ, lesion = (sitk.GetArrayFromImage(image) != 0 for image in (upright, turned(lesions)))
    return Liver(mask, "mask", _whole_ml(organ | touching(label_lesions(lesion), organ), upright))


def found_liver(prepared: PreparedCase, depth_mm: float) -> sitk.Image | None:
    """Give what lies so deep in the region that the registration fitted, where that is a liver it found.

    What is fitted reaches beyond the liver, whose edge is what holds.

    Returns:
        uint8 mask on the registration's own coarse grid.
    """
    fitted = fitted_liver(prepared)
    if fitted is None:
        return None
    within = sitk.SignedMaurerDistanceMap(
        fitted, insideIsPositive=True, squaredDistance=False, useImageSpacing=True
    )
    return sitk.Cast(within >= depth_mm, sitk.sitkUInt8)


def fitted_liver(prepared: PreparedCase) -> sitk.Image | None:
    """Give the region that the registration fitted, where that is a liver it found and some mm around it."""
    return next((r.fitted for r in prepared.aligned.results.values() if r.region == "liver"), None)


def _whole_ml(organ: np.ndarray, grid: sitk.Image) -> float | None:
    """Give a volume; None where the organ ends where the volume does, below or above."""
    if organ[0].any() or organ[-1].any():
        return None
    return int(np.count_nonzero(organ)) * math.prod(grid.GetSpacing()) / 1000.0
