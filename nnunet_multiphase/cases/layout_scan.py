"""Find a cohort's cases by their layout."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder, assemble_case
from nnunet_multiphase.cases.case_files import CaseFiles, CaseKey, Listing
from nnunet_multiphase.cases.case_name import case_id, patient_id
from nnunet_multiphase.cases.layout import CHANNEL, Index, Layout, check_layout, compile_within, one_form
from nnunet_multiphase.cases.look_alikes import find_copied_masks, find_look_alikes, find_versions
from nnunet_multiphase.cases.mask_choice import MaskRule, choose_masks
from nnunet_multiphase.cases.misplaced_files import find_misplaced
from nnunet_multiphase.cases.near_miss import is_lost_folder, is_system_folder
from nnunet_multiphase.cases.stored_path import stored_path
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.table_text import read_table
from nnunet_multiphase.volumes.mask_file import MaskFiles
from nnunet_multiphase.volumes.volume_file import told_of_dead_link


def scan_layout(raw: Path, layout: Layout, masks: MaskRule) -> tuple[list[CaseFolder], list[str], list[str]]:
    """Find the cases of a cohort.

    Args:
        raw: The cohort's folder.
        layout: How its files are named.
        masks: Which phase is the reference, and what to do with masks on several phases.

    Returns:
        The cases that can be used, sorted by name; a sentence for each problem; the files that match no pattern.
    """
    check_layout(layout)
    if not raw.is_dir():
        return [], [f"{raw} is not a folder: expected the cohort's"], []
    if layout.index is not None:
        found, problems = _read_index(raw / layout.index.file, raw, layout.index, layout.phase_names)
        unmatched: list[str] = []
    else:
        listing = _match_paths(raw, layout)
        _find_near_misses(raw, layout, listing)
        found, problems, unmatched = listing.found, listing.problems, listing.unmatched
    cases = []
    plain = [name for _, name in found]
    for patient, name in sorted(found):
        # Studies are often numbered anew for each patient.
        full_name = f"{patient}_{name}" if patient and plain.count(name) > 1 else name
        alike = _named_alike(name, found)
        made, more = _make_case(raw, full_name, patient, found[patient, name], layout, masks, alike)
        problems += more
        if made is not None:
            cases.append(made)
    if not found and not problems:
        what = layout.image if layout.index is None else f"a line in {layout.index.file}"
        problems.append(f"{raw}: nothing found, expected {what} for each case and phase")
    return cases, problems + _doubles(cases), unmatched


def _match_paths(raw: Path, layout: Layout) -> Listing:
    """Sort the files below a folder by the patterns they match."""
    image = compile_within(layout, layout.image.removesuffix(CHANNEL))
    masks = {"lesions": layout.lesions, "livers": "" if _one_file_for_both(layout) else layout.liver}
    masks = {kind: pattern for kind, pattern in masks.items() if pattern}
    any_mask = [compile_within(layout, pattern) for pattern in masks.values()]
    deepest = max(pattern.count("/") for pattern in (layout.image, *masks.values()))
    closed: list[OSError] = []
    listed, folders = _paths(raw, layout, closed.append, image, *any_mask)
    listing = Listing(folders=folders)
    listing.problems += [
        f"{error.filename} cannot be opened ({error.strerror}): restore the permission to read it, or remove it"
        for error in closed
    ]
    rest: list[tuple[Path, str]] = []
    for path, relative in listed:
        match = image.fullmatch(relative)
        # A loose image pattern may match the masks too.
        if match is None or any(pattern.fullmatch(relative) for pattern in any_mask):
            rest.append((path, relative))
        else:
            _add_image(path, match, layout, listing)
    names = sorted({name for _, name in listing.found}, key=len, reverse=True)
    # The known cases first: {case}_{phase}_* could part a name like a_1_2_0 elsewhere.
    known = [compile_within(layout, pattern, names) for pattern in masks.values()]
    for path, relative in rest:
        for kind, of_known, of_any in zip(masks, known, any_mask, strict=True):
            match = of_known.fullmatch(relative) or of_any.fullmatch(relative)
            if match is not None:
                _add_mask(path, kind, match, layout, listing)
                break
        else:
            if path.is_file():
                listing.unmatched.append(relative)
            elif is_lost_folder(path) and relative.count("/") < deepest:
                listing.problems.append(told_of_dead_link(path))
    return listing


def _add_image(path: Path, match: re.Match[str], layout: Layout, listing: Listing) -> None:
    """Note a file or folder as a phase of its case, or as all phases."""
    groups = match.groupdict()
    theirs = groups.get("phase", next(iter(layout.phase_names)))
    key = (groups.get("patient", ""), groups["case"])
    case = listing.found.setdefault(key, CaseFiles())
    phase = layout.phase_names[theirs]
    if phase in case.images:
        listing.problems.append(
            f"case {key[1]}: {path} and {case.images[phase]} are both {phase}; remove one, or give a "
            "--pattern in which {case} or {patient} tells them apart"
        )
    elif layout.image.endswith(CHANNEL):
        for number, one in layout.phase_names.items():
            case.images[one] = path.with_name(f"{path.name}#{int(number)}")
    else:
        case.images[phase] = path


def _add_mask(path: Path, kind: str, match: re.Match[str], layout: Layout, listing: Listing) -> None:
    """Note a file or folder as a mask of its case."""
    groups = match.groupdict()
    phase = layout.phase_names[groups["phase"]] if "phase" in groups else layout.drawn_on
    owners = [
        key for key in listing.found if key[1] == groups["case"] and groups.get("patient", key[0]) == key[0]
    ]
    if len(owners) > 1:
        listing.problems.append(
            f"case {groups['case']}: {path} may be of several patients "
            f"({', '.join(sorted(patient for patient, _ in owners))}); add {{patient}} to its pattern"
        )
        return
    key = owners[0] if owners else (groups.get("patient", ""), groups["case"])
    case = listing.found.setdefault(key, CaseFiles())
    (case.lesions if kind == "lesions" else case.livers).setdefault(phase, []).append(path)


def _find_near_misses(raw: Path, layout: Layout, listing: Listing) -> None:
    """Note what is nearly named, or nearly where, a pattern looks, and leave out the cases that this explains."""
    told, elsewhere = find_misplaced(raw, layout, listing)
    listing.problems += [
        *find_look_alikes(raw, layout, listing),
        *find_copied_masks(raw, listing.found),
        *find_versions(raw, layout, listing.found),
        *told,
    ]
    for key in [key for key, case in listing.found.items() if not case.images and key[1] in elsewhere]:
        del listing.found[key]


def _read_index(
    table: Path, raw: Path, index: Index, phase_names: Mapping[str, str]
) -> tuple[dict[CaseKey, CaseFiles], list[str]]:
    """Read the files of all cases from a set's own table."""
    found: dict[CaseKey, CaseFiles] = {}
    problems: list[str] = []
    needed = (index.case, index.phase, index.image, index.lesions)
    if not table.is_file():
        return found, [f"{table} cannot be read (no such file): expected the set's own table"]
    for row in read_table(table, needed, [index.liver] if index.liver else []).rows:
        name, theirs, image = row[index.case], one_form(row[index.phase]), row[index.image]
        where = f"case {name} ({table.name}, line {row.number})"
        if not name or not image:
            problems.append(
                f"{table.name}, line {row.number}: {index.case if not name else index.image} is empty; "
                "fill it in or remove the line"
            )
            continue
        if theirs not in phase_names:
            problems.append(f"{where}: phase {theirs!r} is none of {', '.join(phase_names)}; correct it")
            continue
        case = found.setdefault(("", name), CaseFiles())
        phase = phase_names[theirs]
        if phase in case.images:
            problems.append(f"{where}: {theirs} is there twice; keep one line")
            continue
        case.images[phase] = stored_path(raw, image)
        for column, masks in ((index.lesions, case.lesions), (index.liver, case.livers)):
            if row[column]:
                masks.setdefault(phase, []).append(stored_path(raw, row[column]))
    return found, problems


def _paths(
    raw: Path, layout: Layout, closed: Callable[[OSError], None], *patterns: re.Pattern[str]
) -> tuple[list[tuple[Path, str]], list[str]]:
    """List the files below a folder, and the folders that match a pattern instead of what is in them; and all others."""
    listed, passed = [], []
    unused = [compile_within(layout, pattern) for pattern in layout.unused]
    seen: set[str] = set()
    for folder, folders, files in os.walk(raw, onerror=closed, followlinks=True):
        folders.sort()
        real = os.path.realpath(folder)
        if real in seen:  # a link back
            folders.clear()
            continue
        seen.add(real)
        for name in list(folders):
            path = Path(folder) / name
            relative = one_form(path.relative_to(raw).as_posix())
            if name.startswith(".") or is_system_folder(path):
                folders.remove(name)
            elif any(p.fullmatch(relative) for p in patterns):
                folders.remove(name)
                listed.append((path, relative))
            elif any(p.fullmatch(relative) for p in unused):
                folders.remove(name)
            else:
                passed.append(relative)
        for name in sorted(files):
            if not name.startswith("."):
                path = Path(folder) / name
                listed.append((path, one_form(path.relative_to(raw).as_posix())))
    return listed, passed


def _make_case(
    raw: Path, name: str, patient: str, found: CaseFiles, layout: Layout, masks: MaskRule, alike: str = ""
) -> tuple[CaseFolder | None, list[str]]:
    """Put one case together, or say why it cannot be used."""
    problems = []
    if not found.images:
        stray = next(paths[0] for _, paths in found.masks())
        problem = f"case {name}: {stray} has no image beside it that matches {layout.image}; add or remove it"
        return None, [problem + (f", or rename it if it is of case {alike}" if alike else "")]
    if not found.lesions and masks.absent == "error":
        problems.append(
            f"case {name}: no lesion mask {_where_masks_are(layout)}; "
            "add it (all 0 if there is no lesion), remove the case, or pass --no-mask skip (leave such cases out)"
        )
    for phase in found.lesions:
        if phase not in found.images:
            problems.append(
                f"case {name}: {found.lesions[phase][0]} is drawn on {phase}, which has no image that matches "
                f"{layout.image}; add that phase or remove the mask"
            )
    if problems:
        return None, problems
    shared = _one_file_for_both(layout)
    labels = {*(layout.lesion_labels or ()), *(layout.liver_labels or ())} if shared else set()
    others = tuple(sorted({*labels, *layout.further_labels}))
    drawn = {
        phase: MaskFiles(tuple(paths), layout.lesion_labels, others, organ="lesions")
        for phase, paths in found.lesions.items()
    }
    try:
        choice = choose_masks(name, found.images, drawn, masks)
    except InputError as error:
        return None, [str(error)]
    livers = {
        phase: MaskFiles(tuple(paths), layout.liver_labels, others, organ="liver")
        for phase, paths in (found.lesions if shared else found.livers).items()
    }
    return assemble_case(case_id(name), raw, found.images, choice, livers, patient=patient_id(patient)), []


def _named_alike(name: str, found: Mapping[CaseKey, CaseFiles]) -> str:
    """Give the case with images and without masks whose name differs in zeros, signs or letter case; else the empty text."""
    plain = [other for (_, other), files in found.items() if files.images and not files.lesions]
    return next((other for other in sorted(plain) if other != name and _rough(other) == _rough(name)), "")


def _rough(name: str) -> str:
    """Write a name without letter case, signs and leading zeros: P7 and p_007 are one."""
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"[\W_]", "", name.casefold()))


def _where_masks_are(layout: Layout) -> str:
    if layout.index is not None:
        return f"in the column {layout.index.lesions} of {layout.index.file}"
    return (
        f"matches {layout.lesions}" if layout.lesions else "can be found, for no --lesions pattern was given"
    )


def _one_file_for_both(layout: Layout) -> bool:
    return layout.index is None and layout.lesions == layout.liver


def _doubles(cases: list[CaseFolder]) -> list[str]:
    """Find cases whose files would be named alike."""
    seen: set[str] = set()
    problems = []
    for case in cases:
        key = case.name.casefold()
        if key in seen:
            problems.append(f"case {case.name}: another case's files would be named like its own; rename one")
        seen.add(key)
    return problems
