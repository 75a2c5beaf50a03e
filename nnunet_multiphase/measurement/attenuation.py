"""Measure attenuation: of lesions, of the liver close to them, and of the liver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt

from nnunet_multiphase.measurement.record import Attenuation
from nnunet_multiphase.phases import FILL_HU

RING_MM = 10.0
LEAST_SHARE = 0.5
"""Of a region's voxels that must hold data: less of it may be another part of it."""


def attenuations(region: np.ndarray, phases_hu: Mapping[str, np.ndarray]) -> dict[str, Attenuation]:
    """Measure a region on every phase.

    Args:
        region: (z, y, x) bool.
        phases_hu: phase -> (z, y, x) HU; voxels of exactly FILL_HU hold no data.

    Returns:
        phase -> mean and (population) standard deviation; without phases that have data in less than half of the region.
    """
    found = {}
    wanted = int(np.count_nonzero(region))
    for phase, hu in phases_hu.items():
        values = hu[region]
        values = values[values != FILL_HU].astype(np.float64)
        if wanted and values.size >= LEAST_SHARE * wanted:
            found[phase] = Attenuation(float(values.mean()), float(values.std()), int(values.size))
    return found


def ring(
    lesion: np.ndarray, lesions: np.ndarray, liver: np.ndarray, spacing_mm: Sequence[float]
) -> np.ndarray:
    """Mark the liver within 10 mm around a lesion.

    Voxels that touch a lesion are left out: they hold a part of it.

    Args:
        lesion: (z, y, x) bool, with a margin of 10 mm around it as far as the volume goes.
        lesions: All lesions there.
        liver: The liver there.
        spacing_mm: Voxel size along x, y, z.

    Returns:
        (z, y, x) bool.
    """
    near = distance_transform_edt(~lesion, sampling=list(spacing_mm)[::-1]) <= RING_MM
    return np.asarray(near & liver & ~binary_dilation(lesions, np.ones((3, 3, 3), bool)))
