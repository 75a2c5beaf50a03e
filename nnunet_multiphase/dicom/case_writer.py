"""Step 9: write one case's phases and masks beside its place, then move it there."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.data.case_folder import PATIENT_TABLE
from nnunet_multiphase.dicom.choose import Choice
from nnunet_multiphase.dicom.masks import Layer, read_masks
from nnunet_multiphase.dicom.pixels import as_image, read_hu_and_remarks
from nnunet_multiphase.dicom.pseudonyms import Name
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES


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
    drawn_on: dict[str, bool] = {}  # phase -> whether its lesion mask holds any lesion
    for choice in choices:
        volume, phase = choice.volume, choice.phase
        assert volume.grid is not None
        what = f"case {name.case}, {phase} (series {volume.key})"
        hu, odd = read_hu_and_remarks(volume.grid, what)
        remarks += [f"{what}: {remark}" for remark in odd]
        image = as_image(hu, volume.grid)
        sitk.WriteImage(image, str(folder / f"{phase}.nii.gz"))
        here = [layer for layer in layers if layer.volume_key == volume.key]
        masks = read_masks(here, volume, what)
        if "lesions" in masks:
            drawn_on[phase] = bool(masks["lesions"].any())
        if "liver" in masks and not masks["liver"].any():
            del masks["liver"]
            remarks.append(f"case {name.case}: the liver mask on {phase} is empty and was left out")
        elif "liver" in masks:
            masks["liver"] |= masks.get("lesions", np.False_)  # a liver includes its lesions
        for kind, mask in masks.items():
            file = folder / f"{kind}_{phase}.nii.gz"
            sitk.WriteImage(as_image(mask.astype(np.uint8), volume.grid), str(file))
    if any(drawn_on.values()):
        # An empty mask beside a drawn one must not become the one that is chosen.
        for phase in [phase for phase, any_lesion in drawn_on.items() if not any_lesion]:
            del drawn_on[phase]
            (folder / f"lesions_{phase}.nii.gz").unlink()
            remarks.append(
                f"case {name.case}: the lesion mask on {phase} is empty and was left out; there are lesions on "
                f"{', '.join(p for p in PHASES if drawn_on.get(p))}"
            )
    if len(drawn_on) > 1:
        remarks.append(
            f"case {name.case}: lesions were drawn on {', '.join(p for p in PHASES if p in drawn_on)}, all masks are "
            "written; pass setup --several-masks merge (unite them) or reference (use the reference's)"
        )
    elif not drawn_on:
        remarks.append(
            f"case {name.case}: no lesion mask; setup needs one, or leaves the case out with --no-mask skip"
        )
    return remarks


def _own_hidden(entry: Path, cases: set[str]) -> bool:
    """Recognise what a killed run left."""
    names = {f".{case}{end}" for case in cases for end in (".partial", ".old")}
    return entry.name in {*names, f".{PATIENT_TABLE}.partial"}
