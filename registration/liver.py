"""Find the liver roughly where nobody drew it: the thickest even piece of soft tissue, right rather than left.

Roughly is enough: the region is only what the motion is fitted on, and the liver's neighbours under the diaphragm
move nearly as it does. How much of what is found is liver stands in docs/results.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.shapes import distances_to, pieces, smoothed
from registration.volume import Volume, world_from_index

SOFT_HU = (15.0, 190.0)  # liver in any phase, fatty ones and late arterial ones included
BAND_HU = 22.0  # half width of one organ's values after smoothing, and the step from band to band
SMOOTHING_MM = 4.0
OPENING_MM = 9.0  # what is thinner is muscle, vessel or a bridge between organs
LEAST_ML = 150.0
LEAST_DEPTH_MM = 18.0  # of its inmost point; the muscles of the back have less
LEFT_WEIGHT = 0.2  # a left liver exists, and headers lie: the side speaks, it does not decide


def find_liver(volume: Volume, body: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Find the liver in a CT volume of any contrast phase.

    Args:
        volume: A coarse layer (some 6 mm), HU; the patient's right is at -x (LPS).
        body: The patient (z, y, x) on that layer.

    Returns:
        Boolean array (z, y, x); none where nothing is large, thick and even enough.
    """
    spacing = volume.spacing_zyx_mm
    smooth = smoothed(volume.values, spacing, SMOOTHING_MM)
    soft = (smooth > SOFT_HU[0]) & (smooth < SOFT_HU[1]) & body
    weight = _side_weight(volume, body)
    least_voxels = 1000 * LEAST_ML / np.prod(spacing)
    liver, best = None, 0.0
    for middle_hu in np.arange(SOFT_HU[0] + BAND_HU / 2, SOFT_HU[1], BAND_HU):
        band = soft & (np.abs(smooth - middle_hu) < BAND_HU)
        if band.sum() < least_voxels:
            continue
        depth = distances_to(~band, spacing)
        objects = pieces(depth > OPENING_MM)
        # Thick, large and right: the sum of the depths over a piece, weighted by the side.
        scores = np.bincount(objects.ravel(), weights=(depth * weight).ravel())
        scores[0] = 0.0
        core = objects == int(np.argmax(scores))
        if scores.max() > best and depth[core].max() >= LEAST_DEPTH_MM:
            best = float(scores.max())
            liver = band & (distances_to(core, spacing) <= OPENING_MM)
    if liver is None or liver.sum() < least_voxels:
        return None
    return liver


def _side_weight(volume: Volume, body: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weight each voxel of the body by its side: 1 at its right face, less and less to the left."""
    x = world_from_index(volume, np.argwhere(body))[:, 0]
    weight = np.zeros(volume.values.shape)
    if len(x):
        right, left = x.min(), x.max()
        weight[body] = 1 - (1 - LEFT_WEIGHT) * (x - right) / max(left - right, 1.0)
    return weight
