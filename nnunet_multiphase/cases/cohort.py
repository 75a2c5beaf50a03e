"""Find the case folders of a raw cohort."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_folder import EXPECTED_NAMES, read_case_folder
from nnunet_multiphase.cases.case_name import case_id
from nnunet_multiphase.cases.known_sets import told_of_known_set
from nnunet_multiphase.cases.mask_choice import ONE_MASK, MaskRule
from nnunet_multiphase.cases.near_miss import flat_pattern, is_lost_folder, is_system_folder, lesions_below
from nnunet_multiphase.cases.other_form import told_of_other_form
from nnunet_multiphase.cases.patient_table import PATIENT_TABLE, assign_patients
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.volumes.volume_file import volume_stem


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
        return [], [f"{raw} is not a folder: expected one with a folder per case ({EXPECTED_NAMES} in each)"]
    folders = case_folders(raw)
    there = [folder for folder in folders if folder.is_dir()]
    if other_form := told_of_other_form(raw, there, f"a folder per case ({EXPECTED_NAMES} in each)"):
        return [], [f"{raw} {told_of_known_set(raw) or other_form}"]
    cases: list[CaseFolder] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
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
            if bare is not None and bare.lesions is None and not lesions_below(folder):
                cases.append(bare)
            else:
                cases.append(read_case_folder(folder, require_lesions=True, masks=masks))
        except CohortError as error:
            problems += error.problems
        except InputError as error:
            problems.append(str(error))
    if not cases and (known := told_of_known_set(raw)):
        return [], [f"{raw} {known}"]
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
        problems.append(f"{raw} is empty: expected one folder per case ({EXPECTED_NAMES} in each)")
    return assign_patients(
        cases, problems, raw / PATIENT_TABLE, {case.name: case.path.name for case in cases}
    )


def case_folders(raw: Path) -> list[Path]:
    """List the folders of a cohort that are cases: all but hidden ones and those an archive left there, sorted.

    A link that leads to nothing is listed as well: reading it says so. Left out, nobody would miss the case.
    """
    return sorted(
        entry
        for entry in raw.iterdir()
        if (entry.is_dir() or is_lost_folder(entry))
        and not entry.name.startswith(".")
        and not is_system_folder(entry)
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
