"""Note what the raw cases are when the first dataset is made of them, so that all contestants are made of the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.settings import Cohort
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.inputs import find_cases
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_object, write_json
from nnunet_multiphase.volumes.volume_file import split_channel, volume_stem

RAW_CASES = "raw_cases.json"
END_BYTES = 1 << 16
"""So much of either end stands for a file that is not read whole."""
DETACHED = (".mhd", ".nhdr", ".hdr")
"""Headers whose voxels are in another file of the same name."""


def keep_raw_cases(
    work: Path, cohort: Cohort, *, made: bool, wanted: Sequence[str], say: Callable[[str], None]
) -> None:
    """Note what the raw cases are while nothing is made of them, and refuse others from then on.

    A folder that was begun before this was noted has no note: it is gone on with, and gets none.

    Args:
        work: The benchmark's folder.
        cohort: The raw cases.
        made: Whether a dataset is made of them already.
        wanted: Datasets that are to be made of them now.
        say: Told that they are gone.

    Raises:
        InputError: They are not what they were, or are gone and wanted.
    """
    note = work / RAW_CASES
    if made and not note.is_file():
        return
    cases = _cases_of(cohort)
    if not made:
        note.unlink(missing_ok=True)
        if cases:
            noted = {name: _state_of(case, cohort, with_content=True) for name, case in cases.items()}
            write_json(note, {"cases": noted})
        return
    if not cases:
        if wanted:
            raise InputError(
                f"{cohort.raw}: no raw case is there any more, and {wanted[0]} is to be made of them; restore them, or "
                "leave that contestant out"
            )
        say(f"{cohort.raw}: no raw case is there any more; the datasets made of them are used")
        return
    before = load_object(note, "restore it, or choose another output folder").get("cases")
    if not isinstance(before, dict):
        raise InputError(f"{note} names no cases; restore it, or choose another output folder")
    problem = _difference(before, cases, cohort)
    if problem:
        raise InputError(
            f"{cohort.raw}: the raw cases have changed since {work} was begun, so that its contestants would be made of "
            f"different ones: {problem}; put them back as they were, or choose another output folder"
        )


def _cases_of(cohort: Cohort) -> dict[str, CaseFolder]:
    """Find the cases; none where nobody can say any more which they are."""
    try:
        return {case.name: case for case in find_cases(cohort.raw, cohort.options.inputs).cases}
    except InputError:
        return {}  # whoever makes a dataset of them says why


def _difference(before: Mapping[str, Any], now: Mapping[str, CaseFolder], cohort: Cohort) -> str:
    """Say what of the cases is other than it was; the empty text if nothing is."""
    for name in sorted({*before, *now}):
        if name not in before:
            return f"case {name} is new"
        if name not in now:
            return f"case {name} is gone, or cannot be used any more"
        was, case = before[name], now[name]
        state = _state_of(case, cohort, with_content=False)
        for what in ("patient", "reference"):
            if was[what] != state[what]:
                return f"case {name}: its {what} was {was[what]}, and is {state[what]} now"
        files = _files_of(case, cohort)
        for file in sorted({*was["files"], *files}):
            if file not in files:
                return f"case {name}: {file} is gone"
            if file not in was["files"]:
                return f"case {name}: {file} is new"
            stamp, content = was["files"][file]
            # A copy has another time: then the content says whether it is the same.
            if state["files"][file][0] != stamp and _content_of(files[file]) != content:
                return f"case {name}: {file} is another than it was"
    return ""


def _state_of(case: CaseFolder, cohort: Cohort, *, with_content: bool) -> dict[str, Any]:
    """Describe a case: whose it is, and for each of its files its stamp and perhaps its content's digest."""
    files = {
        name: [_stamp_of(path), _content_of(path) if with_content else None]
        for name, path in _files_of(case, cohort).items()
    }
    return {"patient": case.patient, "reference": case.reference, "files": files}


def _files_of(case: CaseFolder, cohort: Cohort) -> dict[str, Path]:
    """List the files that a dataset is made of, and folders of DICOM series, by their names below the raw cases."""
    used = {*cohort.options.channels, case.reference, *case.moving_lesions}
    paths = [path for phase, path in case.images.items() if phase in used]
    for masks in (case.lesions, case.liver, *case.moving_lesions.values()):
        paths += [] if masks is None else masks.paths
    paths = [split_channel(path)[0] for path in paths]
    for path in [path for path in paths if path.suffix.lower() in DETACHED]:
        stem = volume_stem(path)
        paths += [other for other in path.parent.glob(f"{stem}.*") if other.is_file()]
    return {str(p.relative_to(cohort.raw) if p.is_relative_to(cohort.raw) else p): p for p in paths}


def _parts_of(path: Path) -> list[Path]:
    """List a file alone, or all files of a folder."""
    if not path.is_dir():
        return [path]
    return sorted(Path(folder, name) for folder, _, names in os.walk(path) for name in names)


def _stamp_of(path: Path) -> str:
    """Digest names, sizes and times: as long as it stays, nothing was written."""
    digest = hashlib.blake2b(digest_size=16)
    for part in _parts_of(path):
        try:
            status = part.stat()
        except OSError:  # whoever makes a dataset of it says why
            digest.update(f"{part.name} unreadable\n".encode(errors="surrogateescape"))
            continue
        digest.update(f"{part.name} {status.st_size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _content_of(path: Path) -> str:
    """Digest names and content.

    Of gzip, which ends with the checksum of all, and of a folder's many files size and both ends stand for it.
    """
    digest = hashlib.blake2b(digest_size=16)
    whole = not path.is_dir() and path.suffix.lower() != ".gz"
    for part in _parts_of(path):
        digest.update(f"{part.name}\n".encode(errors="surrogateescape"))
        try:
            with part.open("rb") as stream:
                if whole:
                    while block := stream.read(1 << 20):
                        digest.update(block)
                    continue
                digest.update(stream.read(END_BYTES))
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - END_BYTES))
                digest.update(f"{size}\n".encode() + stream.read())
        except OSError:
            digest.update(b"unreadable")
    return digest.hexdigest()
