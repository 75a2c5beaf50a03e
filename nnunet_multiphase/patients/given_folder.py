"""Say what a folder that the user gave stands for: a DICOM tree, one patient, or a folder for each patient."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from nnunet_multiphase.cases.cohort import case_folders
from nnunet_multiphase.cases.near_miss import exact_name, is_system_folder, likeness
from nnunet_multiphase.errors import InputError, first_of
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.volume_file import volume_stem

_PREAMBLE = 128

_MAY_BE_PATIENT = re.compile(r"\.(zip|tar|tgz|gz|bz2|xz|7z|rar|iso|nii)\b")
"""An archive, or a volume that is no whole file yet (pv.nii.gz.part)."""

_ARCHIVE = re.compile(r"\.(zip|tar|tgz|7z|rar|iso|tar\.(gz|bz2|xz))$")

_MOST_NAMED = 3
"""Files or folders in one sentence."""


def is_dicom_tree(folder: Path, output: Path | None = None) -> bool:
    """Say whether a folder holds DICOM, at any depth, and no volume file (.nii.gz and the like) at its top.

    Where pydicom is not installed, a file counts that has DICOM's preamble, which most have.

    Args:
        folder: What the user gave.
        output: Folder of the results: what lies in it is no input.
    """
    look = _dicom_test()
    if any(path.is_file() and not look(path) for path in _volumes(folder)):
        return False
    return any(look(path) for path in _files(folder, output))


def refuse_volumes_among_dicom(tree: Path, output: Path | None = None) -> None:
    """Refuse a DICOM tree with volume files in it: the import would pass over them, and a patient may be one of them.

    Masks are no patients, and what is hidden or an archive's leaving nobody means.

    Args:
        tree: A DICOM tree.
        output: Folder of the results: what lies in it is no input.

    Raises:
        InputError: It holds both.
    """
    look = _dicom_test()
    volumes, dicom = [], None
    for path in _files(tree, output):
        if volume_stem(path) is not None and _is_visible(path.relative_to(tree)) and _seems_image(path):
            if not look(path):
                volumes.append(path)
        elif dicom is None and look(path):
            dicom = path
    if volumes:
        raise InputError(
            f"{tree} holds DICOM{f' ({dicom.relative_to(tree)})' if dicom else ''} and volume files "
            f"({_named(volumes, tree)}), and which of them are the patients cannot be told: give the folder of each patient "
            "by itself, or move the one kind out of it"
        )


def patients_in(folder: Path, output: Path | None = None) -> list[Path]:
    """List the case folders that a folder without DICOM stands for: itself, or all folders in it where one holds volumes.

    A folder that is no case is listed as well: reading it says what is wrong with it. Left out, nobody would miss it.

    Args:
        folder: What the user gave.
        output: Folder of the results: it is no patient.

    Raises:
        InputError: It holds volumes, and folders of patients too.
    """
    inner = [path for path in case_folders(folder) if not _is_same(path, output)]
    holding = [path for path in inner if not path.is_dir() or _volumes(path)]  # or a link to nothing
    own = _volumes(folder)
    if own:
        patients = [
            p
            for p in holding
            if p.name.lower() not in PHASES and p.is_dir() and any(map(_is_phase, _volumes(p)))
        ]
        if patients:
            raise InputError(
                f"{folder} holds {_named(own, folder)} and folders with phases of their own ({_named(patients, folder)}): "
                "give the folder of each patient by itself, or move what is no patient out of it; one patient's files can "
                "be given with --phase PHASE=FILE --case NAME"
            )
        return [folder]
    if not holding or any(path.name.lower() in PHASES for path in holding):
        return [folder]
    return inner


def files_beside(folder: Path) -> str:
    """Name the files beside patients' folders that may be a patient, such as an archive; the empty text: there is none."""
    beside = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and _MAY_BE_PATIENT.search(path.name.lower())
    )
    return f"{folder}: not used, for in no patient's folder: {_named(beside, folder)}" if beside else ""


def is_archive(path: Path) -> bool:
    """Tell a file that is named as an archive; a compressed volume is none."""
    return path.is_file() and _ARCHIVE.search(path.name.lower()) is not None


def _volumes(folder: Path) -> list[Path]:
    """List what is named as a volume file; not what is hidden, such as macOS' ._pv.nii.gz."""
    return sorted(
        path for path in folder.iterdir() if volume_stem(path) is not None and not path.name.startswith(".")
    )


def _is_phase(path: Path) -> bool:
    like = exact_name(volume_stem(path) or "")
    return like is not None and like.kind == "image"


def _seems_image(path: Path) -> bool:
    like = likeness(volume_stem(path) or "", path.parent.name)
    if like is None:
        return path.suffix.lower() not in (".img", ".hdr")  # viewers on CDs bring files of such names
    return like.kind == "image"


def _is_visible(path: Path) -> bool:
    return not any(part.startswith(".") or is_system_folder(Path(part)) for part in path.parts)


def _named(paths: list[Path], folder: Path) -> str:
    return first_of([path.relative_to(folder) for path in paths], _MOST_NAMED)


def _is_same(path: Path, output: Path | None) -> bool:
    return output is not None and path.resolve() == output.resolve()


def _dicom_test() -> Callable[[Path], bool]:
    if find_spec("pydicom") is None:
        return _has_preamble
    from nnunet_multiphase.dicom.files import Kind, kind_of

    return lambda path: kind_of(path) is Kind.DICOM


def _files(folder: Path, output: Path | None) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_same(Path(place, name), output))
        yield from (Path(place, name) for name in sorted(names))


def _has_preamble(path: Path) -> bool:
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"
    except OSError:
        return False
