"""Read which cases are of one patient, and tell patients whose names are suspiciously alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_name import loose_patient_id, patient_id
from nnunet_multiphase.cases.follow_ups import find_follow_ups
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.table_text import read_table, told_of_spoilt_cell, unused_columns_note
from nnunet_multiphase.volumes.volume_file import is_dead_link, told_of_dead_link

PATIENT_TABLE = "patients.csv"
PATIENT_LOOKALIKE = r"patients?\.(csv|tsv|txt|xlsx?|ods)"
PATIENT_COLUMNS = ("case", "patient")


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
    if is_dead_link(table):
        return cases, [*problems, told_of_dead_link(table)]
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
            like = next((n for n in patients if loose_patient_id(n) == loose_patient_id(name)), "")
            remedy = (
                f"its line {like!r} seems to be meant (spreadsheets drop leading zeros): write {name} there"
                if like
                else f"add a line {name},<patient> or remove the table"
            )
            problems.append(f"case {case.name}: {table} does not say whose it is; {remedy}")
    return listed, problems


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
            raise InputError(
                f"{table}, line {row.number}: expected case,patient, found {case!r},{patient!r}; name the patient in every "
                "line (merged cells of a spreadsheet must be filled down)"
            )
        for what, name in (("case", case), ("patient", patient)):
            if spoilt := told_of_spoilt_cell(name):
                raise InputError(f"{table}, line {row.number}: the {what} {spoilt}")
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


def patient_notes(table: Path, cases: Sequence[CaseFolder]) -> list[str]:
    """Say which columns of a table of patients are not used; without a table, which cases seem to be one patient's.

    Args:
        table: CSV with the columns case and patient; may not exist.
        cases: Whose patient nothing but that table would name.
    """
    if not table.exists():
        return find_follow_ups(
            [case.name for case in cases], f"{table.name} beside them (header case,patient)"
        )
    try:
        return unused_columns_note(table, read_table(table, PATIENT_COLUMNS))
    except InputError:
        return []  # a problem, and said as such
