"""Name a case so that its files can lie on any system, and a patient so that one person has one name."""

from __future__ import annotations

import hashlib
import re
import unicodedata

MOST_BYTES = 128
"""Of a case's name, in UTF-8: file systems take 255 for a file's, and what belongs to a case adds to it."""

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)
"""Devices to Windows, whatever ending follows (learn.microsoft.com/windows/win32/fileio/naming-a-file)."""

_DIGEST = 8


def case_id(name: str) -> str:
    """Turn a folder's or a table's name for a case into one that is safe in file names on every system.

    Letters, digits and . _ - stay, the rest is _. So is a dot at the beginning (it hides a file, and two lead out of a
    folder) or the end (Windows drops it), and a - at the beginning (commands take it for an option); letters with marks are
    written as one sign each (NFC). A device's name of Windows gets a _, and a name of more than 128 bytes ends in a hash
    of what was cut off. A name that went through this comes out as it is.

    >>> case_id("patient 07 (b)"), case_id(".."), case_id("nul.a"), case_id("x" * 200)[115:]
    ('patient_07__b_', '__', 'nul_.a', 'xxxx_aa20c23e')
    """
    plain = re.sub(r"[^\w.-]", "_", unicodedata.normalize("NFC", name))
    plain = re.sub(r"^[.-]+|\.+$", lambda found: "_" * len(found[0]), plain) or "_"
    plain = RESERVED.sub(r"\1_", plain, count=1) if RESERVED.match(plain) else plain
    if len(plain.encode()) <= MOST_BYTES:
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:_DIGEST]
    kept = plain.encode()[: MOST_BYTES - _DIGEST - 1].decode(errors="ignore")
    return f"{kept}_{digest}"


def patient_id(text: str) -> str:
    """Write a patient's name one way, whatever program wrote it: under two a person would be on both sides of a split."""
    return unicodedata.normalize("NFC", text).strip()


def loose_patient_id(text: str) -> str:
    """Write a patient's name as far as two programs agree on it: no letter case, no blanks, no zeros in front of a number.

    Spreadsheets make 7 of 007. Two names that come out alike here are mostly one person's, which nobody but the user knows.

    >>> loose_patient_id("Jones "), loose_patient_id("A 12"), loose_patient_id("007"), loose_patient_id("P007")
    ('jones', 'a12', '7', 'p007')
    """
    plain = "".join(patient_id(text).casefold().split())
    return plain.lstrip("0") or "0" if plain.isdecimal() else plain
