"""Hold what a check of plausibility looks at, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from registration.finding import Finding as Finding
from registration.plausible_spacing import is_bare

SAMPLES_IN_PLANE = 128
SAMPLES_ALONG = 96


@dataclass(frozen=True)
class Sample:
    """Hold every n-th voxel of a volume, its axes named after the patient's.

    Attributes:
        hu: (z, y, x) from feet to head, front to back, the patient's right to left, whatever the file's order is.
        spacing_mm: Between the samples (z, y, x).
        full_spacing_mm: Of the volume itself (x, y, z), as the header says.
        full_size: Voxels of the volume (x, y, z).
        index_to_world: 3 x 3 matrix from a sample's index (x, y, z) to mm.
        origin_mm: World position (x, y, z) of the first sample.
        bare: Whether the header says no more than an array has, as `registration.plausible_spacing.is_bare`.
    """

    hu: np.ndarray
    spacing_mm: tuple[float, float, float]
    full_spacing_mm: tuple[float, float, float]
    full_size: tuple[int, int, int]
    index_to_world: np.ndarray
    origin_mm: np.ndarray
    bare: bool = False


def sample_volume(image: sitk.Image) -> Sample:
    """Take every n-th voxel, so that no check depends on the volume's size."""
    steps = [max(1, -(-n // limit)) for n, limit in zip(image.GetSize(), _limits(image), strict=True)]
    values = sitk.GetArrayViewFromImage(image)[:: steps[2], :: steps[1], :: steps[0]]
    spacing = tuple(s * n for s, n in zip(image.GetSpacing(), steps, strict=True))
    axes, flips = patient_axes(image)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    first, columns = [0, 0, 0], []
    for axis, flip in zip(axes[::-1], flips[::-1], strict=True):  # x, y, z
        back = flip.step == -1
        first[2 - axis] = (values.shape[axis] - 1) * steps[2 - axis] if back else 0
        columns.append(direction[:, 2 - axis] * spacing[2 - axis] * (-1 if back else 1))
    hu = np.transpose(np.array(values, np.float32), axes)[flips]  # a copy: the view ends with the image
    zyx = [spacing[2 - axis] for axis in axes]
    return Sample(
        hu,
        (zyx[0], zyx[1], zyx[2]),
        image.GetSpacing(),
        image.GetSize(),
        np.column_stack(columns),
        np.array(image.TransformIndexToPhysicalPoint(first)),
        is_bare(image.GetSpacing(), image.GetOrigin(), image.GetDirection()),
    )


def patient_axes(image: sitk.Image) -> tuple[list[int], tuple[slice, ...]]:
    """Say how to turn an array (z, y, x) of the file's order so that its axes point up, back and left (LPS).

    Returns:
        The order for `numpy.transpose`, and a slice for each axis that turns it round where it runs the other way.
    """
    direction = np.nan_to_num(np.array(image.GetDirection()).reshape(3, 3))  # [patient's axis, file's axis]
    file_axes: list[int] = []
    flips: list[slice] = []
    for patient_axis in (2, 1, 0):
        row = np.abs(direction[patient_axis]).copy()
        row[file_axes] = -1
        axis = int(np.argmax(row))
        file_axes.append(axis)
        flips.append(slice(None, None, -1 if direction[patient_axis, axis] < 0 else 1))
    return [2 - axis for axis in file_axes], tuple(flips)


def _limits(image: sitk.Image) -> list[int]:
    """Give the most samples along x, y and z: fewer across the slices."""
    thick = int(np.argmax(image.GetSpacing()))
    return [SAMPLES_ALONG if axis == thick else SAMPLES_IN_PLANE for axis in range(3)]
