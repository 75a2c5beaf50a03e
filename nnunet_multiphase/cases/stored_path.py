"""Find the file that a table names where the system writes its accents in another way."""

from __future__ import annotations

import unicodedata
from pathlib import Path


def stored_path(root: Path, written: str) -> Path:
    """Give a path as it is stored below a folder; as it is written where nothing is stored under another form of it.

    macOS's older disks, and archives made there, hold a letter and its accent as two signs, where a table that a
    spreadsheet wrote holds one: the two look alike, and to most systems are two names.

    Args:
        root: Folder that a path which is not absolute starts from.
        written: The path in the table.
    """
    path = root / written
    if written.isascii() or path.exists():
        return path
    place = Path(path.anchor)
    for part in path.parts[1 if path.anchor else 0 :]:
        there = place / part
        if not there.exists() and place.is_dir():
            plain = unicodedata.normalize("NFC", part)
            forms = [entry for entry in place.iterdir() if unicodedata.normalize("NFC", entry.name) == plain]
            there = forms[0] if len(forms) == 1 else there
        place = there
    return place if place.exists() else path
