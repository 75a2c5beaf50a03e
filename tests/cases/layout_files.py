"""A small cohort under names of its own, its files one by one, and files that are names alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.mask_choice import MaskRule

NAMES = {"0": "nc", "1": "art", "2": "pv", "3": "dl"}
LAYOUT = Layout(
    image="{case}/{phase}_scan.nii.gz",
    phase_names=NAMES,
    lesions="masks/{case}_{phase}_*.nrrd",
    lesion_labels=None,
)
ONE = MaskRule()
SIZE = (6, 5, 4)  # x, y, z


def touch(folder: Path, *names: str) -> Path:
    """Make empty files: only their names are read here."""
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder


def write_volume(path: Path, seed: int = 0) -> Path:
    """Write noise about 50 HU with one voxel of air."""
    values = np.random.default_rng(seed).normal(50, 20, SIZE[::-1]).astype(np.int16)
    values[0, 0, 0] = -1000
    return write(path, values)


def write_labels(path: Path, *labels: int) -> Path:
    """Write one voxel of each label, in a row from (1, 1, 1) on."""
    values = np.zeros(SIZE[::-1], np.uint8)
    values[1, 1, 1 : 1 + len(labels)] = labels
    return write(path, values)


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(values)
    image.SetOrigin((-5.0, 0.0, 0.0))  # at 0, its header would look lost
    sitk.WriteImage(image, str(path))
    return path


def write_layout(raw: Path) -> None:
    for case, phases, masks in (("P1", "012", ("2_1", "2_2")), ("P2", "13", ("1_1",))):
        for number, phase in enumerate(phases):
            write_volume(raw / case / f"{phase}_scan.nii.gz", seed=number)
        for mask in masks:
            write_labels(raw / "masks" / f"{case}_{mask}.nrrd", 1)


def write_series(folder: Path, volume: Path) -> None:
    """Write a volume as a DICOM series, one file a slice."""
    folder.mkdir(parents=True)
    image = sitk.Cast(sitk.ReadImage(str(volume)), sitk.sitkInt16)
    for z in range(image.GetDepth()):
        cut = image[:, :, z]
        values = {
            "0008|0060": "CT",
            "0020|000e": f"1.2.826.0.1.3680043.2.1125.{abs(hash(folder.name)) % 10**8}",
            "0020|0032": f"-5\\0\\{z}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(z + 1),
            "0028|1052": "0",
            "0028|1053": "1",
        }
        for tag, value in values.items():
            cut.SetMetaData(tag, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"image_{z}.dcm"))
        writer.Execute(cut)
