"""Lay out a list of all predicted patients, from the measures that lie beside their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from nnunet_multiphase.evaluation.left_by_predict import (
    MEASURES,
    NOT_PREDICTED,
    how_made,
    noted_failures,
    told_apart,
)
from nnunet_multiphase.html.page import Section, Text, write_report
from nnunet_multiphase.html.sorted_table import Body, Cell, Line, column_kind, count, mark, sorted_table
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.json_file import load_json
from nnunet_multiphase.report.patient_page import NOTE

INDEX = "index.html"
WORST_FIRST = ("failed", "check", "ok", "")
KINDS = {"failed": "lost", "check": "look", "ok": "used"}
"""Verdict -> class of its label and its row."""


@dataclass(frozen=True)
class Column:
    """Hold a column's head and how it sorts first."""

    name: str
    number: bool = False
    descending: bool = False


COLUMNS = (
    Column("case"),
    Column("lesions", number=True, descending=True),
    Column("largest mm", number=True, descending=True),
    Column("burden ml", number=True, descending=True),
    Column("% of liver", number=True, descending=True),
    Column("registration"),
    Column("to know"),
)


@dataclass(frozen=True)
class Row:
    """Hold what the list says of one patient; None is what is not known."""

    case: str
    page: str | None
    lesions: int
    largest_mm: float | None
    burden_ml: float
    burden_percent: float | None
    verdict: str
    to_know: tuple[str, ...]
    made: dict[str, str]  # as `how_made` tells


def write_patient_index(folder: Path, failed: Mapping[str, str] | None = None) -> Path:
    """Write index.html of the patients in a folder, those whose registration is worst first.

    Args:
        folder: Holds <case>_lesions.json of each patient, and <case>.html where it has a page.
        failed: Patient -> why it was not predicted this time, besides those that earlier runs noted; what a run before left
            of it is not listed.

    Returns:
        The path. What cannot be read as measures is no patient.
    """
    folder = Path(folder)
    failed = {**noted_failures(folder), **(failed or {})}
    rows = [row for path in sorted(folder.glob(f"*{MEASURES}")) if (row := _row(path)) is not None]
    rows = [row for row in rows if row.case not in failed]
    apart = told_apart({row.case: row.made for row in rows})
    rows.sort(key=lambda row: WORST_FIRST.index(row.verdict))
    table = sorted_table(
        COLUMNS,
        (_body(row) for row in rows),
        came_by="registration",
        what="patients",
        words="case, failed, check ...",
        wide=True,
    )
    found = f"{count(len(rows), 'patient')}, {sum(row.lesions > 0 for row in rows)} with lesions."
    told = [Text(f"Not all were predicted alike: {apart}.")] if apart else []
    return write_report(
        folder / INDEX,
        title="Predicted patients",
        lead=NOTE,
        sections=[
            *_not_predicted(failed),
            Section("Patients, the doubtful first", [Text(found), *told, table]),
        ],
        styles=("html/sorted_table.css", "report/patient_index.css"),
        script="html/sorted_table.js",
    )


def _not_predicted(failed: Mapping[str, str]) -> list[Section]:
    """Say first who is lacking in the list."""
    if not failed:
        return []
    listed = render("report/not_predicted.html", failed=sorted(failed.items()))
    until = Text(
        f"A patient stays here until predicted under that name; who was renamed or is not wanted goes with its file in "
        f"{NOT_PREDICTED}."
    )
    return [Section(f"Not predicted: {count(len(failed), 'patient')}", [listed, until])]


def _row(path: Path) -> Row | None:
    """Read one patient's measures; None where they are none, such as a file cut off or of another program."""
    try:
        content: dict[str, Any] = load_json(path)
        lesions = content["lesions"]
        verdicts = set(content.get("verdicts", {}).values())
        to_know = [f"lacking: {phase}" for phase in content.get("phases_lacking", [])]
        to_know += [*content.get("remarks", []), *content.get("warnings", []), *content.get("accepted", [])]
        if content["liver"]["source"] in (None, "found"):
            to_know.append("liver only found roughly" if content["liver"]["source"] else "no liver known")
        page = path.with_name(f"{path.name.removesuffix(MEASURES)}.html")
        return Row(
            str(content["case"]),
            page.name if page.is_file() else None,
            len(lesions),
            max((float(lesion["axial"]["mm"]) for lesion in lesions), default=None),
            float(content["burden_ml"]),
            None if content["burden_percent"] is None else float(content["burden_percent"]),
            next(verdict for verdict in WORST_FIRST if verdict in verdicts or not verdict),
            tuple(map(str, to_know)),
            how_made(content),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _body(row: Row) -> Body:
    shown = [
        row.case if row.page is None else Markup('<a href="{}">{}</a>').format(quote(row.page), row.case),
        str(row.lesions),
        _figure(row.largest_mm, 1),
        _figure(row.burden_ml, 2),
        _figure(row.burden_percent, 1),
        mark(row.verdict, KINDS[row.verdict]) if row.verdict else "one phase",
        Markup().join(Markup("<div>{}</div>").format(text) for text in row.to_know),
    ]
    keys: Sequence[float | str | None] = (
        row.case,
        row.lesions,
        row.largest_mm,
        row.burden_ml,
        row.burden_percent,
        float(WORST_FIRST.index(row.verdict)),
        float(-len(row.to_know)),
    )
    scopes = ("row", *[""] * (len(shown) - 1))
    cells = [
        Cell(text, column_kind(column), scope)
        for text, column, scope in zip(shown, COLUMNS, scopes, strict=True)
    ]
    return Body(KINDS.get(row.verdict, "none"), keys, [Line(cells)])


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
