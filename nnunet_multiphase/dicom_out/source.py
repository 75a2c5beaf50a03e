"""Read the series that lesions were found on, and see that its planes are those of their grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.dicom.geometry import ORIENTATION_TOLERANCE, ROUNDING_MM, STEP_TOLERANCE
from nnunet_multiphase.dicom.header import read_header, text_of
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.errors import InputError

_REFUSED = "the DICOM segmentation and report are not written"


@dataclass(frozen=True)
class SourceSeries:
    """Hold the images of one series, plane by plane.

    Attributes:
        headers: One data set a plane, without pixels, in the order of the grid's planes.
        step_mm: Distance between planes.
    """

    headers: tuple[Any, ...]
    step_mm: float

    @property
    def first(self) -> Any:
        """Give the header of the lowest plane, for what all have in common."""
        return self.headers[0]


def source_files(volume: Volume, what: str) -> tuple[Path, ...]:
    """List the files of a volume that an import chose, one a plane.

    Args:
        volume: From the import.
        what: Case and phase, for messages.

    Raises:
        InputError: The volume was resampled, comes from several series, or lies in multi-frame files: no segmentation
            of its own grid could refer to one image a plane.
    """
    if volume.grid is None or volume.grid.size is not None:
        raise InputError(
            f"{what}: its slices were resampled to an even grid, which no image of the source has; {_REFUSED}"
        )
    if len(volume.grid.slices) != len({part.path for part in volume.grid.slices}):
        raise InputError(
            f"{what}: its slices are frames of a multi-frame file: expected one file a slice; {_REFUSED}"
        )
    return tuple(part.path for part in volume.grid.slices)


def read_source(files: Sequence[Path], grid: sitk.Image, what: str) -> SourceSeries:
    """Read the headers of a series and match them to the planes of a grid.

    Args:
        files: One a plane, in any order.
        grid: 3D image whose third axis goes from plane to plane.
        what: Case and phase, for messages.

    Raises:
        InputError: The files are of several series or studies, an instance is lacking, or they lie elsewhere.
    """
    headers = [read_header(path) for path in files]
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        found = {text_of(header, name) for header in headers}
        if "" in found:
            raise InputError(f"{what}: its images have no {name}, which DICOM results refer to; {_REFUSED}")
        if len(found) > 1:
            raise InputError(f"{what}: it was made of {len(found)} series ({name} differs); {_REFUSED}")
    if any(not text_of(header, "SOPInstanceUID") or not text_of(header, "SOPClassUID") for header in headers):
        raise InputError(f"{what}: an image of it has no SOPInstanceUID or SOPClassUID; {_REFUSED}")
    columns, rows, planes = grid.GetSize()
    if len(headers) != planes:
        raise InputError(
            f"{what}: expected {planes} images of the source series, one a plane, found {len(headers)}; {_REFUSED}"
        )
    direction = np.array(grid.GetDirection()).reshape(3, 3)
    headers.sort(key=lambda header: float(_numbers(header, "ImagePositionPatient", 3) @ direction[:, 2]))
    spacing = np.array(grid.GetSpacing())
    # As far from an even grid as the import lets a plane lie: see geometry.py.
    along = max(2 * ROUNDING_MM, 2 * STEP_TOLERANCE * spacing[2])
    for k, header in enumerate(headers):
        away = _numbers(header, "ImagePositionPatient", 3) - grid.TransformIndexToPhysicalPoint((0, 0, k))
        turned = _numbers(header, "ImageOrientationPatient", 6) - direction[:, :2].T.ravel()
        scale = _numbers(header, "PixelSpacing", 2)[::-1] / spacing[:2]
        fits = (
            (header.get("Rows"), header.get("Columns")) == (rows, columns)
            and abs(float(away @ direction[:, 2])) <= along
            and (np.abs(away @ direction[:, :2]) <= spacing[:2]).all()
            and np.abs(turned).max() <= 2 * ORIENTATION_TOLERANCE
            and np.abs(scale - 1).max() <= ORIENTATION_TOLERANCE
        )  # of a place that is not given (NaN) nothing holds
        if not fits:
            raise InputError(
                f"{what}: plane {k + 1} of the labels' grid is no image of the source series (an instance is lacking, or "
                f"the grid is another one); {_REFUSED}"
            )
    return SourceSeries(tuple(headers), float(spacing[2]))


def _numbers(header: Any, name: str, count: int) -> np.ndarray:
    values = [float(value) for value in header.get(name) or ()]
    return np.array(values if len(values) == count else [np.nan] * count)
