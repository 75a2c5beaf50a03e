"""Step 6b: notice one person under two PatientIDs, who would be in training and test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nnunet_multiphase.dicom.person import Person, disagreements
from nnunet_multiphase.dicom.person_name import names_differ, names_nobody
from nnunet_multiphase.dicom.regroup import is_stand_in
from nnunet_multiphase.dicom_import.pseudonyms import Name, Study, StudyKey

_MOST_IDS = 3
"""Of one person; a name and birth date that more have were written by a de-identification."""

_MOST_CASES = 5  # to be named in a sentence


def people_under_two_ids(studies: Iterable[Study], names: Mapping[StudyKey, Name]) -> list[str]:
    """Say which cases of different PatientIDs may be one person's.

    Args:
        studies: Of the tree.
        names: What each study is called, those of earlier imports too.

    Returns:
        One sentence for each person; none where sex, birth date or name tell two apart.
    """
    studies = list(studies)
    of_one_study = _of_one_study(studies, names)
    told = {frozenset(patients) for patients in of_one_study}
    alike = [patients for patients in _alike(studies, names) if frozenset(patients) not in told]
    return [
        *(_sentence(patients, "are of one StudyInstanceUID") for patients in of_one_study),
        *(_sentence(patients, "are of one name, birth date and sex") for patients in alike),
    ]


def _sentence(patients: list[str], why: str) -> str:
    shown = patients[:_MOST_CASES]
    more = f" and {len(patients) - len(shown)} more" if len(patients) > len(shown) else ""
    return (
        f"patients {' and '.join(shown)}{more} {why}, but not of one PatientID: if they are one person (an ID that was lost "
        "or typed in two ways), phases may be torn apart and a split puts that person into training and test; give "
        "the images one PatientID and import into a new OUT"
    )


def _of_one_study(studies: list[Study], names: Mapping[StudyKey, Name]) -> list[list[str]]:
    """List patients who share a StudyInstanceUID, and about whom nothing disagrees."""
    by_uid: dict[str, set[str]] = {}
    for (_, uid), name in names.items():
        by_uid.setdefault(uid, set()).add(name.patient)
    persons: dict[str, dict[str, set[Person]]] = {}
    for study in studies:
        patient = names[study.patient_id, study.uid].patient
        persons.setdefault(study.uid, {}).setdefault(patient, set()).update(study.persons)
    found = {
        tuple(sorted(by_uid[uid]))
        for uid, groups in persons.items()
        if len(by_uid[uid]) > 1
        and not is_stand_in(uid)
        and not disagreements(groups.values(), one_day=True, names=True)
    }
    return [list(patients) for patients in sorted(found)]


def _alike(studies: list[Study], names: Mapping[StudyKey, Name]) -> list[list[str]]:
    """List patients who agree in all that tells people apart."""
    by_birth: dict[tuple[str, str], dict[str, str]] = {}  # birth date, sex -> patient -> name
    for study in studies:
        for person in study.persons:
            if person.birth_date and person.sex and not names_nobody(person.name):
                patient = names[study.patient_id, study.uid].patient
                by_birth.setdefault((person.birth_date, person.sex), {}).setdefault(patient, person.name)
    found = []
    for of_birth in by_birth.values():
        left = sorted(of_birth)
        while left:
            first = left.pop(0)
            same = [patient for patient in left if not names_differ(of_birth[first], of_birth[patient])]
            left = [patient for patient in left if patient not in same]
            if same and len(same) < _MOST_IDS:
                found.append([first, *same])
    everybody = {names[study.patient_id, study.uid].patient for study in studies}
    # Three people and more who all agree have a name that was written for all.
    return sorted(patients for patients in found if len(patients) == 2 or {*patients} != everybody)
