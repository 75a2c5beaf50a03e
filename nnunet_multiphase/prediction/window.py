"""Say where a network has to look: about the liver, where that is surely known.

A liver that was only found may be found in part, and what is cut off is silently without a lesion: so it gets a wide margin,
and none that is suspiciously small is trusted (docs/prediction.md has what was measured).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment import Box, bounding_box, crop
from nnunet_multiphase.prediction.prepare import PreparedCase
from registration.resample import resample_labels

MASK_MARGIN_MM = 20.0
FOUND_MARGIN_MM = 60.0
LEAST_FOUND_ML = 700.0
FITTED_BEYOND_MM = 4.0  # `RegistrationSettings.region_margin_mm`
WORTH_IT = 0.9  # of the volume: more than that saves nothing


@dataclass(frozen=True)
class Window:
    """Hold where a network looked.

    Attributes:
        box: On the grid of the registered phases: index and size (x, y, z).
        margin_mm: About the liver.
        found: Whether that liver was found rather than drawn.
        share: Of the registered volume, 0..1.
    """

    box: Box
    margin_mm: float
    found: bool
    share: float


def liver_window(prepared: PreparedCase, least_mm: Sequence[float] = (0.0, 0.0, 0.0)) -> Window | None:
    """Find the box about the liver.

    Args:
        prepared: The case.
        least_mm: Extent along x, y, z that it has at least, where the volume has it: a network's patch.

    Returns:
        The box; None where the liver is not surely known, or nothing would be saved.
    """
    grid = prepared.aligned.images[prepared.aligned.reference]
    liver, margin_mm = _sure_liver(prepared, grid)
    if liver is None or not np.any(sitk.GetArrayViewFromImage(liver)):
        return None
    start, extent = bounding_box(sitk.GetArrayViewFromImage(liver) != 0)
    index, size = [], []
    for first, length, voxels, mm, least in zip(
        start, extent, grid.GetSize(), grid.GetSpacing(), least_mm, strict=True
    ):
        wanted = max(length + 2 * math.ceil(margin_mm / mm), math.ceil(least / mm))
        low = max(0, min(first + length // 2 - wanted // 2, first - math.ceil(margin_mm / mm)))
        high = min(voxels, max(low + wanted, first + length + math.ceil(margin_mm / mm)))
        low = max(0, min(low, high - wanted))
        index.append(low)
        size.append(high - low)
    share = math.prod(size) / math.prod(grid.GetSize())
    if share > WORTH_IT:
        return None
    return Window((tuple(index), tuple(size)), margin_mm, margin_mm == FOUND_MARGIN_MM, share)


def _sure_liver(prepared: PreparedCase, grid: sitk.Image) -> tuple[sitk.Image | None, float]:
    """Give the liver that was drawn, or the one found if it is as large as a liver, and the margin it needs."""
    if prepared.liver is not None:
        return crop(prepared.liver, prepared.aligned.box), MASK_MARGIN_MM
    results = [result for result in prepared.aligned.results.values() if result.region == "liver"]
    if not results:
        return None, FOUND_MARGIN_MM
    fitted = results[0].fitted
    within = sitk.SignedMaurerDistanceMap(
        sitk.Cast(fitted != 0, sitk.sitkUInt8),
        insideIsPositive=True,
        squaredDistance=False,
        useImageSpacing=True,
    )
    liver = sitk.Cast(within >= FITTED_BEYOND_MM, sitk.sitkUInt8)
    found_ml = np.count_nonzero(sitk.GetArrayViewFromImage(liver)) * math.prod(liver.GetSpacing()) / 1000.0
    if found_ml < LEAST_FOUND_ML:
        return None, FOUND_MARGIN_MM
    return resample_labels(liver, grid), FOUND_MARGIN_MM
