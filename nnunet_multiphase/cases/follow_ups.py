"""Tell cases whose names are one patient's but for a date or a visit, where nothing says whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SIGN = r"[_\-. ]"
_DATE = (
    r"(?:(?:19|20)\d\d(?P<{0}>[_\-.]?)(?:0[1-9]|1[0-2])(?P={0})(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])(?P<{0}b>[_\-.])(?:0[1-9]|1[0-2])(?P={0}b)(?:19|20)\d\d)"
)
_VISIT = r"(?:baseline|bl|follow[_\-]?up|fu|visit|time[_\-]?point|tp|ses|session|verlauf|verlaufskontrolle|kontrolle)"
_NUMBERED = r"(?:t|v|d|w|m|y|day|week|month|year|mo|wk|yr|scan|study|exam)"

_BEHIND_DATE = re.compile(rf"(?P<who>.+?){_SIGN}+{_DATE.format('a')}(?:[_\-t]\d{{4}}(?:\d\d)?)?")
_BEHIND_YEAR = re.compile(rf"(?P<who>.+\d){_SIGN}+(?:199\d|20[0-3]\d)")
_BEFORE_DATE = re.compile(rf"{_DATE.format('a')}{_SIGN}+(?P<who>.+)")
_BEHIND_VISIT = re.compile(rf"(?P<who>.+?){_SIGN}+{_VISIT}{_SIGN}?\d{{0,2}}")
_BEHIND_NUMBER = re.compile(rf"(?P<who>.+?){_SIGN}+{_NUMBERED}{_SIGN}?\d{{1,3}}")
_LETTER = re.compile(r"(?P<who>.*\d)[_\-]?(?P<letter>[a-f])")

_NO_PATIENT = re.compile(
    rf"(?:site|cent(?:er|re)|hospital|clinic|klinik|scanner|batch|group|cohort|arm|part|set|series|trial|study|fold|split)"
    rf"{_SIGN}?\d+"
)
"""A number that many patients share: what follows it tells patients, not visits."""
_MOST_VISITS = 8
"""More cases of one beginning are named after their set."""


def find_follow_ups(names: Sequence[str], where: str) -> list[str]:
    """Tell cases that seem to be one patient's examinations.

    Args:
        names: Of all cases of a cohort in which nothing says which are of one patient.
        where: What could say it.

    Returns:
        One sentence for all of them; none where no names are alike.
    """
    groups: dict[str, list[str]] = {}
    plain = {name: name.casefold() for name in names}
    for name, text in plain.items():
        if who := _patient_in(text):
            groups.setdefault(who, []).append(name)
    for who, letters in _lettered(plain.values()).items():
        groups.setdefault(who, []).extend(name for name, text in plain.items() if text in letters)
    for name, text in plain.items():
        if text in groups and name not in groups[text]:
            groups[text].insert(0, name)
    found = [sorted(group) for group in groups.values() if 2 <= len(group) <= _MOST_VISITS]
    found = [group for group in found if len(group) < len(names)]
    if not found:
        return []
    shown = "; ".join(", ".join(group) for group in found[:3])
    more = f"; and {len(found) - 3} more such groups" if len(found) > 3 else ""
    return [
        f"cases that are named like examinations of one patient ({shown}{more}) count as patients of their own: one "
        f"patient's may be in training and in test; if they are one's, say whose each case is in {where}"
    ]


def _patient_in(name: str) -> str:
    """Give what a name holds beside a date or a visit, where that can be a patient; else the empty text.

    >>> _patient_in("hcc_001_20190101"), _patient_in("p7_fu2"), _patient_in("case_001"), _patient_in("site1_20190101")
    ('hcc_001', 'p7', '', '')
    """
    if (
        match := _BEHIND_DATE.fullmatch(name)
        or _BEHIND_NUMBER.fullmatch(name)
        or _BEHIND_YEAR.fullmatch(name)
    ):
        who = match["who"]
        return who if re.search(r"\d", who) and not _NO_PATIENT.fullmatch(who) else ""
    if match := _BEFORE_DATE.fullmatch(name):  # 20190101_02 may be the day's second patient
        who = match["who"]
        return who if re.search(r"[^\W\d_].*\d{3}", who) else ""
    match = _BEHIND_VISIT.fullmatch(name)
    return match["who"] if match and not _NO_PATIENT.fullmatch(match["who"]) else ""


def _lettered(names: Iterable[str]) -> dict[str, set[str]]:
    """Find names that differ in a letter behind a number, as 7a and 7b; by what comes before the letter."""
    letters: dict[str, dict[str, str]] = {}
    for name in names:
        if match := _LETTER.fullmatch(name):
            letters.setdefault(match["who"], {})[match["letter"]] = name
    return {who: set(found.values()) for who, found in letters.items() if "".join(sorted(found)) in "abcdef"}
