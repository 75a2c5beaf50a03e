"""A small oblique volume that is written in many formats."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk


def oblique_volume(seed: int = 0) -> sitk.Image:
    """Make noise on a grid of 9 x 8 x 7 voxels, turned about z, with one voxel of air."""
    image = sitk.GetImageFromArray(np.random.default_rng(seed).normal(50, 20, (7, 8, 9)).astype(np.int16))
    image[0, 0, 0] = -1000
    image.SetSpacing((0.8, 0.9, 2.5))
    image.SetOrigin((-30.0, 12.0, 400.0))
    image.SetDirection((0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
    return image


def values(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)
