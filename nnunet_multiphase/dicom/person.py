"""Step 1e: what headers say of the person beside PatientID, to notice one ID that stands for several people."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from nnunet_multiphase.dicom.person_name import names_differ

MOST_YEARS_APART = 1.0
"""Of ages on one day: some count to the last birthday, others to the nearest; an examination may run past a birthday."""

_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True)
class Person:
    """What one header says of a person; what it leaves open, or says in no usual way, is empty."""

    sex: str = ""  # M or F
    birth_date: str = ""  # eight figures
    issuer: str = ""  # who gave out the PatientID
    age: float | None = None  # years
    name: str = ""  # as it is written


NOBODY = Person()


def person_of(sex: str, birth_date: str, issuer: str, age: str, name: str = "") -> Person:
    """Take from PatientSex, PatientBirthDate, IssuerOfPatientID, PatientAge and PatientName what can be compared."""
    sex, day = sex.strip().upper(), birth_date.strip()
    years = re.fullmatch(r"(\d{1,3})([DWMY])", age.strip().upper())
    return Person(
        # O, U and what else is written stand for "not known" as often as for a third sex.
        sex if sex in ("M", "F") else "",
        day if re.fullmatch(r"\d{8}", day) and day != "0" * 8 else "",
        issuer.strip().casefold(),
        int(years[1]) * _YEARS[years[2]] if years and int(years[1]) else None,
        name.strip(),
    )


_TRAITS: dict[str, Callable[[Person], str]] = {
    "sex": lambda person: person.sex,
    "birth date": lambda person: person.birth_date,
    "issuer of the patient's ID": lambda person: person.issuer,
}


def disagreements(
    groups: Iterable[Iterable[Person]], *, one_day: bool = False, names: bool = False
) -> list[str]:
    """Name what groups of images disagree in, so that they can hardly be of one person; never the values.

    Args:
        groups: Of each group of images what its headers say. What a group leaves open agrees with everything.
        one_day: They were made on one day, so that ages count, too.
        names: They are of one examination, so that names count, too; later people may have another.
    """
    known = [set(group) for group in groups]
    found = [
        name
        for name, trait in _TRAITS.items()
        if _apart([{trait(person) for person in group} - {""} for group in known])
    ]
    ages = [[person.age for person in group if person.age is not None] for group in known]
    ages = [group for group in ages if group]
    if one_day and ages and max(map(min, ages)) - min(map(max, ages)) > MOST_YEARS_APART:
        found.append("age")
    if names and _names_apart([{person.name for person in group} - {""} for group in known]):
        found.append("name")
    return found


def _names_apart(groups: Sequence[set[str]]) -> bool:
    distinct = {frozenset(group) for group in groups if group}
    return any(
        all(names_differ(first, second) for first in a for second in b) for a, b in combinations(distinct, 2)
    )


def _apart(values: Sequence[set[str]]) -> bool:
    """Say whether two groups that say something have nothing in common."""
    distinct = {frozenset(group) for group in values if group}
    return any(not a & b for a, b in combinations(distinct, 2))
