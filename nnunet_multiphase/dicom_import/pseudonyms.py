"""Step 6: give patients and studies names that tell nothing, and remember whose they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nnunet_multiphase.dicom.person import Person
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.table_cells import write_rows
from nnunet_multiphase.table_text import read_table
from nnunet_multiphase.whole_file import private, whole_file

StudyKey = tuple[str, str]  # PatientID, StudyInstanceUID

HEADER: tuple[str, ...] = ("pseudonym", "PatientID", "case", "StudyInstanceUID")


@dataclass(frozen=True)
class Study:
    """Who and which examination; the only record that identifies."""

    patient_id: str
    uid: str
    date: str
    persons: frozenset[Person] = frozenset()  # all that its images say of the person


@dataclass(frozen=True)
class Name:
    """What a study is called outside."""

    patient: str  # patient_001
    case: str  # patient_001, its second study patient_001_2


def pseudonyms_path(out: Path) -> Path:
    """Give the place of the key file: beside OUT, never inside."""
    return out.with_name(f"{out.name}_pseudonyms.csv")


def name_studies(studies: Iterable[Study], known: Mapping[StudyKey, Name]) -> dict[StudyKey, Name]:
    """Name every study; what has a name keeps it.

    Args:
        studies: All studies of a tree. One without PatientID counts as a patient of its own.
        known: (PatientID, StudyInstanceUID) -> name, from an earlier import.

    Returns:
        The known ones and the new ones. Patients are numbered in the order of their hashed PatientID, which says
        nothing about them; a patient's studies in the order of their dates.
    """
    names = dict(known)
    patients = {_person(patient_id, uid): name.patient for (patient_id, uid), name in known.items()}
    cases: dict[str, set[str]] = {}
    for name in known.values():
        cases.setdefault(name.patient, set()).add(name.case)
    highest = max((int(patient.rpartition("_")[2]) for patient in patients.values()), default=0)

    def order(study: Study) -> tuple[str, str, str]:
        hashed = hashlib.sha256(_person(study.patient_id, study.uid).encode()).hexdigest()
        return hashed, study.date, study.uid

    for study in sorted(studies, key=order):
        if (study.patient_id, study.uid) in names:
            continue
        person = _person(study.patient_id, study.uid)
        if person not in patients:
            highest += 1
            patients[person] = f"patient_{highest:03d}"
        patient = patients[person]
        taken = cases.setdefault(patient, set())
        # Not the count: joined studies leave numbers free.
        free = (patient if number == 1 else f"{patient}_{number}" for number in count(1))
        case = next(case for case in free if case not in taken)
        taken.add(case)
        names[study.patient_id, study.uid] = Name(patient, case)
    return names


def name_joined(
    studies: Iterable[Study],
    to: Mapping[StudyKey, StudyKey],
    known: Mapping[StudyKey, Name],
) -> dict[StudyKey, Name]:
    """Name studies of which some go under another's name.

    Args:
        studies: All studies of a tree.
        to: Study -> the study it is joined to, mostly itself.
        known: Names from an earlier import; a study that is joined now loses its own.
    """
    heads = {study for study in studies if to[study.patient_id, study.uid] == (study.patient_id, study.uid)}
    names = name_studies(heads, known)
    return names | {key: names[head] for key, head in to.items()}


def told_of_order(studies: Iterable[Study], names: Mapping[StudyKey, Name]) -> list[str]:
    """Say whose examinations are numbered otherwise than they followed each other, as an earlier one came in later.

    Args:
        studies: All studies of a tree; the dates of others are not known.
        names: Of these studies.

    Returns:
        A sentence for each such patient, without dates.
    """
    dates: dict[str, dict[str, str]] = {}  # patient -> case -> its first date
    for study in studies:
        name = names[study.patient_id, study.uid]
        cases = dates.setdefault(name.patient, {})
        if study.date:
            cases[name.case] = min(study.date, cases.get(name.case, study.date))
    told = []
    for patient, of_cases in sorted(dates.items()):
        numbers = {case: case[len(patient) + 1 :] or "1" for case in of_cases}
        if not all(number.isdecimal() for number in numbers.values()):
            continue  # named by hand in the key file
        numbered = sorted(of_cases, key=lambda case: int(numbers[case]))
        in_time = sorted(numbered, key=lambda case: of_cases[case])  # stable: one day's keep their numbers
        if in_time != numbered:
            told.append(
                f"the examinations of {patient} followed each other as {', '.join(in_time)}: cases keep the numbers of an "
                "earlier import"
            )
    return told


def read_pseudonyms(path: Path) -> dict[StudyKey, Name]:
    """Read an earlier import's names; empty where there is no such file.

    Raises:
        InputError: Not a file of ours.
    """
    if not path.exists():
        return {}
    names: dict[StudyKey, Name] = {}
    # As it is: a spreadsheet that wrote another form of it may have taken the zeros off a PatientID.
    with path.open("rb") as stream:
        header = stream.readline().decode("utf-8-sig", errors="replace").strip()
    if header != ",".join(HEADER):
        raise InputError(
            f"{path}: expected the header {','.join(HEADER)}, found {header!r}; "
            "restore the file, or move it away and import into a new OUT"
        )
    for row in read_table(path, HEADER, remedy="restore the file", strip=False).rows:
        name = Name(row["pseudonym"], row["case"])
        if not name.patient.rpartition("_")[2].isdigit() or not name.case.startswith(name.patient):
            raise InputError(
                f"{path}, line {row.number}: expected pseudonyms like patient_001, found {name.patient!r} "
                f"with the case {name.case!r}; restore the file"
            )
        names[row["PatientID"], row["StudyInstanceUID"]] = name
    return names


def write_pseudonyms(path: Path, names: Mapping[StudyKey, Name]) -> None:
    """Write the key file, readable by its owner alone."""
    with whole_file(path) as beside, private(beside, "w", newline="", encoding="utf-8") as stream:
        rows = [(name.patient, patient_id, name.case, uid) for (patient_id, uid), name in names.items()]
        write_rows(stream, [HEADER, *sorted(rows)])


def _person(patient_id: str, study_uid: str) -> str:
    return f"id {patient_id}" if patient_id else f"study {study_uid}"
