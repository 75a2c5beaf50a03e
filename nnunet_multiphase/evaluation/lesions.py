"""Take a segmentation apart into lesions: one per connected component, with size and place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cc3d
import numpy as np
import SimpleITK as sitk
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from nnunet_multiphase.alignment.align import bounding_box, box_slices
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.orientation import turned
from registration.volume import corner_distances_mm, grid_limit_mm, image_like

CONNECTIVITY: Final = 26
"""Voxels that share a face, an edge or a corner belong to one lesion."""


@dataclass(frozen=True)
class Lesion:
    """Hold one lesion's measurements.

    Attributes:
        id: 1 for the largest lesion of the segmentation, 2 for the next, and so on.
        volume_ml: voxels times voxel volume, in ml.
        diameter_mm: longest in-slice (axial) diameter over all slices, as RECIST reads it, in mm.
        centre_mm: mean of the voxel centres in SimpleITK's physical (LPS) frame, in mm.
    """

    id: int
    volume_ml: float
    diameter_mm: float
    centre_mm: tuple[float, float, float]


def label_lesions(mask: np.ndarray) -> np.ndarray:
    """Number the lesions of a mask from the largest (1) to the smallest.

    Args:
        mask: (z, y, x) array; every non-zero voxel is lesion, whatever its value.

    Returns:
        (z, y, x) int32 array: 0 background, 1..n lesions by falling voxel count (26-connectivity); of two
        equally large ones the first in scan order comes first. All 0 for an empty mask.
    """
    if mask.ndim != 3:
        raise ValueError(f"a lesion mask has three axes (z, y, x), this one has shape {mask.shape}")
    lesion = mask != 0
    numbers = np.zeros(mask.shape, np.int32)
    if not lesion.any():
        return numbers
    box = box_slices(bounding_box(lesion))  # a tenth of the time where lesions lie as they do
    components, count = cc3d.connected_components(
        np.ascontiguousarray(lesion[box]), connectivity=CONNECTIVITY, return_N=True
    )
    voxels = np.bincount(components.ravel(), minlength=count + 1)[1:]
    # cc3d numbers in scan order, so a stable sort leaves equal sizes in that order.
    order = np.argsort(-voxels, kind="stable")
    new_id = np.zeros(count + 1, dtype=np.int32)
    new_id[order + 1] = np.arange(1, count + 1)
    numbers[box] = new_id[components]
    return numbers


def lesion_image(labels: sitk.Image, lesion_labels: Sequence[int]) -> sitk.Image:
    """Make the 0/1 mask of the labels that are lesion, on the same grid."""
    mask = np.isin(sitk.GetArrayViewFromImage(labels), list(lesion_labels))
    return image_like(mask.astype(np.uint8), labels)


def lesion_table(segmentation: sitk.Image) -> list[Lesion]:
    """Measure every lesion of a segmentation.

    The diameter is the largest distance between two midpoints of outer voxel edges within one axial slice,
    in whatever order the image is stored: a row of n voxels measures n times its spacing, and round lesions are
    neither one voxel too long (voxel corners) nor one too short (voxel centres).

    Args:
        segmentation: 3D mask; every non-zero voxel is lesion (of several labels take `lesion_image` first).

    Returns:
        Lesions from the largest to the smallest; an empty list for an empty segmentation.
    """
    segmentation = turned(segmentation)
    labels = label_lesions(sitk.GetArrayViewFromImage(segmentation))
    statistics = cc3d.statistics(labels.astype(np.uint32))
    spacing_xy = segmentation.GetSpacing()[:2]
    voxel_ml = math.prod(segmentation.GetSpacing()) / 1000.0

    lesions = []
    for lesion_id in range(1, int(labels.max(initial=0)) + 1):
        box = statistics["bounding_boxes"][lesion_id]
        inside = labels[box] == lesion_id
        centre_xyz = [float(c) for c in reversed(statistics["centroids"][lesion_id])]
        lesions.append(
            Lesion(
                id=lesion_id,
                volume_ml=int(statistics["voxel_counts"][lesion_id]) * voxel_ml,
                diameter_mm=slice_diameter_mm(inside, spacing_xy),
                centre_mm=tuple(segmentation.TransformContinuousIndexToPhysicalPoint(centre_xyz)),
            )
        )
    return lesions


def slice_diameter_mm(mask: np.ndarray, spacing_xy: Sequence[float]) -> float:
    """Measure the longest in-slice (maximum Feret) diameter of a mask.

    Args:
        mask: (z, y, x) bool array.
        spacing_xy: voxel size along x and y in mm.

    Returns:
        mm; 0.0 for an empty mask.
    """
    return max((_plane_diameter_mm(plane, spacing_xy) for plane in mask if plane.any()), default=0.0)


def require_same_grid(
    expected: sitk.Image, found: sitk.Image, which: str, *, remedy: str = "resample one to the other"
) -> None:
    """Raise InputError (with what to do) unless two images lie on one grid, to what setup also takes for one."""
    problem = ""
    if expected.GetSize() != found.GetSize():
        problem = f"sizes {expected.GetSize()} and {found.GetSize()}"
    elif (away := max(corner_distances_mm(expected, found).values())) > grid_limit_mm(expected):
        problem = next(
            (
                f"{what} {_numbers(one)} and {_numbers(other)}"
                for what, one, other in (
                    ("spacings", expected.GetSpacing(), found.GetSpacing()),
                    ("directions", expected.GetDirection(), found.GetDirection()),
                    ("origins", expected.GetOrigin(), found.GetOrigin()),
                )
                if not np.allclose(one, other, rtol=1e-4, atol=1e-4)
            ),
            "voxels",
        )
        problem += f", up to {away:.2g} mm apart"
    if problem:
        raise InputError(f"{which} must lie on one grid, but have {problem}; {remedy}")


def _plane_diameter_mm(plane: np.ndarray, spacing_xy: Sequence[float]) -> float:
    """Measure the largest distance (mm) between midpoints of pixel edges of a (y, x) mask."""
    return float(pdist(plane_outline(plane, spacing_xy)).max())


def plane_outline(plane: np.ndarray, spacing_xy: Sequence[float]) -> np.ndarray:
    """Give the convex outline (n, 2) in mm, in order, of a (y, x) mask through its pixels' edge midpoints."""
    y, x = np.nonzero(plane)
    half = 0.5
    points = np.concatenate(
        [np.stack([x + dx, y + dy], axis=1) for dx, dy in ((half, 0), (-half, 0), (0, half), (0, -half))]
    ) * np.asarray(spacing_xy, dtype=np.float64)
    return points[ConvexHull(points).vertices]


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{v:.4g}" for v in values) + ")"
