"""Bring a volume onto another's grid: cubic splines for images, nearest neighbours for labels."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from registration.volume import image_like, values_of


def resample_image(
    moving: sitk.Image,
    reference: sitk.Image,
    transform: sitk.Transform | None = None,
    *,
    fill_hu: float = -1024.0,
) -> sitk.Image:
    """Resample an image by cubic B-splines.

    Args:
        moving: The image.
        reference: The grid wanted.
        transform: Reference points -> moving points; none = the headers are right.
        fill_hu: Value where the moving has no data.

    Returns:
        Image on the reference's grid, of the moving's pixel type (integers rounded), within the moving's
        range wherever it has data: cubic splines overshoot at edges, and HU that no scanner gave are not wanted.
    """
    values = values_of(moving)
    resampled = values_of(
        sitk.Resample(
            sitk.Cast(moving, sitk.sitkFloat32),
            reference,
            transform or sitk.Transform(3, sitk.sitkIdentity),
            sitk.sitkBSpline,
            0.0,
            sitk.sitkFloat32,
        )
    )
    inside = values_of(coverage(moving, reference, transform)) > 0
    resampled = np.clip(resampled, values.min(), values.max())
    if np.issubdtype(values.dtype, np.integer):
        limits = np.iinfo(values.dtype)
        resampled = np.rint(resampled)
        fill_hu = float(np.clip(round(fill_hu), limits.min, limits.max))
    return image_like(np.where(inside, resampled, fill_hu).astype(values.dtype), reference)


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
