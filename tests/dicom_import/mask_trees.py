"""What the tests of masks share: two phases, an import, its masks, and the mask table, read and corrected."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from dicom_phantom import phase_series
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree

SQUARE = [(7.5, 9.5), (12.5, 9.5), (12.5, 13.5), (7.5, 13.5)]  # x 8..12, y 10..13
GTV = {"GTV": [(4, SQUARE), (5, SQUARE)]}


def run(tmp_path: Path, **options: Any) -> Summary:
    return import_tree(tmp_path / "tree", tmp_path / "raw", **options)


def masks_in(tmp_path: Path) -> dict[str, int]:
    """List the masks of the first case: name -> voxels."""
    return {
        path.name[:-7]: int(np.asarray(nib.load(path).dataobj).sum())
        for path in sorted((tmp_path / "raw" / "patient_001").glob("l*_*.nii.gz"))
    }


def table(tmp_path: Path) -> list[dict[str, str]]:
    with (tmp_path / "raw_masks.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def correct(tmp_path: Path, *changes: dict[str, str]) -> Path:
    """Change the rows of the mask table, the first with the first changes, and so on."""
    rows = table(tmp_path)
    for row, change in zip(rows, changes, strict=True):
        row.update(change)
    path = tmp_path / "corrected.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def series_of(tmp_path: Path, phase: str) -> str:
    with (tmp_path / "raw_series.csv").open(newline="", encoding="utf-8") as stream:
        return next(row["series"] for row in csv.DictReader(stream) if row["phase"] == phase)


def phases(**of_pv: Any) -> tuple[list[FileDataset], list[FileDataset]]:
    return phase_series("art", description="art"), phase_series("pv", description="pv", **of_pv)
