"""List the files that match no pattern, those that may have been lost first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.layout import one_form
from nnunet_multiphase.cases.near_miss import likeness
from nnunet_multiphase.errors import first_of
from nnunet_multiphase.volumes.volume_file import volume_stem

_FEW = 10
"""Files of one folder that are named one by one, unless they are volumes: more are slices, as a rule."""


def list_unmatched(
    raw: Path, unmatched: Sequence[str], cases: Sequence[CaseFolder], problems: Sequence[str]
) -> tuple[list[str], list[str]]:
    """List files as "file (why)", volumes first, and tell of those called after lesions beside what is used.

    Args:
        raw: The cohort's folder.
        unmatched: Files below it.
        cases: Those that were found.
        problems: What is said of some files already.

    Returns:
        The list, in which a folder of many other files is one entry; at most one sentence.
    """
    volumes = [name for name in unmatched if volume_stem(Path(name)) is not None]
    lesions = _called_after_lesions(raw, volumes, cases)
    listed = [f"{name} (matches no pattern)" for name in lesions]
    listed += [f"{name} (matches no pattern)" for name in volumes if name not in lesions]
    by_folder: dict[str, list[str]] = {}
    for name in unmatched:
        if volume_stem(Path(name)) is None:
            by_folder.setdefault(PurePosixPath(name).parent.as_posix(), []).append(name)
    for folder, names in by_folder.items():
        if len(names) > _FEW and folder != ".":
            listed.append(f"{folder}/ ({len(names)} files; match no pattern)")
        else:
            listed += [f"{name} (matches no pattern)" for name in names]
    lesions = [name for name in lesions if not any(str(raw / name) in problem for problem in problems)]
    if not lesions:
        return listed, []
    one = len(lesions) == 1
    return listed, [
        f"not used, as {'it matches' if one else 'they match'} no pattern, though called after lesions: "
        f"{first_of(lesions, 3)}; correct the patterns if lesions are drawn there"
    ]


def _called_after_lesions(raw: Path, volumes: Sequence[str], cases: Sequence[CaseFolder]) -> list[str]:
    """Find the volumes called after lesions that lie beside a file in use and are not the same mask in another format."""
    owners: dict[str, list[str]] = {}  # folder -> cases with files in it
    used: set[str] = set()
    for case in cases:
        masks = () if case.lesions is None else case.lesions.paths
        for path in (*case.images.values(), *masks):
            inner = one_form(path.relative_to(raw).as_posix())
            owners.setdefault(PurePosixPath(inner).parent.as_posix(), []).append(case.name)
            used.add(_stem(inner))
    called = []
    for name in volumes:
        if _stem(name) in used:
            continue
        folder = PurePosixPath(name).parent
        stem = PurePosixPath(_stem(name)).name
        for case_name in sorted(owners.get(folder.as_posix(), ()), key=len, reverse=True):
            stem = stem.replace(case_name, "", 1)
        like = likeness(stem, folder.name) if folder.as_posix() in owners else None
        if like is not None and like.kind == "lesions":
            called.append(name)
    return called


def _stem(relative: str) -> str:
    """Take the ending of a volume format off a path."""
    name = Path(relative).name
    return relative[: len(relative) - len(name)] + (volume_stem(Path(name)) or name)
