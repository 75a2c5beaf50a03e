"""Public sets of CT in miniature, laid out as they come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from layout_files import (
    write_labels,
    write_series,
    write_volume,
)

from nnunet_multiphase.volumes.mask_file import MaskFiles, read_mask
from nnunet_multiphase.volumes.volume_file import read_volume


def mask_of(files: MaskFiles | None, image: Path) -> list[tuple[int, ...]]:
    """List the voxels (z, y, x) of a mask."""
    assert files is not None
    array = sitk.GetArrayFromImage(read_mask(files, read_volume(image), "image"))
    return [tuple(int(i) for i in index) for index in np.argwhere(array)]


def waw(raw: Path) -> None:
    for phase in range(4):
        write_volume(raw / "17" / f"17_{phase}_scan.nii.gz", seed=phase)
    folder = raw / "tumor_masks_wawtace_v1_08_05_2024" / "17"
    write_labels(folder / "17_1_1_tumor_seg.nrrd", 1)
    write_labels(folder / "17_1_2_tumor_seg.nrrd", 0, 0, 1)


def mct(raw: Path) -> None:
    for number, phase in enumerate(("nc", "art", "pvp", "delay")):
        write_volume(raw / "c17" / "NIFTI" / f"{phase}.nii.gz", seed=number)
    write_labels(raw / "c17" / "mask_pvp.nii.gz", 1, 0, 1)
    write_labels(raw / "c17" / "liver_mask_pvp.nii.gz", 1, 1, 1)


def trials(raw: Path) -> None:
    for number, phase in enumerate(("nocontrast", "arterial", "venous", "delayed")):
        write_volume(raw / "imagesTr" / "TriALS_17" / f"TriALS_17_{phase}.nii.gz", seed=number)
        labels = (2, 1, 2) if phase == "venous" else (2, 1, 1)
        write_labels(raw / "labelsTr (Task 2)" / "TriALS_17" / f"TriALS_17_{phase}.nii.gz", *labels)
    write_labels(raw / "labelsTr (Task 2)" / "TriALS_17" / "TriALS_17_combined.nii.gz", 2, 2, 2)


def plc(raw: Path) -> None:
    lines = ["patient_id,phase,cancer_type,ct_path,mask_path,liver_mask_path"]
    for number, phase in enumerate(("P", "C1", "C2", "C3")):
        image = f"ct_files/P0017_ct_{phase}.nii.gz"
        write_volume(raw / image, seed=number)
        mask = "some_masks/a.nii.gz" if phase == "C2" else ""
        lines.append(f"P0017,{phase},HCC,{image},{mask},")
    write_labels(raw / "some_masks" / "a.nii.gz", 1, 0, 1)
    (raw / "patient_data.csv").write_text("\n".join(lines))


def msd_liver(raw: Path) -> None:
    write_volume(raw / "imagesTr" / "liver_17.nii.gz")
    write_labels(raw / "labelsTr" / "liver_17.nii.gz", 2, 1, 2)
    (raw / "dataset.json").write_text("{}")


def msd_vessel(raw: Path) -> None:
    write_volume(raw / "imagesTr" / "hepaticvessel_017.nii.gz")
    write_labels(raw / "labelsTr" / "hepaticvessel_017.nii.gz", 2, 1, 2)


def lits(raw: Path) -> None:
    write_volume(raw / "Training Batch 2" / "volume-17.nii")
    write_labels(raw / "Training Batch 2" / "segmentation-17.nii", 2, 1, 2)


def ircadb(raw: Path) -> None:
    folder = raw / "3Dircadb1.17"
    write_series(folder / "PATIENT_DICOM", write_volume(raw / "tmp.nii"))
    for name, labels in (("livertumor1", (255,)), ("livertumor02", (0, 0, 255)), ("liver", (255, 255, 255))):
        write_series(folder / "MASKS_DICOM" / name, write_labels(raw / "tmp.nii", *labels))
    (raw / "tmp.nii").unlink()


MINIATURES: dict[str, tuple[Callable[[Path], None], str, str, tuple[str, ...], bool]] = {
    # preset: writer, case, reference, phases, whether there is a liver mask
    "waw-tace": (waw, "17", "art", ("nc", "art", "pv", "dl"), False),
    "mct-ltdiag": (mct, "c17", "pv", ("nc", "art", "pv", "dl"), True),
    "trials": (trials, "TriALS_17", "pv", ("nc", "art", "pv", "dl"), True),
    "plc-cect": (plc, "P0017", "pv", ("nc", "art", "pv", "dl"), False),
    "msd-liver": (msd_liver, "liver_17", "pv", ("pv",), True),
    "msd-hepaticvessel": (msd_vessel, "hepaticvessel_017", "pv", ("pv",), False),
    "lits": (lits, "17", "pv", ("pv",), True),
    "3d-ircadb": (ircadb, "17", "pv", ("pv",), True),
}
