"""Find the liver roughly where no mask says where it is, and ask whether it and the lesions lie where they can."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.spatial import cKDTree

from nnunet_multiphase.cases.plausibility import Finding, Sample

COARSE_MM = 5.0
MOST_OF_BODY = 0.2
"""What is found and fills more of the body than this is no organ, or a volume cropped so close that sides say nothing."""
LEFT_OF_MIDDLE = 0.15
"""Centre of what is found, left of the body's middle, in half widths of the body: livers lie at -0.3."""
NEAR_MM = 20.0
"""What is found ends some way inside the liver, and phases lie a breath apart."""
LEAST_NEAR = 0.2
LARGE_ML = 150.0
"""So large a tumour may be what is left of the liver, and of other HU."""
MOST_POINTS = 3000


@dataclass(frozen=True)
class FoundLiver:
    """Hold a liver found without a mask.

    Attributes:
        points_mm: World positions (n, 3: x, y, z).
        left: Its centre left of the body's middle, in half widths of the body; below 0 on the right.
        hu: Its median.
        ml: Its volume, of the rough grid's voxels.
    """

    points_mm: np.ndarray
    left: float
    hu: float
    ml: float


def locate_liver(sample: Sample) -> FoundLiver | None:
    """Find the liver as the registration does; None where nothing looks like one."""
    # Imported here: numba takes a second, and most commands stop before.
    from registration.liver import find_liver
    from registration.region import body_region
    from registration.volume import Volume, world_from_index

    steps = [max(1, round(COARSE_MM / s)) for s in sample.spacing_mm]  # z, y, x
    hu = np.ascontiguousarray(sample.hu[:: steps[0], :: steps[1], :: steps[2]])
    volume = Volume(hu, sample.index_to_world * steps[::-1], sample.origin_mm)
    body = body_region(volume, threshold_hu=-300.0, rim_mm=0.0)
    across = np.argwhere(body)[:, 2]
    if min(hu.shape) < 8 or not len(across):
        return None
    liver = find_liver(volume, body)
    if liver is None or liver.sum() > MOST_OF_BODY * body.sum():
        return None
    index = np.argwhere(liver)
    right, left = np.quantile(across, (0.005, 0.995))
    place = float((index[:, 2].mean() - (right + left) / 2) / max(1.0, (left - right) / 2))
    voxel_ml = abs(float(np.linalg.det(volume.index_to_world))) / 1000
    return FoundLiver(
        world_from_index(volume, index), place, float(np.median(hu[liver])), len(index) * voxel_ml
    )


def find_liver_on_the_left(found: Collection[FoundLiver]) -> Finding | None:
    """Say that the liver lies on the patient's left in all phases.

    Args:
        found: Livers found in the phases of one case.
    """
    if not found or min(liver.left for liver in found) < LEFT_OF_MIDDLE:
        return None
    return Finding(
        "liver-side",
        "seems to have its liver on the patient's left in every phase: the headers are mirrored, unless the patient has a "
        "situs inversus or a spleen larger than the liver; correct the headers",
    )


def lesions_elsewhere(mask: np.ndarray, image: sitk.Image, found: Collection[FoundLiver]) -> str:
    """Say that lesions lie away from any liver that was found, as a thing to look at: the search is rough.

    Args:
        mask: Lesions, boolean (z, y, x).
        image: The volume they are drawn on.
        found: Livers found in the phases of the case.

    Returns:
        A clause to follow the mask's name; the empty text where nothing is strange.
    """
    index = np.argwhere(mask)
    if not len(index) or not found:
        return ""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    some = index[:: -(-len(index) // MOST_POINTS), ::-1] * image.GetSpacing()
    points = some @ direction.T + image.GetOrigin()
    away, _ = cKDTree(np.concatenate([liver.points_mm for liver in found])).query(points)
    near = float((away <= NEAR_MM).mean())
    ml = len(index) * float(np.prod(image.GetSpacing())) / 1000
    if near > 0 and (near >= LEAST_NEAR or ml > LARGE_ML):
        return ""
    return (
        f"lies {np.median(away):.0f} mm from what looks like the liver: look whether the mask is mirrored, moved or another "
        "case's; with a liver mask this is known better"
    )
