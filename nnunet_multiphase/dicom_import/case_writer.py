"""Step 9: write one case's phases and masks beside its place, then move it there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunet_multiphase.cases.patient_table import PATIENT_TABLE
from nnunet_multiphase.dicom.geometry import TOO_FEW
from nnunet_multiphase.dicom.pixels import as_image, read_hu
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.choose import Choice
from nnunet_multiphase.dicom_import.draw_masks import Masks, check_against_voxels, draw_masks
from nnunet_multiphase.dicom_import.made_of import (
    InTree,
    Made,
    check_nothing_is_lost,
    files_of,
    made_of,
)
from nnunet_multiphase.dicom_import.masks import Layer
from nnunet_multiphase.dicom_import.pseudonyms import Name
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.exchange import remove_folder, replace_folder, settle_folder
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.table_cells import write_rows
from nnunet_multiphase.whole_file import is_beside, whole_file
from registration.volume_file import write_volume


@dataclass(frozen=True)
class Written:
    """What came of writing a case."""

    remarks: list[str]
    made: list[Made]


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


def settle_cases(out: Path, names: Iterable[Name]) -> None:
    """Take back, or remove, what an import that was killed has left of exchanging cases."""
    for case in {name.case for name in names}:
        settle_folder(out / case)


def write_case(
    out: Path,
    name: Name,
    choices: Sequence[Choice],
    layers: Sequence[Layer],
    empty: Sequence[str] = (),
    *,
    before: Sequence[Made],
    tree: InTree,
    compress: bool = True,
) -> Written:
    """Write one case; a case of that name from an earlier import is replaced, unless that would lose what it holds.

    Args:
        out: The cohort's folder; made if need be.
        name: The case.
        choices: The volumes that are used, one a phase.
        layers: The masks on them.
        empty: Lesion masks in which nothing was drawn and which lie nowhere, as they are called in a message.
        before: What an earlier import made the case of.
        tree: What was found in this run.
        compress: Write phases as .nii.gz, not .nii, which takes a tenth of the time and twice the space.

    Returns:
        What the user should know, one sentence each, and what the files were made of.

    Raises:
        InputError: Pixels or a mask cannot be read, a mask does not lie in its volume, all lesion masks are empty, or an
            earlier import wrote what this tree does not hold; nothing of the case is written.
    """
    out.mkdir(parents=True, exist_ok=True)
    partial = out / f".{name.case}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        remarks = _write_files(partial, name, choices, layers, empty, compress)
        remarks += check_nothing_is_lost(out / name.case, before, files_of(partial), tree)
        made = made_of(partial, choices, layers)
        replace_folder(partial, out / name.case)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Written(remarks, made)


def remove_case(out: Path, name: Name) -> bool:
    """Remove a case of an earlier import; False if there is none."""
    return remove_folder(out / name.case)


def leave_out(
    out: Path, name: Name, volumes: Sequence[Volume], before: Sequence[Made], tree: InTree
) -> tuple[str, bool]:
    """Say why there is no case, and remove what an earlier import wrote of it, unless it was made of what is not here.

    Args:
        out: The cohort's folder.
        name: The case.
        volumes: All that was found of it; none is used.
        before: What an earlier import made the case of.
        tree: What was found in this run.

    Returns:
        The sentence, and whether it is a failure: there are CT images other than scouts and the like.
    """
    try:
        check_nothing_is_lost(out / name.case, before, (), tree)
        earlier = "; what an earlier import wrote of it was removed" if remove_case(out, name) else ""
    except InputError:
        earlier = "; what an earlier import wrote of it was made of more than this TREE holds, and stays"
    if any(volume.has_phase or _may_be_ct(volume) for volume in volumes):
        return f"case {name.case}: no series can be used, see the series table{earlier}", True
    return f"case {name.case}: no CT images, left out{earlier}", False


def write_patients(out: Path, names: Iterable[Name]) -> None:
    """Write which case is of which patient, for the cases that are there."""
    with whole_file(out / PATIENT_TABLE) as beside, beside.open("w", newline="", encoding="utf-8") as stream:
        rows = sorted({(name.case, name.patient) for name in names if (out / name.case).is_dir()})
        write_rows(stream, [("case", "patient"), *rows])


def _write_files(
    folder: Path,
    name: Name,
    choices: Sequence[Choice],
    layers: Sequence[Layer],
    empty: Sequence[str],
    compress: bool,
) -> list[str]:
    remarks: list[str] = []
    lesions: dict[str, Masks] = {}  # phase -> what was drawn on it, where that is a lesion mask
    for choice in choices:
        volume, phase = choice.volume, choice.phase
        assert volume.grid is not None
        what = f"case {name.case}, {phase} (series {volume.key})"
        hu = read_hu(volume.grid, what)
        write_volume(as_image(hu, volume.grid), folder / f"{phase}.nii{'.gz' if compress else ''}")
        masks = draw_masks([layer for layer in layers if layer.volume_key == volume.key], volume, what)
        remarks += masks.notes
        try:
            remarks += [f"{what}: {note}" for note in check_against_voxels(masks, hu, volume.grid.spacing_mm)]
        except InputError as error:
            raise InputError(f"{what}: {error}") from error
        if "lesions" in masks.kinds:
            lesions[phase] = masks
        if "liver" in masks.kinds and not masks.kinds["liver"].any():
            del masks.kinds["liver"]
            remarks.append(f"case {name.case}: the liver mask on {phase} is empty and was left out")
        elif "liver" in masks.kinds:
            masks.kinds["liver"] |= masks.kinds.get("lesions", np.False_)  # a liver includes its lesions
        for kind, mask in masks.kinds.items():
            write_volume(as_image(mask.astype(np.uint8), volume.grid), folder / f"{kind}_{phase}.nii.gz")
    return remarks + _look_at_lesions(folder, name, lesions, empty)


def _look_at_lesions(
    folder: Path, name: Name, lesions: Mapping[str, Masks], empty: Sequence[str]
) -> list[str]:
    """Leave out empty lesion masks beside drawn ones, and say on which phases lesions were drawn.

    Raises:
        InputError: All are empty, and nobody said that there is no lesion.
    """
    remarks: list[str] = []
    drawn_on = [phase for phase in PHASES if phase in lesions and lesions[phase].kinds["lesions"].any()]
    free = [phase for phase in PHASES if phase in lesions and lesions[phase].lesion_free]
    if drawn_on and free:
        raise InputError(
            f"case {name.case}: the mask table says lesion-free of a mask on {', '.join(free)}, but there are lesions on "
            f"{', '.join(drawn_on)}; set taken_as to no for one of them"
        )
    if not drawn_on and not free and (lesions or empty):
        which = ", ".join([*(f"the lesion mask on {p}" for p in PHASES if p in lesions), *empty])
        raise InputError(
            f"case {name.case}: the region is empty: {which}; draw the lesions, or, if the patient has none, set taken_as "
            "to lesion-free in the mask table (no: as if there were no mask) and pass --mask-table"
        )
    there = f"was left out; there are lesions on {', '.join(drawn_on)}"
    for phase in (phase for phase in PHASES if phase in lesions and drawn_on and phase not in drawn_on):
        # An empty mask beside a drawn one must not become the one that is chosen.
        (folder / f"lesions_{phase}.nii.gz").unlink()
        remarks.append(f"case {name.case}: the lesion mask on {phase} is empty and {there}")
    remarks += [f"case {name.case}: {title} is empty and {there}" for title in empty if drawn_on]
    if len(drawn_on) > 1:
        remarks.append(
            f"case {name.case}: lesions were drawn on {', '.join(drawn_on)}, all masks are "
            "written; pass setup --several-masks merge (unite them) or reference (use the reference's)"
        )
    elif not lesions:
        remarks.append(
            f"case {name.case}: no lesion mask; setup needs one, or leaves the case out with --no-mask skip"
        )
    return remarks


def _may_be_ct(volume: Volume) -> bool:
    """Say whether images without a phase may still be what is left of one."""
    return not volume.modality or any(
        TOO_FEW in problem or problem.startswith("multi-frame") for problem in volume.blocked
    )


def _own_hidden(entry: Path, cases: set[str]) -> bool:
    """Recognise what a killed run left."""
    names = {f".{case}{end}" for case in cases for end in (".partial", ".old", ".gone")}
    return entry.name in names or is_beside(entry.name, PATIENT_TABLE)
