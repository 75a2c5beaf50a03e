"""Find the case folders of a raw cohort and read their layout from the file names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnunet_multiphase.cases.case_name import case_id, loose_patient_id, patient_id
from nnunet_multiphase.cases.mask_choice import ONE_MASK, MaskRule, by_preference, choose_masks
from nnunet_multiphase.cases.near_miss import (
    exact_name,
    flat_pattern,
    is_system_folder,
    misplaced,
    seems_to_be,
    unread_phase,
)
from nnunet_multiphase.errors import InputError, printable
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.table_text import read_table, unused_columns_note
from nnunet_multiphase.volumes.mask_file import MaskFiles
from nnunet_multiphase.volumes.volume_file import volume_stem

PATIENT_TABLE = "patients.csv"
PATIENT_LOOKALIKE = r"patients?\.(csv|tsv|txt|xlsx?|ods)"
PATIENT_COLUMNS = ("case", "patient")


class CohortError(InputError):
    """Several problems at once, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems: tuple[str, ...] = tuple(map(printable, problems))
        super().__init__("\n".join(self.problems))

    def __str__(self) -> str:
        """Give the sentences, one a line."""
        return "\n".join(self.problems)


@dataclass(frozen=True)
class CaseFolder:
    """Where the files of one case lie; nothing has been opened yet."""

    name: str  # as in the dataset's file names
    path: Path
    patient: str
    images: dict[str, Path]  # phase -> file, in the order of PHASES
    reference: str  # the phase the lesions are drawn on
    lesions: MaskFiles | None
    liver: MaskFiles | None  # on the reference phase
    ignored: tuple[str, ...] = ()  # "file (why)"
    unused_liver: Path | None = (
        None  # on another phase than the reference, so of no use; None if `liver` is there
    )
    moving_lesions: Mapping[str, MaskFiles] = field(
        default_factory=dict
    )  # drawn on other phases, to be brought along

    @property
    def has_lesion_mask(self) -> bool:
        """Tell whether lesions are drawn on any of its phases."""
        return self.lesions is not None or bool(self.moving_lesions)


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
        raise InputError(f"{path} is not a folder: expected one with {_expected_names()}")
    # Not resolve(): a case that is a link keeps the link's name.
    name = case_id(Path(os.path.abspath(path)).name)
    listing = _list_folder(path, name)
    problems = [*listing.problems, *_find_lacking(listing, path, name, reference, require_lesions)]
    images, lesions, livers = listing.images, listing.lesions, listing.livers
    choice = None
    if require_lesions and lesions and not problems:
        try:
            choice = choose_masks(
                name, images, {p: masks.lesion_files([f]) for p, f in lesions.items()}, masks
            )
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise CohortError(problems)

    chosen = (
        choice.reference
        if choice is not None
        else reference or next(p for found in (lesions, livers, images) for p in by_preference(found))
    )
    used = {chosen, *(choice.moving if choice is not None else ())}
    ignored = [
        *listing.ignored,
        *(
            f"{mask.name} (not on the reference phase {chosen})"
            for phase, mask in (*((p, f) for p, f in lesions.items() if p not in used), *livers.items())
            if phase != chosen
        ),
    ]
    drawn = masks.lesion_files([lesions[chosen]]) if chosen in lesions else None
    liver = masks.liver_files(livers.get(chosen), drawn)
    return CaseFolder(
        name,
        path,
        name,
        images,
        chosen,
        drawn,
        liver,
        tuple(ignored),
        None if liver is not None else next(iter(livers.values()), None),
        choice.moving if choice is not None else {},
    )


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
        elif entry.is_dir() or stem is None or _is_second_half(entry):
            passed_over.append(entry)
        elif (meant := exact_name(stem)) is None or meant.phase is None:
            seems = seems_to_be(entry)
            problems.append(
                f"case {name}: {entry} names no known phase: expected {_expected_names()}; "
                + (seems or "rename or remove the file")
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
            f"case {name}: {path} holds no phase: expected {_expected_names()}; add them or remove the folder"
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
            "draw it (all 0 if there is no lesion), remove the folder, or pass --no-mask skip (leave such cases out)"
        )
    if reference is not None and images and reference not in images:
        problems.append(
            f"case {name}: {path} lacks the wanted reference phase {reference}: found {', '.join(images)}; choose another"
        )
    return problems


def find_case_folders(raw: Path) -> list[CaseFolder]:
    """Find the training cases of a cohort.

    Args:
        raw: Folder with one folder per case and perhaps patients.csv (header case,patient), which says which
            cases are of one patient; without it every folder is one patient.

    Returns:
        The cases, sorted by name.

    Raises:
        CohortError: All that is wrong with folders, file names and patients.csv.
    """
    cases, problems = scan_cohort(raw)
    if problems:
        raise CohortError(problems)
    return cases


def scan_cohort(raw: Path, masks: MaskRule = ONE_MASK) -> tuple[list[CaseFolder], list[str]]:
    """Find the cases that can be read, and the problems of the others (see `find_case_folders`)."""
    raw = Path(raw)
    if not raw.is_dir():
        return [], [
            f"{raw} is not a folder: expected one with a folder per case ({_expected_names()} in each)"
        ]
    if (raw / "imagesTr").is_dir():
        return [], [
            f"{raw} is a dataset in nnU-Net's form: expected a folder per case ({_expected_names()} in each); say how it is "
            "named with --pattern 'imagesTr/{case}_{phase}.nii.gz' --phase-names nc=0000 art=0001 ... --lesions "
            "'labelsTr/{case}.nii.gz' --drawn-on PHASE"
        ]
    cases: list[CaseFolder] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    folders = case_folders(raw)
    for folder in folders:
        # Without case: two names that differ only there are one file on macOS and Windows.
        key = case_id(folder.name).casefold()
        if key in seen:
            problems.append(
                f"case {folder.name}: duplicate, its files would be named like those of {seen[key]} "
                f"(both folders become {case_id(folder.name)}); rename one of them in {raw}"
            )
            continue
        seen[key] = folder.name
        try:
            bare = read_case_folder(folder, require_lesions=False) if masks.absent == "skip" else None
            if bare is not None and bare.lesions is None:
                cases.append(bare)
            else:
                cases.append(read_case_folder(folder, require_lesions=True, masks=masks))
        except CohortError as error:
            problems += error.problems
        except InputError as error:
            problems.append(str(error))
    files = [entry for entry in raw.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    if not folders and files:
        problems.append(
            f"{raw} holds {len(files)} file{'s' * (len(files) > 1)} but no folder: put each patient's phases into "
            f"a folder of its own, like {raw / 'patient_01' / 'pv.nii.gz'}"
            + (
                f", or pass --pattern '{pattern}' and --lesions"
                if (pattern := flat_pattern(sorted(files)))
                else ""
            )
        )
    elif not folders:
        problems.append(f"{raw} is empty: expected one folder per case ({_expected_names()} in each)")
    return assign_patients(
        cases, problems, raw / PATIENT_TABLE, {case.name: case.path.name for case in cases}
    )


def assign_patients(
    cases: list[CaseFolder], problems: list[str], table: Path, names: Mapping[str, str]
) -> tuple[list[CaseFolder], list[str]]:
    """Give every case the patient that a table names; without the table all stays.

    Args:
        cases: As found.
        problems: What was wrong so far.
        table: CSV with the header case,patient; may not exist.
        names: Case -> what the table calls it.

    Returns:
        Cases and problems; a case the table does not name is taken out.
    """
    unread = [
        f"{entry} seems to say which cases are of one patient, and is not read: rename it, or save it as {table.name}, or "
        "remove it"
        for entry in (sorted(table.parent.iterdir()) if table.parent.is_dir() else [])
        if entry.name != table.name and re.fullmatch(PATIENT_LOOKALIKE, entry.name, re.IGNORECASE)
    ]
    problems = [*problems, *unread]
    if not table.exists():
        return cases, problems
    try:
        patients = read_patients(table)
    except InputError as error:
        return cases, [*problems, str(error)]
    listed = []
    for case in cases:
        name = names[case.name]
        if (known := patient_id(name)) in patients:
            listed.append(replace(case, patient=patients[known]))
        else:
            problems.append(
                f"case {case.name}: {table} does not say whose it is; add a line {name},<patient> or remove the table"
            )
    return listed, problems


def case_folders(raw: Path) -> list[Path]:
    """List the folders of a cohort that are cases: all but hidden ones and those an archive left there, sorted."""
    return sorted(
        entry
        for entry in raw.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and not is_system_folder(entry)
    )


def ignored_files(raw: Path, cases: Sequence[CaseFolder]) -> list[str]:
    """List what of a cohort is not used as "file (why)", the most telling first: volumes, others, hidden ones."""
    used = {PATIENT_TABLE, *(folder.name for folder in case_folders(raw))}
    beside = sorted(entry.name for entry in raw.iterdir() if entry.name not in used)
    ignored = [f"{name} ({'hidden' if name.startswith('.') else 'in no case folder'})" for name in beside]
    ignored += [f"{case.path.name}/{file}" for case in cases for file in case.ignored]

    def order(entry: str) -> tuple[bool, bool]:
        name, _, why = entry.rpartition(" (")
        return why == "hidden)", volume_stem(Path(name)) is None

    return sorted(ignored, key=order)


def read_patients(table: Path) -> dict[str, str]:
    """Read which case is of which patient.

    Args:
        table: CSV with the columns case and patient; case = folder name.

    Returns:
        Patient by case folder name, both as `patient_id` writes them.

    Raises:
        InputError: Another header, an empty patient, or one case for two patients.
    """
    patients: dict[str, str] = {}
    for row in read_table(table, PATIENT_COLUMNS).rows:
        case, patient = patient_id(row["case"]), patient_id(row["patient"])
        if not case or not patient:
            raise InputError(f"{table}, line {row.number}: expected case,patient, found {case!r},{patient!r}")
        if patients.setdefault(case, patient) != patient:
            raise InputError(
                f"{table}, line {row.number}: case {case} is of patient {patients[case]} and of {patient}; keep one line"
            )
    return patients


def find_patients_alike(cases: Sequence[CaseFolder], table: Path) -> list[str]:
    """Find patients whose names differ only as programs write them: one person under two would be in training and test.

    Cases that nobody named a patient for are left out where only they are alike: a folder's name is its own patient.

    Args:
        cases: Of the whole cohort.
        table: What may name the patients.

    Returns:
        A sentence for each name that is like an earlier one.
    """
    first: dict[str, CaseFolder] = {}
    told: set[str] = set()
    problems = []
    for case in cases:
        other = first.setdefault(loose_patient_id(case.patient), case)
        unnamed = other.patient == other.name and case.patient == case.name
        if other.patient == case.patient or case.patient in told or unnamed:
            continue
        told.add(case.patient)
        problems.append(
            f"case {case.name}: its patient {case.patient!r} and the patient {other.patient!r} of case {other.name} differ "
            "only in letter case, blanks or leading zeros: if they are one patient, write them the same"
            + (f" in {table.name}" if table.is_file() else "")
            + "; if they are two, name them apart"
        )
    return problems


def patient_table_notes(table: Path) -> list[str]:
    """Say which columns of a table of patients are not used; without a table nothing."""
    try:
        return unused_columns_note(table, read_table(table, PATIENT_COLUMNS)) if table.exists() else []
    except InputError:
        return []  # a problem, and said as such


def _is_second_half(entry: Path) -> bool:
    """Tell the .img that belongs to a .hdr, which stands for both."""
    if entry.suffix.lower() != ".img":
        return False
    return any(entry.with_suffix(suffix).is_file() for suffix in (".hdr", ".HDR"))


def _why_passed_over(entry: Path) -> str:
    if entry.is_dir():
        return "a folder"
    halves = {".img": (".hdr", ".HDR"), ".raw": (".mhd", ".nhdr"), ".zraw": (".mhd",), ".gz": (".nhdr",)}
    for suffix in halves.get(entry.suffix.lower(), ()):
        header = entry.with_name(entry.name.partition(".")[0] + suffix)
        if header.is_file():
            return f"the voxels of {header.name}"
    return "no volume file"


def _expected_names() -> str:
    return (
        f"{', '.join(f'{phase}.nii.gz' for phase in PHASES)}, lesions_<phase>.nii.gz or liver_<phase>.nii.gz"
    )
