"""Read a table as people's programs write it: CSV with commas, semicolons or tabs, by the names of its columns."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.table_cells import read_cell

DELIMITERS = ",;\t"

_NO_ANSWER = re.compile(
    r"nan|#?n/?a|<na>|n\.a\.|none|null|nil|[-\u2013\u2014]+|[./\\?]|missing|absent|unknown"
)

_SHORTENED = re.compile(r"[+-]?\d([.,]\d+)?E\+\d{2,3}")
"""As Excel and LibreOffice show a number of many digits, and save it."""
_FORMULAS_ERROR = re.compile(r"#{2,}|#[^\W\d_]+[/ ]?\w*[?!]")
"""#REF!, #NAME?, #DIV/0!, #WERT!, and what stands for a column that is too narrow."""


@dataclass(frozen=True)
class Row:
    """Hold one line: where it begins in the file, and its cells by column."""

    number: int  # 1 is the file's first line
    cells: dict[str, str]  # of the columns asked for; those the table lacks are not in it
    further: tuple[tuple[str, str], ...] = ()  # of the others: name as written, perhaps empty, and cell

    def __getitem__(self, column: str) -> str:
        """Give a cell; the empty text where the table lacks the column or the line is short."""
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Table:
    """Hold what was asked for of a table."""

    columns: tuple[str, ...]  # of those asked for, the ones that are there
    further: tuple[str, ...]  # as they are written; not read
    rows: tuple[Row, ...]  # without empty ones


def read_table(
    path: Path,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    *,
    remedy: str = "save it as CSV UTF-8",
    strip: bool = True,
) -> Table:
    """Read the columns of a table that are asked for; others may be there.

    A header's letter case and blanks do not count. Lines without any text are passed over, as spreadsheets write them
    at the end; a cell in quotes may hold line breaks.

    Args:
        path: UTF-8 text with a header, separated by commas, semicolons or tabs.
        needed: Columns that have to be there.
        optional: Columns that may be there.
        remedy: What to do where it is another kind of file.
        strip: Take blanks off the ends of cells.

    Returns:
        The cells, under the names asked for.

    Raises:
        InputError: It cannot be read, lacks a column, has one twice or misspelt, or a line has more cells than the header.
    """
    wanted = (*needed, *optional)
    try:
        with readable_table(path, remedy), path.open(newline="", encoding="utf-8-sig") as stream:
            lines = _lines(stream.read(), wanted)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): expected a table") from error
    header = next(iter(lines), (1, []))[1]
    position = _positions(path, header, needed, wanted)
    rows = []
    for number, cells in lines[1:]:
        if any(cell.strip() for cell in cells[len(header) :]):
            raise InputError(
                f"{path}, line {number}: more cells than the header has; put texts that hold a separator in quotes"
            )
        read = [read_cell(cell.strip() if strip else cell) for cell in cells[: len(header)]]
        named = {name: read[at] for name, at in position.items() if at < len(read)}
        others = ((header[at].strip(), cell) for at, cell in enumerate(read) if at not in position.values())
        rows.append(Row(number, named, tuple(others)))
    further = tuple(
        name.strip() for at, name in enumerate(header) if at not in position.values() and name.strip()
    )
    return Table(tuple(position), further, tuple(rows))


def no_answer(cell: str) -> bool:
    """Tell a cell in which a program or a person wrote that there is nothing: nan, N/A, none, - and their like.

    >>> no_answer("N/A"), no_answer("-"), no_answer(""), no_answer("nc.nii")
    (True, True, False, False)
    """
    return _NO_ANSWER.fullmatch(cell.strip().casefold()) is not None


def told_of_spoilt_cell(cell: str) -> str:
    """Say that a spreadsheet has put something else in the place of a name; the empty text: it has not.

    >>> told_of_spoilt_cell("1.23E+11").partition(",")[0], told_of_spoilt_cell("12E4"), told_of_spoilt_cell("0012")
    ("is '1.23E+11'", '', '')
    """
    if _SHORTENED.fullmatch(cell.strip()):
        return (
            f"is {cell.strip()!r}, a number that a spreadsheet has shortened: several names may have become one; format the "
            "column as text before the names are filled in, and save it again"
        )
    if _FORMULAS_ERROR.fullmatch(cell.strip()):
        return f"is {cell.strip()!r}, a spreadsheet's sign of a formula that fails or a column too narrow: fill in the name"
    return ""


def unused_columns_note(path: Path, table: Table) -> list[str]:
    """Say which columns of a table count for nothing; nothing to say gives an empty list."""
    if not table.further:
        return []
    shown = ", ".join(table.further[:6]) + (", ..." if len(table.further) > 6 else "")
    return [f"{path.name}: not used of its columns: {shown}"]


@contextmanager
def readable_table(path: Path, remedy: str = "save it as CSV UTF-8") -> Iterator[None]:
    """Turn what reading a table may raise into a sentence that names it.

    Args:
        path: The table being read in the block.
        remedy: What to do where it is another kind of file.

    Raises:
        InputError: It is not UTF-8 text, or not a table.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}): {remedy}") from error
    except csv.Error as error:
        raise InputError(
            f"{path} cannot be read as a table ({error}): look for a lost quote, or {remedy}"
        ) from error


def _lines(text: str, wanted: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Cut a text into lines of cells, each with the number of its first; those without text are left out."""
    if "\0" in text:
        raise csv.Error("zero bytes, as in UTF-16")
    hint = re.match(r"\s*\"?sep=([,;\t])", text, re.IGNORECASE)  # Excel's own way to name the separator
    delimiter = hint[1] if hint else max(DELIMITERS, key=lambda sign: _fit(text, sign, wanted))
    # Strict: otherwise a lost quote swallows the lines up to the next one, or all, without a word.
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    lines, begun = [], 0
    for cells in reader:
        number, begun = begun + 1, reader.line_num
        if any(cell.strip() for cell in cells):
            lines.append((number, cells))
    return lines[1:] if hint else lines


def _fit(text: str, delimiter: str, wanted: Sequence[str]) -> tuple[int, int]:
    """Tell how many of the wanted columns, and how many at all, the header has with a separator."""
    # By the same reader as the rows: only it knows where the header ends, which may hold line breaks in quotes.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    names: list[str] = next((cells for cells in reader if "".join(cells).strip(DELIMITERS + " ")), [])
    known = {_plain(name) for name in wanted}
    return len({_plain(name) for name in names} & known), len(names)


def _positions(
    path: Path, header: Sequence[str], needed: Sequence[str], wanted: Sequence[str]
) -> dict[str, int]:
    """Find the wanted columns in a header: name -> place."""
    found = ", ".join(name.strip() for name in header if name.strip()) or "nothing"
    plain = [_plain(name) for name in header]
    twice = [name for name in wanted if plain.count(_plain(name)) > 1]
    if twice:
        raise InputError(f"{path}: the column {twice[0]} is there twice ({found}); keep one")
    lacking = [name for name in needed if _plain(name) not in plain]
    if lacking:
        raise InputError(
            f"{path}: expected a header with {', '.join(needed)}, it lacks {', '.join(lacking)}: found {found}"
        )
    absent = [name for name in wanted if _plain(name) not in plain]
    for name in header:
        # A misspelt column would be passed over, and what it says with it.
        meant = difflib.get_close_matches(_plain(name), map(_plain, absent), 1, 0.8) if name.strip() else []
        if meant:
            raise InputError(
                f"{path}: the column {name.strip()} looks like {meant[0]}; call it so, or otherwise if it is something else"
            )
    return {name: plain.index(_plain(name)) for name in wanted if _plain(name) in plain}


def _plain(name: str) -> str:
    """Write a column's name without regard to case and blanks."""
    return re.sub(r"[\s_]+", "_", name.strip()).casefold()
