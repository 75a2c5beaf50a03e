"""Step 1f: tell two names from two spellings of one name, so that two people under one UID are noticed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache

_ALIKE = 0.7
"""Of two words, the share of letters in common: Meier and Meyer, Jane and Jana are alike, Jane and John are not."""

_PLACEHOLDERS = frozenset(
    (
        *("anon", "anonym", "anonyme", "anonymous", "anonymized", "anonymised", "anonymisiert", "anonymiert"),
        *("deidentified", "deid", "removed", "redacted", "unknown", "unbekannt", "none", "null", "noname"),
        *("nn", "na", "name", "patient", "patientname", "test", "xxx", "xxxx"),
    )
)
"""Words that stand for no name."""

_TITLES = frozenset(("mr", "mrs", "ms", "dr", "prof", "herr", "frau", "md", "phd", "jr", "sr", "ii", "iii"))
_TWO_LETTERS = (
    ("ae", "a"),
    ("oe", "o"),
    ("ue", "u"),
    ("aa", "a"),
)  # Mueller is Müller, and Muller where dots are lost
_LOST = re.compile("[?\ufffd]|[\u00c2-\u00c5][\u0080-\u00bf]")  # a letter that a character set lost


def names_differ(a: str, b: str) -> bool:
    """Say whether two PatientNames can hardly be one person's.

    Letter case, accents, separators, order, titles, initials, a name more or less, and a slip of the pen do not count; nor
    does what cannot be compared: no name, a word that stands for none, another script.

    >>> names_differ("Doe^Jane", "DOE JANE^M"), names_differ("Case^A", "Case^B")
    (False, True)
    """
    if a == b:
        return False
    compared = False
    for first in _forms(a):
        for second in _forms(b):
            if not first or not second or first[0].isascii() != second[0].isascii():
                continue
            compared = True
            if _alike(first, second):
                return False
    return compared


def names_nobody(text: str) -> bool:
    """Say whether a PatientName or PatientID is empty, or a word that a de-identification writes for everybody."""
    return not any(_forms(text))


@cache
def _forms(name: str) -> tuple[tuple[str, ...], ...]:
    """Take the words of a name's alphabetic, ideographic and phonetic group, which stand between equal signs."""
    return tuple(_words(form) for form in name.split("="))


def _words(text: str) -> tuple[str, ...]:
    # Of a word with a lost letter the rest is compared.
    text = unicodedata.normalize("NFKD", _LOST.sub("", text).casefold())
    text = "".join(letter for letter in text if not unicodedata.combining(letter)).replace("ø", "o")
    for two, one in _TWO_LETTERS:
        text = text.replace(two, one)
    words = [word for word in re.findall(r"[^\W_]+", text) if word not in _TITLES]
    return () if all(word in _PLACEHOLDERS for word in words) else tuple(words)


def _alike(a: Sequence[str], b: Sequence[str]) -> bool:
    """Say whether every word of the shorter name is in the longer one, or both are the same without their separators."""
    if _same_word("".join(a), "".join(b)) and not (len(a) == len(b) > 1):
        return True
    few, many = sorted((list(a), list(b)), key=len)
    for word in sorted(few, key=len, reverse=True):
        like = next((other for other in many if _same_word(word, other)), None)
        if like is None:
            return False
        many.remove(like)
    return True


def _same_word(a: str, b: str) -> bool:
    if a == b:
        return True
    if any(map(str.isdigit, a + b)):
        return a.isdigit() and b.isdigit() and int(a) == int(b)  # Case 1 and Case 2 are two
    short, long = sorted((a, b), key=len)
    if not a.isascii() or not b.isascii():
        return short in long
    return long.startswith(short) or (len(short) > 2 and SequenceMatcher(None, a, b).ratio() >= _ALIKE)
