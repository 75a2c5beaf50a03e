"""Write tables of which a spreadsheet computes no word that came from outside, and read the words back as they were.

A cell that begins with = + - @, a tab or a line's end is a formula to Excel and LibreOffice, and a formula may open a web
page or start a program. As OWASP advises ("CSV Injection"), a ' before it makes it a word. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from nnunet_multiphase.whole_file import whole_file

_FORMULA = re.compile(r"'*(\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
"""The wide forms too, which some take for the same; and what already has a ', so that nothing is lost on the way back."""


def safe_cell(cell: str) -> str:
    """Put a ' before a cell that a spreadsheet would compute.

    >>> safe_cell("=1+1"), safe_cell("-12.5"), safe_cell("P-1")
    ("'=1+1", '-12.5', 'P-1')
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _is_number(cell) else cell


def read_cell(cell: str) -> str:
    """Give a cell as it was before `safe_cell`; what that never wrote stays.

    >>> read_cell("'=1+1"), read_cell("'s-Hertogenbosch")
    ('=1+1', "'s-Hertogenbosch")
    """
    bare = cell[1:]
    return bare if cell.startswith("'") and _FORMULA.match(bare) and not _is_number(bare) else cell


def write_rows(stream: IO[str], rows: Iterable[Iterable[object]], *, ending: str = "\r\n") -> None:
    """Write rows of values as CSV of which no cell is computed and none ends its line.

    Args:
        stream: Opened with newline="".
        rows: The header among them.
        ending: Of a line.
    """
    plain = csv.writer(stream, lineterminator=ending)
    quoted = csv.writer(stream, lineterminator=ending, quoting=csv.QUOTE_ALL)
    for row in rows:
        cells = [safe_cell(str(cell)) for cell in row]
        # Before Python 3.13 a \r is left bare where lines end with \n.
        (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Write rows of cells beside `path` and rename, so that a reader never meets half a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        write_rows(file, [header, *rows], ending="\n")
    return path


def csv_cell(value: object) -> str:
    """Format one value for a table: floats with six digits, nan as an empty cell."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
