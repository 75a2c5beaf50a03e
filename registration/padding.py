"""Take what scanners write where they measured nothing for air, before a spline rings at its edge."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from registration.volume import image_like

AIR_HU = -1024
NO_HU_BELOW = -1500
"""Noise around air (-1000 HU) does not reach it: padding, as scanners write it where they measured nothing."""
LEAST_PADDING = 0.0005
"""Share of a volume; fewer voxels are noise."""


def without_padding(image: sitk.Image) -> sitk.Image:
    """Make air of the -2000 or -3024 that scanners write where they measured nothing; noise of air stays.

    Before it is resampled, or a spline would ring into the body at the padding's edge.

    Args:
        image: Volume, HU. Where every voxel is below `NO_HU_BELOW` nothing is padding, and nothing is changed.

    Returns:
        The volume in its own pixel type; the same one where there is no padding.
    """
    values = sitk.GetArrayViewFromImage(image)
    if values.min() >= NO_HU_BELOW or values.max() < NO_HU_BELOW:
        return image
    return image_like(np.where(values < NO_HU_BELOW, np.asarray(AIR_HU, values.dtype), values), image)


def tell_padding(image: sitk.Image) -> str:
    """Say that a volume is padded with what is no HU, which becomes air.

    Returns:
        A clause to follow the file's name; the empty text where a few such voxels, or none, are nothing to tell.
    """
    values = sitk.GetArrayViewFromImage(image)
    lowest = float(values.min())
    share = float((values < NO_HU_BELOW).mean()) if lowest < NO_HU_BELOW else 0.0
    if share < LEAST_PADDING:
        return ""
    return (
        f"holds {lowest:g} and the like in {max(1, round(100 * share))} % of its voxels, where nothing was seen: taken as "
        f"air ({AIR_HU} HU)"
    )
