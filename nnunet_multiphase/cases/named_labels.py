"""Compare the labels that count as lesion and liver with what a dataset.json beside the masks calls them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.errors import InputError, printable
from nnunet_multiphase.label_classes import classes_of_record, read_record
from nnunet_multiphase.volumes.mask_file import MaskFiles
from nnunet_multiphase.words.labels import meanings_in, read_label

_VESSELS = re.compile(r"vessel|vein|arter|aorta|cava|duct")
_OPTION = {"lesions": "--lesion-labels", "liver": "--liver-labels"}


def find_contradicted_labels(cases: Iterable[CaseFolder]) -> list[str]:
    """Find labels that count as lesion or liver and are plainly called something else.

    Args:
        cases: As patterns or a preset find them. Nothing is opened but a dataset.json in or above the folder of a mask.

    Returns:
        A sentence for each label of each dataset.json.
    """
    problems: list[str] = []
    records: dict[Path, tuple[Path, Mapping[str, Sequence[int]]] | None] = {}
    asked: set[tuple[Path, str, tuple[int, ...]]] = set()
    for files in (mask for case in cases for mask in _masks(case)):
        folder = files.paths[0].parent
        if files.values is None or (folder, files.organ, files.values) in asked:
            continue
        asked.add((folder, files.organ, files.values))
        if folder not in records:
            records[folder] = _named(folder)
        if (named := records[folder]) is not None:
            told = _told(files, *named)
            problems += [sentence for sentence in told if sentence not in problems]
    return problems


def _masks(case: CaseFolder) -> Iterator[MaskFiles]:
    for files in (case.lesions, case.liver, *case.moving_lesions.values()):
        if files is not None and files.organ in _OPTION:
            yield files


def _named(folder: Path) -> tuple[Path, Mapping[str, Sequence[int]]] | None:
    """Read the names of labels that hold for a folder's files; None: nothing says them (nnU-Net's lies above labelsTr)."""
    try:
        found = read_record(folder, *([folder.parent] if folder.name.lower().startswith("labels") else []))
        return None if found is None else (found[0], classes_of_record(found[1], found[0], ()).others)
    except InputError:
        return None


def _told(files: MaskFiles, record: Path, names: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Say which of the labels are called otherwise."""
    for value in files.values or ():
        called = [name for name, values in names.items() if value in values]
        if not called or not all(_is_other(name, files.organ) for name in called):
            continue
        right = [
            f"{name} {' '.join(map(str, values))}"
            for name, values in names.items()
            if _means(name, files.organ)
        ]
        known = (
            f"it has {', '.join(right)}"
            if right
            else f"it has no label called {files.organ.removesuffix('s')}"
        )
        how = f"--preset {files.preset}" if files.preset else _OPTION[files.organ]
        yield (
            f"{record} calls label {value} {printable(called[0])}, which {how} takes for {_wanted(files.organ)}; {known}: "
            "correct the option, or dataset.json if that is wrong"
        )


def _is_other(name: str, organ: str) -> bool:
    """Tell whether a name is plainly neither the organ's nor what it may hold."""
    means, plain = meanings_in(_words(name)), name.lower()
    if "lesion" in means:  # a kidney's are none
        return organ == "lesions" and "place" in means and not {"liver", "hepatic"} & means
    if _VESSELS.search(plain) or "place" in means:
        return True
    return organ == "lesions" and read_label(_words(name)).kind == "liver"


def _means(name: str, organ: str) -> bool:
    return read_label(_words(name)).kind == organ and not _VESSELS.search(name.lower())


def _wanted(organ: str) -> str:
    return "the liver" if organ == "liver" else "lesions"


def _words(name: str) -> str:
    return name.replace("_", " ")
