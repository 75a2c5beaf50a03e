"""Measure how far the surfaces of two masks lie apart: 95th percentile Hausdorff distance, and surface Dice.

A surface is the voxels with a face neighbour outside the mask, each counted once (MONAI); distances are those between
voxel centres, in mm.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

NSD_TOLERANCE_MM = 2.0
"""Two to three voxels in plane, at most one across the slices, of a clinical CT."""
ROUNDING_MM = 1e-3
"""A distance that is the tolerance but for what a header's spacing was rounded by counts as within it."""


def hd95_mm(prediction: np.ndarray, truth: np.ndarray, spacing_zyx: Sequence[float]) -> float:
    """Measure the 95th percentile Hausdorff distance of two (z, y, x) bool masks; spacing in mm along z, y, x.

    Returns:
        mm; nan when either mask is empty.
    """
    if not prediction.any() or not truth.any():
        return math.nan
    p, t = _batched(prediction, truth)
    with _quiet():
        distance = compute_hausdorff_distance(
            p, t, include_background=True, percentile=95, spacing=[float(s) for s in spacing_zyx]
        )
    return float(distance.item())


def normalised_surface_dice(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing_zyx: Sequence[float],
    *,
    tolerance_mm: float = NSD_TOLERANCE_MM,
) -> float:
    """Measure the share of both surfaces that lies within a tolerance of the other one (NSD).

    Nikolov et al., Journal of Medical Internet Research 2021, doi:10.2196/26151; they weigh surface elements by their
    area, here each voxel of a surface counts once.

    Args:
        prediction, truth: (z, y, x) bool masks.
        spacing_zyx: Voxel size in mm.
        tolerance_mm: What counts as no difference.

    Returns:
        0..1; 0 when one mask is empty, nan when both are.
    """
    if not prediction.any() and not truth.any():
        return math.nan
    if not prediction.any() or not truth.any():
        return 0.0
    p, t = _batched(prediction, truth)
    with _quiet():
        share = compute_surface_dice(
            p,
            t,
            class_thresholds=[tolerance_mm + ROUNDING_MM],
            include_background=True,
            spacing=[float(s) for s in spacing_zyx],
        )
    return float(share.item())


def _batched(prediction: np.ndarray, truth: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    p, t = (torch.from_numpy(np.ascontiguousarray(m))[None, None].float() for m in (prediction, truth))
    return p, t  # (1, 1, Z, Y, X)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # MONAI 1.5 and 1.6 warn about a deprecated argument of their own that they pass themselves.
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy.*", category=FutureWarning)
        yield
