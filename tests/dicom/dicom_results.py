"""What the tests of DICOM results share: two lesions on one series, and made-up measurements of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from dicom_phantom import AXIAL, ORIGIN_MM, SHAPE, SPACING_MM
from pydicom.dataset import Dataset, FileDataset

from nnunet_multiphase.measurement.record import Attenuation, Diameter, LesionMeasures, PatientMeasures


def two_lesions(orientation: Sequence[float] = AXIAL) -> sitk.Image:
    """Draw lesion 1 on planes 4 to 6 and lesion 2 on plane 2, unlike their mirror images, on the phantom's grid."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:7, 12:16, 8:13] = 1
    labels[4, 12, 8] = 0
    labels[2, 20:22, 6] = 2
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin(ORIGIN_MM)
    row, column = orientation[:3], orientation[3:]
    image.SetDirection(np.stack([row, column, np.cross(row, column)], axis=1).ravel().tolist())
    return image


def two_measured() -> PatientMeasures:
    """Make up what was measured of them."""
    return PatientMeasures(
        "one",
        "pv",
        (
            _measured(
                1, 8.85, 26.5, 20.25, {"art": Attenuation(95.5, 12.0, 59), "pv": Attenuation(70.25, 9.0, 59)}
            ),
            _measured(
                2, 0.3, 12.0, 5.0, {"art": Attenuation(88.0, 4.0, 2), "pv": Attenuation(101.125, 5.0, 2)}
            ),
        ),
        liver_ml=1500.0,
    )


def no_lesion() -> PatientMeasures:
    """Make up a patient without a lesion."""
    return PatientMeasures("one", "pv", (), liver_ml=1500.0)


def frames(item: Dataset) -> dict[tuple[int, str], np.ndarray]:
    """Read a segmentation bit by bit (PS3.5 8.1.1: the first pixel is the lowest bit): (segment, source) -> (y, x)."""
    bits = np.unpackbits(np.frombuffer(item.PixelData, np.uint8), bitorder="little")
    rows, columns = item.Rows, item.Columns
    found = {}
    for k, frame in enumerate(item.PerFrameFunctionalGroupsSequence):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        source = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        plane = bits[k * rows * columns : (k + 1) * rows * columns].reshape(rows, columns)
        found[int(number), str(source)] = plane
    return found


def saved(slices: Sequence[FileDataset], folder: Path) -> list[Path]:
    """Write a series; its files in the order of its planes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{k:03d}" for k in range(len(slices))]
    for item, path in zip(slices, paths, strict=True):
        item.save_as(path, enforce_file_format=True)
    return paths


def _measured(
    number: int, ml: float, axial: float, short: float, hu: dict[str, Attenuation]
) -> LesionMeasures:
    def diameter(mm: float) -> Diameter:
        return Diameter(mm, ((0.0, 0.0, 0.0), (mm, 0.0, 0.0)))

    return LesionMeasures(
        number, ml, diameter(axial), diameter(short), diameter(axial), (0.0, 0.0, 0.0), lesion=hu
    )
