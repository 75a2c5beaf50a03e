"""Lay out a long table that the reader sorts by a click on a column and cuts down by words; bodies of rows move whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from nnunet_multiphase.html.templates import render


class SortedColumn(Protocol):
    """What the table has to know of a column."""

    @property
    def name(self) -> str:
        """Its head."""

    @property
    def number(self) -> bool:
        """Whether its cells are numbers."""

    @property
    def descending(self) -> bool:
        """Whether the first click puts the largest first."""


@dataclass(frozen=True)
class Cell:
    """Hold a cell.

    Attributes:
        shown: Text, or Markup.
        kind: Its class.
        scope: Of a head, "row" or "rowgroup"; empty: it is none.
        rows, columns: Over how many it reaches; 0: its own.
    """

    shown: str
    kind: str = ""
    scope: str = ""
    rows: int = 0
    columns: int = 0


@dataclass(frozen=True)
class Line:
    """Hold a row of the table, and its class."""

    cells: Sequence[Cell]
    kind: str = ""


@dataclass(frozen=True)
class Body:
    """Hold rows that move together, their class, and what they are sorted by, column for column; None comes last."""

    kind: str
    keys: Sequence[float | str | None]
    lines: Sequence[Line]

    @property
    def sorted_by(self) -> str:
        """Give the keys as JSON."""
        return json.dumps(self.keys)


def sorted_table(
    columns: Sequence[SortedColumn],
    bodies: Iterable[Body],
    *,
    came_by: str,
    what: str,
    words: str,
    wide: bool = False,
) -> Markup:
    """Write the table and the field to search it; sorted_table.js brings both to life.

    Args:
        columns: From left to right.
        bodies: From top to bottom.
        came_by: Name of the column that the bodies come sorted by.
        what: What a body is, in the plural.
        words: What one might search for.
        wide: It may be wider than the page, and scrolls there by itself.
    """
    heads = [
        {
            "name": column.name,
            "kind": column_kind(column),
            "first": "descending" if column.descending else "ascending",
            "sorted": column.name == came_by,
        }
        for column in columns
    ]
    return render(
        "html/sorted_table.html", heads=heads, bodies=list(bodies), what=what, words=words, wide=wide
    )


def column_kind(column: SortedColumn) -> str:
    """Give the class of a column's cells: its name's first word."""
    return column.name.split()[0].lower() + (" number" if column.number else "")


def mark(text: str, kind: str) -> Markup:
    """Write a coloured label."""
    return Markup('<span class="label {}">{}</span>').format(kind, text)


def counts(counted: Iterable[tuple[str, int]], lead: str = "") -> Markup:
    """Write how many there are of each label."""
    items = Markup(" ").join(Markup("<span>{} {}</span>").format(shown, number) for shown, number in counted)
    return Markup('<p class="counts">{}{}</p>').format(lead, items)


def legend(items: Iterable[tuple[str, str]]) -> Markup:
    """Write what names mean."""
    return render("html/legend.html", items=list(items))


def count(number: int, what: str) -> str:
    """Say how many: 1 case, 2 cases."""
    return f"{number} {what}" + ("" if number == 1 else "s")
