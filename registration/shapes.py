"""Shapes of boolean arrays (z, y, x), by SimpleITK: scipy.ndimage would take half as long to import as a registration."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


def distances_to(places: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give each voxel's distance (mm, between voxel centres) to the nearest marked one; not empty.

    Args:
        places: Boolean array (z, y, x), with at least one voxel marked.
        spacing_mm: Voxel size (z, y, x).
    """
    return np.maximum(signed_distances_to(places, spacing_mm), 0)


def signed_distances_to(places: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give each voxel's distance (mm) to the surface of the marked ones, below 0 inside; as in `distances_to`."""
    signed = sitk.SignedMaurerDistanceMap(
        _image(places, spacing_mm), insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    return sitk.GetArrayFromImage(signed)


def pieces(places: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the connected pieces (by faces) from 1; 0 elsewhere."""
    return sitk.GetArrayFromImage(sitk.ConnectedComponent(_image(places), False)).astype(np.int64)


def opened_in_slices(places: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take away what is thinner than three voxels within its slice."""
    opened = sitk.BinaryMorphologicalOpening(_image(places), (1, 1, 0), sitk.sitkCross)
    return sitk.GetArrayFromImage(opened).astype(bool)


def filled_in_slices(places: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill each slice's holes."""
    # Full slices between the slices and at both ends: what is a hole in its slice is then one in space.
    apart = np.ones((2 * len(places) + 1, *places.shape[1:]), dtype=bool)
    apart[1::2] = places
    return sitk.GetArrayFromImage(sitk.BinaryFillhole(_image(apart)))[1::2].astype(bool)


def lowest_around(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the lowest of each voxel and its 26 neighbours."""
    return sitk.GetArrayFromImage(
        sitk.GrayscaleErode(sitk.GetImageFromArray(values), (1, 1, 1), sitk.sitkBox)
    )


def smoothed(
    values: NDArray[np.float32], spacing_mm: NDArray[np.float64], sigma_mm: float
) -> NDArray[np.float32]:
    """Smooth by a Gaussian of a given width in mm."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing([float(s) for s in spacing_mm[::-1]])
    return sitk.GetArrayFromImage(
        sitk.DiscreteGaussian(image, [sigma_mm**2] * image.GetDimension(), 9, 0.05, True)
    )


def _image(places: NDArray[np.bool_], spacing_mm: NDArray[np.float64] | None = None) -> sitk.Image:
    image = sitk.GetImageFromArray(places.astype(np.uint8))
    if spacing_mm is not None:
        image.SetSpacing([float(s) for s in spacing_mm[::-1]])
    return image
