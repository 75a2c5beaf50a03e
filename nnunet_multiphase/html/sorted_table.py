"""Lay out a long table that the reader sorts by a click on a column and cuts down by words; bodies of rows move whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Protocol

from nnunet_multiphase.html.page import Markup


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


def sorted_table(
    columns: Sequence[SortedColumn],
    bodies: Iterable[str],
    *,
    came_by: str,
    what: str,
    words: str,
    wide: bool = False,
) -> Markup:
    """Write the table and the field to search it; sorted_table.js brings both to life.

    Args:
        columns: From left to right.
        bodies: A <tbody> each, as `body_start` begins it.
        came_by: Name of the column that the bodies come sorted by.
        what: What a body is, in the plural.
        words: What one might search for.
        wide: It may be wider than the page, and scrolls there by itself.
    """
    heads = "".join(
        f'<th scope="col"{column_class(column)} data-first="{"descending" if column.descending else "ascending"}"'
        + (' aria-sort="ascending"' if column.name == came_by else "")
        + f">{escape(column.name)}</th>"
        for column in columns
    )
    rows = "\n".join(bodies)
    table = f'<table id="cases"><thead><tr>{heads}</tr></thead>\n{rows}</table>'
    return Markup(
        f'<p id="tools" hidden><label>Show {what} with <input type="search" placeholder="{words}">'
        '</label> <span role="status"></span></p>' + (f'<div class="wide">{table}</div>' if wide else table)
    )


def body_start(kind: str, keys: Sequence[float | str | None]) -> str:
    """Begin a body of rows (HTML), with its class and what it is sorted by, column for column; None comes last."""
    return f'<tbody class="{kind}" data-keys="{escape(json.dumps(keys), quote=True)}">'


def column_class(column: SortedColumn) -> str:
    """Write the class attribute of a column's cells: its name's first word."""
    return f' class="{column.name.split()[0].lower()}{" number" if column.number else ""}"'


def mark(text: str, kind: str) -> str:
    """Write a coloured label (HTML)."""
    return f'<span class="label {kind}">{escape(text)}</span>'


def counts(counted: Iterable[tuple[str, int]], lead: str = "") -> Markup:
    """Write how many there are of each label (HTML)."""
    items = " ".join(f"<span>{shown} {number}</span>" for shown, number in counted)
    return Markup(f'<p class="counts">{lead}{items}</p>')


def legend(items: Iterable[tuple[str, str]]) -> Markup:
    """Write what names (text) mean (HTML)."""
    inner = "".join(f"<div><dt>{escape(name)}</dt> <dd>{meaning}</dd></div>" for name, meaning in items)
    return Markup(f'<dl class="legend">{inner}</dl>')


def count(number: int, what: str) -> str:
    """Say how many: 1 case, 2 cases."""
    return f"{number} {what}" + ("" if number == 1 else "s")
