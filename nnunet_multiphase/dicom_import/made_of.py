"""Step 9a: remember what each case's files were made of, so that a TREE which lacks it takes nothing away.

A study may come in several deliveries. A case is made anew of what is in the TREE of the run, so that a delivery of the
arterial phase alone would delete the others, and an export without its SEG the lesions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.dicom.scan import NOBODYS_STUDY
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.choose import Choice
from nnunet_multiphase.dicom_import.masks import Layer
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.table_cells import write_rows
from nnunet_multiphase.table_text import read_table
from nnunet_multiphase.whole_file import whole_file

_HEADER = ("case", "file", "source", "slices", "images")


@dataclass(frozen=True)
class Made:
    """One thing that one file of a case was made of; hashes, safe to show."""

    file: str  # pv, lesions_pv
    source: str  # the key of a volume, or of a mask
    slices: int = 0  # of a volume
    images: str = ""  # a hash of which they are


@dataclass(frozen=True)
class InTree:
    """What the TREE of this run holds, by its keys."""

    volumes: Mapping[str, Volume]
    masks: Collection[str]


def made_of(folder: Path, choices: Iterable[Choice], layers: Sequence[Layer]) -> list[Made]:
    """Say what the files in a case's folder were made of.

    Args:
        folder: With the files, just written.
        choices: The volumes that were used.
        layers: The masks on them.
    """
    found = []
    there = files_of(folder)
    for choice in choices:
        key = choice.volume.key
        found.append(Made(choice.phase, key, len(choice.volume.slices), _images(choice.volume)))
        found += [
            Made(f"{layer.kind}_{choice.phase}", layer.key)
            for layer in layers
            if layer.volume_key == key and f"{layer.kind}_{choice.phase}" in there
        ]
    return found


def files_of(folder: Path) -> set[str]:
    """List a case's files without their endings; none where there is no folder."""
    return {path.name.partition(".")[0] for path in folder.glob("*.nii*")} if folder.is_dir() else set()


def check_nothing_is_lost(
    folder: Path, before: Sequence[Made], new: Collection[str], tree: InTree
) -> list[str]:
    """Make sure that what replaces a case of an earlier import takes no file away that this TREE does not explain.

    A file whose series or mask is in the TREE and not used any more is left out as the user, or what is known now, has it.

    Args:
        folder: The case's; there need be none.
        before: What the earlier import made it of.
        new: The files that would take the place of those in it, as `files_of` lists them.
        tree: What was found in this run.

    Returns:
        What the user should know, one sentence each.

    Raises:
        InputError: Something would be lost.
    """
    case, old = folder.name, files_of(folder)
    known = [made for made in before if made.file in old]
    gone = sorted({made.file for made in known if made.file not in new and not _is_there(made, tree)})
    less = [
        made for made in known if made.file not in gone and (_is_less(made, tree) or _is_other(made, tree))
    ]
    if gone or less:
        why = (
            [f"{', '.join(gone)}: made of what is not in this TREE, or cannot be used any more"]
            if gone
            else []
        )
        why += [f"{made.file}: {_now(made, tree)}" for made in less]
        raise InputError(
            f"case {case}: an earlier import made it of more than this TREE holds, which would be lost "
            f"({'; '.join(why)}); give all files of the study in one TREE, or remove {folder} to have the case made of this "
            "TREE alone"
        )
    other = sorted({made.file for made in known if made.file in new and not _is_there(made, tree)})
    unknown = sorted(old - {made.file for made in before} - {*new})
    told = (
        [f"{', '.join(other)} replaced by what was made of other series or masks than before"]
        if other
        else []
    )
    told += [f"{', '.join(unknown)} removed, which an earlier import wrote"] if unknown else []
    return [f"case {case}: {sentence}" for sentence in told]


def made_of_path(out: Path) -> Path:
    """Give the place of the record: beside OUT, with the other tables."""
    return out.with_name(f"{out.name}_made_of.csv")


def read_made_of(out: Path) -> dict[str, list[Made]]:
    """Read what the cases in OUT were made of; of those that it does not name nothing is known.

    Raises:
        InputError: Not a file of ours.
    """
    path = made_of_path(out)
    found: dict[str, list[Made]] = {}
    if path.is_file():
        for row in read_table(path, _HEADER, remedy="remove it").rows:
            count = int(row["slices"]) if row["slices"].isdigit() else 0
            found.setdefault(row["case"], []).append(Made(row["file"], row["source"], count, row["images"]))
    return found


def write_made_of(out: Path, cases: Mapping[str, Sequence[Made]]) -> None:
    """Write it for the cases that are there."""
    rows = [
        (case, made.file, made.source, made.slices, made.images)
        for case, files in sorted(cases.items())
        for made in files
        if (out / case).is_dir()
    ]
    with whole_file(made_of_path(out)) as beside, beside.open("w", newline="", encoding="utf-8") as stream:
        write_rows(stream, [_HEADER, *rows])


def _is_there(made: Made, tree: InTree) -> bool:
    if made.slices:
        return made.source in tree.volumes and not tree.volumes[made.source].blocked
    return made.source in tree.masks


def _is_less(made: Made, tree: InTree) -> bool:
    """Say whether a series has come with fewer slices than before, as when a delivery is still going on."""
    return (
        made.slices > 0
        and made.source in tree.volumes
        and len(tree.volumes[made.source].slices) < made.slices
    )


def _is_other(made: Made, tree: InTree) -> bool:
    """Say whether other images bear the same key, as those of anybody whose headers were emptied do."""
    volume = tree.volumes.get(made.source) if made.slices else None
    return volume is not None and volume.series.study == NOBODYS_STUDY and _images(volume) != made.images


def _now(made: Made, tree: InTree) -> str:
    if _is_less(made, tree):
        return f"{len(tree.volumes[made.source].slices)} slices where there were {made.slices}"
    return "other images, whose headers do not say whose they are: give them a PatientID"


def _images(volume: Volume) -> str:
    """Hash which images a volume consists of; not to be confirmed without knowing UIDs and PatientID."""
    series = volume.series
    each = sorted(f"{part.uid} {[round(mm, 2) for mm in part.position or ()]}" for part in volume.slices)
    text = "\n".join((series.patient_id, series.study, series.uid, *each))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
