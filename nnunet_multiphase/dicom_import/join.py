"""Step 6a: find the studies of one patient and day, which may be one examination under several numbers, and join them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nnunet_multiphase.dicom.header import day_number
from nnunet_multiphase.dicom.person import disagreements
from nnunet_multiphase.dicom_import.examinations import MOST_DAYS
from nnunet_multiphase.dicom_import.pseudonyms import Name, Study, StudyKey


def same_day_groups(studies: Iterable[Study]) -> list[list[StudyKey]]:
    """List the studies of one PatientID that were made on one day, or the next; at least two each, earliest first.

    Studies without PatientID or date are in no group, nor are those that disagree about the person: a
    de-identification may have given everybody one PatientID and one date.
    """
    return [_keys(group) for group in _days(studies) if not _disagreements(group)]


def refused_joins(
    studies: Iterable[Study], to: Mapping[StudyKey, StudyKey], names: Mapping[StudyKey, Name]
) -> list[str]:
    """Say which studies of one PatientID and day are not joined, as they disagree about the person.

    Args:
        studies: Of the tree.
        to: From `name_bearers`.
        names: What each study is called.
    """
    told = []
    for group in _days(studies):
        cases = sorted({names[to[key]].case for key in _keys(group)})
        if (what := _disagreements(group)) and len(cases) > 1:
            told.append(
                f"cases {' and '.join(cases)} are of one PatientID and day, but disagree in {' and '.join(what)}: "
                "--join-studies does not join them, as they may be different people"
            )
    return told


def mixed_patients(studies: Iterable[Study], names: Mapping[StudyKey, Name]) -> list[str]:
    """Say which PatientIDs seem to stand for several people; one sentence a patient.

    Args:
        studies: Of the tree.
        names: What each study is called.
    """
    patients: dict[str, list[Study]] = {}
    for study in studies:
        if study.patient_id:
            patients.setdefault(names[study.patient_id, study.uid].patient, []).append(study)
    return [
        f"patient {patient}: the {len(group)} studies of this PatientID disagree in {' and '.join(what)}, so that they "
        "may be of different people; they count as one patient in every split; if they are several, give each a "
        "PatientID of their own and import into a new OUT"
        for patient, group in sorted(patients.items())
        if (what := disagreements(study.persons for study in group))
    ]


def mixed_cases(
    studies: Iterable[Study], to: Mapping[StudyKey, StudyKey], names: Mapping[StudyKey, Name]
) -> dict[str, str]:
    """Say why a case cannot be written whose images disagree about the person: case -> sentence.

    One study may hold two people where a de-identification gave all studies one UID; and an earlier import may have joined
    what is not joined any more.

    Args:
        studies: Of the tree.
        to: From `name_bearers`.
        names: What each study is called.
    """
    cases: dict[str, list[Study]] = {}
    for study in studies:
        cases.setdefault(names[to[study.patient_id, study.uid]].case, []).append(study)
    found = {}
    for case, group in cases.items():
        # Within a study one system may name the ID's issuer in another way than the next, or count the age anew.
        bare = [[replace(person, issuer="")] for study in group for person in study.persons]
        if what := _disagreements(group) or disagreements(bare, names=True):
            found[case] = (
                f"its images disagree in {' and '.join(what)}, so that they may be of different people; give each person a "
                "PatientID and a StudyInstanceUID of their own, or correct the headers, and import into a new OUT"
            )
    return found


def _disagreements(group: Iterable[Study]) -> list[str]:
    return disagreements((study.persons for study in group), one_day=True, names=True)


def _keys(group: Iterable[Study]) -> list[StudyKey]:
    return [(study.patient_id, study.uid) for study in group]


def _days(studies: Iterable[Study]) -> list[list[Study]]:
    """Group the studies of one PatientID that were made on one day, or the next; at least two each, earliest first."""
    groups: list[list[Study]] = []
    for study in sorted(studies, key=lambda study: (study.patient_id, study.date, study.uid)):
        day = day_number(study.date)
        if not study.patient_id or day is None:
            continue
        first = groups[-1][0] if groups else None
        same = first is not None and first.patient_id == study.patient_id
        if first is not None and same and day - (day_number(first.date) or 0) <= MOST_DAYS:
            groups[-1].append(study)
        else:
            groups.append([study])
    return [group for group in groups if len(group) > 1]


def name_bearers(
    studies: Iterable[Study], known: Mapping[StudyKey, Name], *, on_request: bool
) -> dict[StudyKey, StudyKey]:
    """Say under which study's name each study goes.

    Args:
        studies: Of the tree.
        known: Names from an earlier import. What was joined then stays joined.
        on_request: Join studies of one patient and day.

    Returns:
        Study -> the study it is joined to, mostly itself.
    """
    studies = list(studies)
    heads: dict[str, StudyKey] = {}  # case -> the first study of that name
    to: dict[StudyKey, StudyKey] = {}
    for study in sorted(studies, key=lambda study: (study.date, study.uid)):
        key = (study.patient_id, study.uid)
        to[key] = heads.setdefault(known[key].case, key) if key in known else key
    for group in same_day_groups(studies) if on_request else ():
        # A name that is known already is kept; of several the first.
        head = min(group, key=lambda key: (key not in known, _number(known.get(key)), group.index(key)))
        moved = {to[key] for key in group}
        to |= {key: to[head] for key, before in to.items() if before in moved}
    return to


def worth_joining(
    groups: Iterable[Sequence[StudyKey]],
    to: Mapping[StudyKey, StudyKey],
    names: Mapping[StudyKey, Name],
    phases: Mapping[StudyKey, set[str]],
) -> list[str]:
    """Say where joining would give a case more phases; one sentence a group.

    Args:
        groups: From `same_day_groups`.
        to: From `name_bearers`.
        names: What each study is called.
        phases: Study -> phases that are used of it.
    """
    told = []
    for group in groups:
        heads = [key for key in dict.fromkeys(to[key] for key in group) if phases.get(key)]
        together = set().union(*(phases[key] for key in heads))
        if len(heads) > 1 and all(phases[key] != together for key in heads):
            each = " and ".join(f"{names[key].case} ({', '.join(sorted(phases[key]))})" for key in heads)
            told.append(
                f"cases {each} are studies of one patient and day: --join-studies makes one case of them"
            )
    return told


def _number(name: Name | None) -> int:
    """Give the number of a patient's case: 1 for the first."""
    end = name.case.removeprefix(name.patient).lstrip("_") if name else ""
    return int(end) if end.isdigit() else 1
