"""Read the layout of one case's folder from its file names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder, assemble_case
from nnunet_multiphase.cases.case_name import case_id
from nnunet_multiphase.cases.mask_choice import ONE_MASK, MaskChoice, MaskRule, by_preference, choose_masks
from nnunet_multiphase.cases.near_miss import (
    as_channel,
    exact_name,
    is_second_half,
    lesions_below,
    misplaced,
    seems_to_be,
    unread_phase,
)
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.volume_file import is_dead_link, told_of_dead_link, volume_stem

EXPECTED_NAMES = (
    f"{', '.join(f'{phase}.nii.gz' for phase in PHASES)}, lesions_<phase>.nii.gz or liver_<phase>.nii.gz"
)


@dataclass(frozen=True)
class _Listing:
    """Hold what a case's file names say, by phase, and what is wrong with them."""

    images: dict[str, Path]
    lesions: dict[str, Path]
    livers: dict[str, Path]
    ignored: tuple[str, ...]
    problems: tuple[str, ...]


def read_case_folder(
    path: Path, *, reference: str | None = None, require_lesions: bool, masks: MaskRule = ONE_MASK
) -> CaseFolder:
    """Read the layout of one case from its file names.

    Args:
        path: Folder with {nc,art,pv,dl}.nii.gz, lesions_<phase>.nii.gz, perhaps liver_<phase>.nii.gz; in any of
            `volume_file.FORMATS`, in any letter case.
        reference: Phase to bring the others to. Default: the lesion mask's phase, of several pv, else the first;
            without one the liver mask's likewise, else pv, else the first that is there.
        require_lesions: Refuse a case without a lesion mask (training data).
        masks: For training data: which phase is the reference, and what to do with masks on several phases.

    Returns:
        The case; masks that are not on its reference phase are left out and named in `ignored`.

    Raises:
        InputError: No such folder, no phase, an unknown phase, two files for one thing, a mask without its phase, a file
            that seems to be a phase or mask and cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        if is_dead_link(path):
            raise InputError(told_of_dead_link(path))
        raise InputError(f"{path} is not a folder: expected one with {EXPECTED_NAMES}")
    # Not resolve(): a case that is a link keeps the link's name.
    name = case_id(Path(os.path.abspath(path)).name)
    listing = _list_folder(path, name)
    problems = [*listing.problems, *_find_lacking(listing, path, name, reference, require_lesions)]
    images, lesions, livers = listing.images, listing.lesions, listing.livers
    drawn = {phase: masks.lesion_files([file]) for phase, file in lesions.items()}
    choice = None
    if require_lesions and lesions and not problems:
        try:
            choice = choose_masks(name, images, drawn, masks)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise CohortError(problems)

    if choice is None:
        chosen = reference or next(p for found in (lesions, livers, images) for p in by_preference(found))
        choice = MaskChoice(chosen, drawn.get(chosen), {})
    used = {choice.reference, *choice.moving}
    ignored = [
        *listing.ignored,
        *(
            f"{mask.name} (not on the reference phase {choice.reference})"
            for phase, mask in (*((p, f) for p, f in lesions.items() if p not in used), *livers.items())
            if phase != choice.reference
        ),
    ]
    return assemble_case(name, path, images, choice, masks.livers(livers, drawn), ignored=ignored)


def _list_folder(path: Path, name: str) -> _Listing:
    """Take every file of a case's folder for what its name says."""
    found: dict[tuple[str, str], Path] = {}
    ignored: list[str] = []
    problems: list[str] = []
    passed_over: list[Path] = []
    for entry in sorted(path.iterdir()):
        stem = volume_stem(entry)
        if entry.name.startswith("."):
            ignored.append(f"{entry.name} (hidden)")
        elif entry.is_dir() or stem is None or is_second_half(entry):
            passed_over.append(entry)
        elif (meant := exact_name(stem)) is None or meant.phase is None:
            seems = seems_to_be(entry)
            problems.append(
                f"case {name}: {entry} names no known phase: expected {EXPECTED_NAMES}; "
                + (seems or as_channel(stem) or "rename or remove the file")
            )
        elif (meant.kind, meant.phase) in found:
            other = found[meant.kind, meant.phase].name
            problems.append(f"case {name}: {entry} and {other} are the same thing twice; remove one of them")
        else:
            found[meant.kind, meant.phase] = entry
    for entry in passed_over:
        seems = unread_phase(entry, found)
        if seems:
            problems.append(f"case {name}: {entry} {seems}")
        ignored.append(f"{entry.name} ({_why_passed_over(entry)})")
    images, lesions, livers = (
        {phase: found[kind, phase] for phase in PHASES if (kind, phase) in found}
        for kind in ("image", "lesions", "liver")
    )
    return _Listing(images, lesions, livers, tuple(ignored), tuple(problems))


def _find_lacking(
    listing: _Listing, path: Path, name: str, reference: str | None, require_lesions: bool
) -> list[str]:
    """Say which phases and masks a case lacks."""
    images, problems = listing.images, []
    if not images and not listing.problems:
        problems.append(
            f"case {name}: {path} holds no phase: expected {EXPECTED_NAMES}; add them or remove the folder"
            + misplaced(path)
        )
    for phase, mask in (*listing.lesions.items(), *listing.livers.items()):
        if images and phase not in images:
            problems.append(
                f"case {name}: {mask} is drawn on {phase}, but there is no {phase}.nii.gz beside it; "
                "add that phase or remove the mask"
            )
    if images and require_lesions and not listing.lesions:
        problems.append(
            f"case {name}: {path} has no lesion mask: expected lesions_<phase>.nii.gz; "
            + (
                lesions_below(path)
                or "draw it (all 0 if there is no lesion), remove the folder, or pass --no-mask skip (leave such cases out)"
            )
        )
    if reference is not None and images and reference not in images:
        problems.append(
            f"case {name}: {path} lacks the wanted reference phase {reference}: found {', '.join(images)}; choose another"
        )
    return problems


def _why_passed_over(entry: Path) -> str:
    if entry.is_dir():
        return "a folder"
    halves = {".img": (".hdr", ".HDR"), ".raw": (".mhd", ".nhdr"), ".zraw": (".mhd",), ".gz": (".nhdr",)}
    for suffix in halves.get(entry.suffix.lower(), ()):
        header = entry.with_name(entry.name.partition(".")[0] + suffix)
        if header.is_file():
            return f"the voxels of {header.name}"
    return "no volume file"
