"""Step 9: write one case's phases and masks beside its place, then move it there."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.data.case_folder import PATIENT_TABLE
from nnunet_multiphase.dicom.choose import Choice
from nnunet_multiphase.dicom.masks import Layer, read_masks
from nnunet_multiphase.dicom.pixels import as_image, read_hu
from nnunet_multiphase.dicom.pseudonyms import Name
from nnunet_multiphase.errors import InputError

_LESION_PHASES = ("pv", "art", "dl", "nc")
"""Which lesion mask is kept where there are several: setup takes one, and pv shows most lesions."""


def check_destination(out: Path, names: Iterable[Name]) -> None:
    """Make sure that OUT is new, empty, or an earlier import.

    Args:
        out: Folder for the cases.
        names: From the key file beside it.

    Raises:
        InputError: It holds something else, or is no folder.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(
            f"{out} is a file: expected a folder, new or of an earlier import; choose another OUT"
        )
    cases = {name.case for name in names}
    foreign = sorted(
        entry.name
        for entry in out.iterdir()
        if not (
            entry.name == PATIENT_TABLE
            or _own_hidden(entry, cases)
            or (entry.is_dir() and entry.name in cases)
        )
        or not cases
    )
    if foreign:
        raise InputError(
            f"{out} holds {foreign[0]}, which no import wrote according to {out.name}_pseudonyms.csv beside it; "
            "choose another OUT"
        )


def write_case(out: Path, name: Name, choices: Sequence[Choice], layers: Sequence[Layer]) -> list[str]:
    """Write one case; a case of that name from an earlier import is replaced.

    Args:
        out: The cohort's folder; made if need be.
        name: The case.
        choices: The volumes that are used, one a phase.
        layers: The masks on them.

    Returns:
        What the user should know, one sentence each.

    Raises:
        InputError: Pixels or a mask cannot be read; nothing of the case is written.
    """
    out.mkdir(parents=True, exist_ok=True)
    partial = out / f".{name.case}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        remarks = _write_files(partial, name, choices, layers)
        remove_case(out, name)
        partial.rename(out / name.case)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return remarks


def remove_case(out: Path, name: Name) -> bool:
    """Remove a case of an earlier import; False if there is none."""
    folder, old = out / name.case, out / f".{name.case}.old"
    shutil.rmtree(old, ignore_errors=True)
    if not folder.is_dir():
        return False
    folder.rename(old)
    shutil.rmtree(old)
    return True


def write_patients(out: Path, names: Iterable[Name]) -> None:
    """Write which case is of which patient, for the cases that are there."""
    partial = out / f".{PATIENT_TABLE}.partial"
    with partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("case", "patient"))
        writer.writerows(sorted((name.case, name.patient) for name in names if (out / name.case).is_dir()))
    partial.replace(out / PATIENT_TABLE)


def _write_files(folder: Path, name: Name, choices: Sequence[Choice], layers: Sequence[Layer]) -> list[str]:
    remarks: list[str] = []
    masks: dict[str, dict[str, np.ndarray]] = {}
    for choice in choices:
        volume = choice.volume
        assert volume.grid is not None
        what = f"case {name.case}, {choice.phase} (series {volume.key})"
        sitk.WriteImage(
            as_image(read_hu(volume.grid, what), volume.grid), str(folder / f"{choice.phase}.nii.gz")
        )
        here = [layer for layer in layers if layer.volume_key == volume.key]
        masks[choice.phase] = read_masks(here, volume, what)
    with_lesions = [phase for phase in _LESION_PHASES if "lesions" in masks.get(phase, {})]
    if len(with_lesions) > 1:
        remarks.append(
            f"case {name.case}: lesions were drawn on {', '.join(with_lesions)}; setup takes one mask, "
            f"so that on {with_lesions[0]} is written"
        )
    elif not with_lesions:
        remarks.append(f"case {name.case}: no lesion mask; setup needs one (predict does not)")
    grids = {choice.phase: choice.volume.grid for choice in choices}
    for phase, found in masks.items():
        for kind, mask in _kept(found, lesions=phase in with_lesions[:1]).items():
            grid = grids[phase]
            if kind == "liver" and not mask.any():
                remarks.append(f"case {name.case}: the liver mask on {phase} is empty and was left out")
            elif grid is not None:
                file = folder / f"{kind}_{phase}.nii.gz"
                sitk.WriteImage(as_image(mask.astype(np.uint8), grid), str(file))
    return remarks


def _kept(found: Mapping[str, np.ndarray], *, lesions: bool) -> dict[str, np.ndarray]:
    """Choose what is written of one phase's masks; a liver includes its lesions."""
    kept = {"lesions": found["lesions"]} if lesions else {}
    if "liver" in found and found["liver"].any():
        kept["liver"] = found["liver"] | found.get("lesions", np.False_)
    elif "liver" in found:
        kept["liver"] = found["liver"]
    return kept


def _own_hidden(entry: Path, cases: set[str]) -> bool:
    """Recognise what a killed run left."""
    names = {f".{case}{end}" for case in cases for end in (".partial", ".old")}
    return entry.name in {*names, f".{PATIENT_TABLE}.partial"}
