"""A tree of one portal venous series, as it was written, imported and found whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from dicom_phantom import abdomen_hu
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree


def save_numbered(items: Iterable[FileDataset], folder: Path) -> None:
    """Write files by their order, for UIDs that are not there or all the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(items):
        item.save_as(folder / f"{number:03d}", enforce_file_format=True)


def imported(tmp_path: Path) -> Summary:
    return import_tree(tmp_path / "tree", tmp_path / "raw")


def assert_pv_is_whole(tmp_path: Path) -> None:
    image = sitk.ReadImage(str(tmp_path / "raw" / "patient_001" / "pv.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), abdomen_hu("pv"))
