"""Recognise a cohort that is not in case folders, and say with which patterns it can be read all the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from nnunet_multiphase.cases.layout import one_form
from nnunet_multiphase.cases.near_miss import exact_name, likeness
from nnunet_multiphase.cases.nnunet_form import told_of_nnunet_form
from nnunet_multiphase.dicom.files import is_dicom
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.volume_file import volume_stem

_DEEPEST = 4
"""Folders below a subject's that are looked into: session, kind of image, and one to spare."""


_FIRST = 3
"""Folders of a cohort that are looked through for DICOM files: the others are alike, and hold many files."""
_START = 512
"""Bytes of a file that say whether it is DICOM."""


def told_of_other_form(raw: Path, folders: Sequence[Path], expected: str) -> str:
    """Say in which known form a cohort is that has no case folders; the empty text: in none.

    Args:
        raw: The cohort's folder.
        folders: The folders in it that would be cases.
        expected: What case folders hold.

    Returns:
        A clause to follow the folder's name, and the options that read it.
    """
    if (files := _dicom_tree(folders)) is not None:
        return (
            f"seems to hold DICOM studies ({files.relative_to(raw)}): expected {expected}; make case folders of them with "
            f"`nnunet-multiphase import-dicom {raw} NEW_FOLDER`, and give setup the new folder"
        )
    if nnunet := told_of_nnunet_form(raw, expected):
        return nnunet
    what, options = _folder_of_each_phase(folders) or _bids(folders) or ("", "")
    return f"{what}: expected {expected}; say how it is named with {options}" if what else ""


def _dicom_tree(folders: Sequence[Path]) -> Path | None:
    """Find a folder of DICOM files two or more folders below a patient's, as archives come; None where volumes lie too."""
    if any(volume_stem(path) is not None for folder in folders for path in _entries(folder)):
        return None
    found = None
    for folder in folders[:_FIRST]:
        if _volumes_below(folder):
            return None
        inner = [path for path in _entries(folder) if path.is_dir()]
        deeper = [series for path in inner for series in _entries(path) if series.is_dir()]
        found = found or next((place for series in deeper if (place := _dicom_below(series))), None)
    return found


def _dicom_below(folder: Path, depth: int = 2) -> Path | None:
    """Find the first folder, this one or one in it to a depth, whose first file is DICOM."""
    entries = _entries(folder)
    first = next((path for path in entries if path.is_file()), None)
    if first is not None:
        with first.open("rb") as stream:
            if is_dicom(stream.read(_START)):
                return folder
    inner = [path for path in entries if path.is_dir()] if depth < _DEEPEST else []
    return next((place for path in inner if (place := _dicom_below(path, depth + 1))), None)


def _folder_of_each_phase(folders: Sequence[Path]) -> tuple[str, str] | None:
    """Recognise one folder for each phase, with the cases in it; what it is, and the options."""
    phases: dict[str, Path] = {}
    for folder in folders:
        like = likeness(folder.name, "")
        if like is not None and like.kind == "image" and like.phase and _holds_cases(folder):
            if like.phase in phases:
                return None  # two folders for one phase: names of cases, perhaps
            phases[like.phase] = folder
    if len(phases) < 2:
        return None
    first = next(iter(phases.values()))
    volumes = [entry for entry in _entries(first) if entry.is_file() and volume_stem(entry) is not None]
    if volumes:
        ending = volumes[0].name[len(volume_stem(volumes[0]) or "") :]
        named = all((volume_stem(path) or "").endswith(f"_{first.name}") for path in volumes)
        pattern, mask = f"{{phase}}/{{case}}{'_{phase}' * named}{ending}", f"{{case}}{ending}"
    else:
        pattern, mask = "{phase}/{case}/*.nii.gz", "{case}/*.nii.gz"
    others = [folder.name for folder in folders if folder not in phases.values() and _entries(folder)]
    masks = others[0] if len(others) == 1 else "MASKS"
    names = _names({phase: folder.name for phase, folder in phases.items()})
    return (
        f"seems to hold a folder for each phase ({', '.join(folder.name for folder in phases.values())})",
        f"--pattern '{pattern}'{names} --lesions '{masks}/{mask}' --drawn-on PHASE",
    )


def _bids(folders: Sequence[Path]) -> tuple[str, str] | None:
    """Recognise BIDS, such as sub-01/ses-01/ct/sub-01_ses-01_ce-art_ct.nii.gz; what it is, and the options."""
    subjects = [folder for folder in folders if re.fullmatch(r"sub-[^_]+", folder.name)]
    volumes = [path for subject in subjects[:1] for path in _volumes_below(subject)]
    if not volumes or not all(path.name.startswith(f"{subjects[0].name}_") for path in volumes):
        return None
    sessions = any(path.is_dir() for subject in subjects for path in subject.glob("ses-*"))
    several = any(len([*subject.glob("ses-*")]) > 1 for subject in subjects)
    where = "/".join(volumes[0].relative_to(subjects[0]).parts[1 if sessions else 0 : -1])
    start = "sub-{patient}/ses-{case}" if several else "{case}/*" if sessions else "{case}"
    key, after, words = _telling_entity([path.name for path in volumes if path.parent == volumes[0].parent])
    name = f"*_{key}{{phase}}{after}" if key else "*_{phase}_ct.nii.gz"
    pattern = "/".join(filter(None, (start, where, name)))
    return "seems to be in BIDS form", f"--pattern '{pattern}'{_names(words)} and, for the masks, --lesions"


def _telling_entity(names: Sequence[str]) -> tuple[str, str, dict[str, str]]:
    """Find the part of BIDS names that tells the phases of one session apart.

    Returns:
        What stands before the phase, such as "ce-", and after it; phase -> what the names call it. Empty: none does.
    """
    parts = [name.split("_") for name in names]
    for at, part in enumerate(parts[0][:-1] if parts else []):
        key, _, word = part.rpartition("-")
        rests = {"_".join(p[at + 1 :]) for p in parts}
        if not word or len(rests) > 1 or len({len(p) for p in parts}) > 1:
            continue
        known: dict[str, str] = {}
        for text in sorted(p[at].rpartition("-")[2] for p in parts):
            like = likeness(text, "")
            if like is not None and like.kind == "image" and like.phase:
                known.setdefault(like.phase, text)
        if len(known) > 1:
            return f"{key}-" if key else "", f"_{rests.pop()}", known
    return "", "", {}


def _names(words: Mapping[str, str]) -> str:
    """Write --phase-names where the files call the phases otherwise than we do; empty where not."""
    called = {phase: one_form(words[phase]) for phase in PHASES if phase in words}
    if all(phase == word for phase, word in called.items()) and called:
        return ""
    shown = " ".join(f"'{p}={w}'" if re.search(r"[^\w.-]", w) else f"{p}={w}" for p, w in called.items())
    return f" --phase-names {shown or 'nc=... art=... pv=... dl=...'}"


def _holds_cases(folder: Path) -> bool:
    """Tell whether a folder holds volumes, or folders of them, and none that is named as a case's phase."""
    stems = [volume_stem(entry) for entry in _entries(folder)]
    if any(stem is not None and exact_name(stem) is not None for stem in stems):
        return False
    inner = (path for entry in _entries(folder) if entry.is_dir() for path in _entries(entry))
    return any(stem is not None for stem in stems) or any(volume_stem(path) is not None for path in inner)


def _volumes_below(folder: Path, depth: int = 1) -> list[Path]:
    """List the volumes in a folder and those in it, to a depth."""
    found = [entry for entry in _entries(folder) if entry.is_file() and volume_stem(entry) is not None]
    inner = [entry for entry in _entries(folder) if entry.is_dir()] if depth < _DEEPEST else []
    return found + [path for entry in inner for path in _volumes_below(entry, depth + 1)]


def _entries(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
