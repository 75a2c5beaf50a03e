"""A mask file drawn on a volume of a few slices, without the rest of an import."""

from __future__ import annotations

from pathlib import Path

import pydicom
from dicom_phantom import save
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.dicom.scan import MaskFile, scan_tree
from nnunet_multiphase.dicom.volumes import Volume, volumes_of
from nnunet_multiphase.dicom_import.drawing import Drawn
from nnunet_multiphase.dicom_import.masks import Layer
from nnunet_multiphase.dicom_import.rtstruct import regions
from nnunet_multiphase.dicom_import.segmentation import draw_segment, segments


def volume_of(slices: list[FileDataset], tmp_path: Path) -> Volume:
    save(slices, tmp_path / "tree")
    (series,) = scan_tree(tmp_path / "tree").series
    (volume,) = volumes_of(series)
    return volume


def grid_of(slices: list[FileDataset], tmp_path: Path) -> Grid:
    grid = volume_of(slices, tmp_path).grid
    assert grid is not None
    return grid


def drawn_seg(seg: FileDataset, grid: Grid, tmp_path: Path, number: int = 1) -> Drawn:
    seg.save_as(tmp_path / "seg.dcm")
    (planes,) = [
        one.planes for one in segments(pydicom.dcmread(tmp_path / "seg.dcm")) if one.number == number
    ]
    return draw_segment(tmp_path / "seg.dcm", number, planes, grid)


def layer_of(path: Path, modality: str, volume: Volume, kind: str = "lesions") -> Layer:
    header = pydicom.dcmread(path)
    drawing = (segments if modality == "SEG" else regions)(header)[0]
    return Layer(kind, MaskFile(path, "", "", modality), drawing.number, "m1", volume.key, drawing.planes)
