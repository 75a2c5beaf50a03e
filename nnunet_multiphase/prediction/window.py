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

from nnunet_multiphase.alignment.align import Box, bounding_box, crop
from nnunet_multiphase.prediction.liver import fitted_liver, found_liver
from nnunet_multiphase.prediction.prepare import PreparedCase
from registration.resample import resample_labels

Margins = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
"""To the right and left, to the front and back, to the feet and the head, mm."""

MASK_MARGINS_MM: Margins = ((20.0, 20.0), (20.0, 20.0), (20.0, 20.0))
FOUND_MARGINS_MM: Margins = ((30.0, 90.0), (30.0, 30.0), (60.0, 40.0))
"""On the patients used for tuning up to 64 mm of a left lobe, and 40 mm of a liver with a large tumour at its lower end,
were not found; elsewhere 30 mm at most."""
LEAST_FOUND_ML = 500.0
"""With the `FITTED_BEYOND_MM` around it. Of a liver left by a resection (540 ml) 500 to 630 were found, of one with a large
tumour 730 to 1060, and the margins held all of each on the patients used for tuning (seeds 100 and 101)."""
LEAST_DRAWN_ML = 300.0
"""Smaller is a part of a liver, whoever drew it; what is left after a large resection has more."""
FITTED_BEYOND_MM = 4.0  # `RegistrationSettings.region_margin_mm`
WORTH_IT = 0.9  # of the volume: more than that saves nothing


@dataclass(frozen=True)
class Window:
    """Hold where a network looked.

    Attributes:
        box: On the grid of the registered phases: index and size (x, y, z).
        found: Whether the liver was found rather than drawn.
        share: Of the registered volume, 0..1.
    """

    box: Box
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
    liver, margins_mm = _sure_liver(prepared, grid)
    if liver is None or not np.any(sitk.GetArrayViewFromImage(liver)):
        return None
    start, extent = bounding_box(sitk.GetArrayViewFromImage(liver) != 0)
    index, size = [], []
    for axis, (voxels, mm) in enumerate(zip(grid.GetSize(), grid.GetSpacing(), strict=True)):
        before, after = (math.ceil(margin / mm) for margin in margins_mm[axis])
        low, high = max(0, start[axis] - before), min(voxels, start[axis] + extent[axis] + after)
        low, high = _widened(low, high, math.ceil(least_mm[axis] / mm), voxels)
        index.append(low)
        size.append(high - low)
    share = math.prod(size) / math.prod(grid.GetSize())
    if share > WORTH_IT:
        return None
    box = ((index[0], index[1], index[2]), (size[0], size[1], size[2]))
    return Window(box, margins_mm is FOUND_MARGINS_MM, share)


def _widened(low: int, high: int, least: int, voxels: int) -> tuple[int, int]:
    """Widen a range to both sides until it has so many voxels, or all there are."""
    short = min(least, voxels) - (high - low)
    if short <= 0:
        return low, high
    low = min(max(0, low - short // 2), voxels - (high - low + short))
    return low, low + min(least, voxels)


def _sure_liver(prepared: PreparedCase, grid: sitk.Image) -> tuple[sitk.Image | None, Margins]:
    """Give the liver that was drawn, or the one found if it is as large as a liver, and the margins it needs."""
    if prepared.liver is not None:
        drawn = None if is_small(prepared.liver) else prepared.liver
        return (None if drawn is None else crop(drawn, prepared.aligned.box)), MASK_MARGINS_MM
    fitted = fitted_liver(prepared)
    if fitted is None or _ml(fitted) < LEAST_FOUND_ML:
        return None, FOUND_MARGINS_MM
    liver = found_liver(prepared, FITTED_BEYOND_MM)
    return (None if liver is None else resample_labels(liver, grid)), FOUND_MARGINS_MM


def is_small(liver: sitk.Image) -> bool:
    """Tell whether a liver mask is smaller than any liver."""
    return _ml(liver) < LEAST_DRAWN_ML


def _ml(mask: sitk.Image) -> float:
    return float(np.count_nonzero(sitk.GetArrayViewFromImage(mask)) * math.prod(mask.GetSpacing()) / 1000.0)
