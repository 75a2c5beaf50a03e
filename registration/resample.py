"""Bring a volume onto another's grid: cubic splines for images, nearest neighbours for labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.padding import without_padding
from registration.volume import image_like, values_of
from registration.whole_volume import resample_linearly_moved


def resample_image(
    moving: sitk.Image,
    reference: sitk.Image,
    transform: sitk.Transform | None = None,
    *,
    fill_hu: float = -1024.0,
) -> sitk.Image:
    """Resample an image by cubic B-splines.

    Args:
        moving: The image; padding below -1500 HU becomes air first.
        reference: The grid wanted.
        transform: Reference points -> moving points; none = the headers are right.
        fill_hu: Value where the moving has no data.

    Returns:
        Image on the reference's grid, of the moving's pixel type (integers rounded), within the moving's
        range wherever it has data: cubic splines overshoot at edges, and HU that no scanner gave are not wanted.
    """
    return resample_with_coverage(moving, reference, transform, fill_hu=fill_hu)[0]


def resample_with_coverage(
    moving: sitk.Image,
    reference: sitk.Image,
    transform: sitk.Transform | None = None,
    *,
    fill_hu: float = -1024.0,
    threads: int = 1,
) -> tuple[sitk.Image, NDArray[np.bool_]]:
    """Resample an image by cubic B-splines, and tell where it has data.

    Args:
        moving: The image; padding below -1500 HU becomes air first.
        reference: The grid wanted.
        transform: Reference points -> moving points; none = the headers are right.
        fill_hu: Value where the moving has no data.
        threads: That share the work; the result does not depend on them.

    Returns:
        What `resample_image` gives, and an array (z, y, x) that is true where the moving has data.
    """
    transform = transform or sitk.Transform(3, sitk.sitkIdentity)
    moving = without_padding(moving)
    values = sitk.GetArrayViewFromImage(moving)
    lowest, highest = values.min(), values.max()
    if np.issubdtype(values.dtype, np.integer):
        limits = np.iinfo(values.dtype)
        fill_hu = float(np.clip(round(fill_hu), limits.min, limits.max))
    shape = reference.GetSize()[::-1]
    resampled = np.empty(shape, values.dtype)
    covered = np.empty(shape, bool)
    parts = (
        resample_linearly_moved(values, _array_affine(moving, reference, transform), shape, threads)
        if transform.IsLinear()
        else _resampled_by_itk(moving, reference, transform)
    )
    for slices, found, inside in parts:
        np.clip(found, lowest, highest, out=found)
        if np.issubdtype(values.dtype, np.integer):
            np.rint(found, out=found)
        found[~inside] = fill_hu
        resampled[slices] = found
        covered[slices] = inside
    return image_like(resampled, reference), covered


def _array_affine(
    moving: sitk.Image, reference: sitk.Image, transform: sitk.Transform
) -> NDArray[np.float64]:
    """Give the (3, 4) matrix from an index (z, y, x) of the reference to an array position in the moving."""
    corners = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]  # x, y, z
    ends = np.array(
        [
            moving.TransformPhysicalPointToContinuousIndex(
                transform.TransformPoint(reference.TransformContinuousIndexToPhysicalPoint(corner))
            )
            for corner in corners
        ]
    )[:, ::-1]
    return np.column_stack([(ends[1:] - ends[0]).T, ends[0]])


def _resampled_by_itk(
    moving: sitk.Image, reference: sitk.Image, transform: sitk.Transform
) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.bool_]]]:
    """Resample along a transform that bends."""
    found = sitk.Resample(
        sitk.Cast(moving, sitk.sitkFloat32), reference, transform, sitk.sitkBSpline, 0.0, sitk.sitkFloat32
    )
    yield slice(None), values_of(found), values_of(coverage(moving, reference, transform)) > 0


def resample_labels(
    labels: sitk.Image, reference: sitk.Image, transform: sitk.Transform | None = None
) -> sitk.Image:
    """Resample labels by nearest neighbours; 0 outside; no value that was not there before.

    Args:
        labels: The label image.
        reference: The grid wanted.
        transform: Reference points -> points of the labels; none = the headers are right.

    Returns:
        Image on the reference's grid, of the labels' pixel type.
    """
    transform = transform or sitk.Transform(3, sitk.sitkIdentity)
    return sitk.Resample(labels, reference, transform, sitk.sitkNearestNeighbor, 0.0, labels.GetPixelID())


def coverage(
    moving: sitk.Image, reference: sitk.Image, transform: sitk.Transform | None = None
) -> sitk.Image:
    """Mark the reference's voxels at which the moving volume has data.

    Args:
        moving: The moving volume; only its grid matters.
        reference: The grid wanted.
        transform: Reference points -> moving points; none = the headers are right.

    Returns:
        uint8 image on the reference's grid: 1 inside the moving's voxels, 0 outside.
    """
    everywhere = sitk.Image(moving.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(moving)
    return resample_labels(everywhere, reference, transform)
