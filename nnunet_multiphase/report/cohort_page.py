"""Lay out a dataset's page: every case with its picture and its figures, the worst first."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from nnunet_multiphase.html.page import Section, Table, Text, data_uri, write_report
from nnunet_multiphase.html.sorted_table import (
    Body,
    Cell,
    Line,
    column_kind,
    count,
    counts,
    legend,
    mark,
    sorted_table,
)
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.phases import PHASE_TITLES
from nnunet_multiphase.report.cohort_cases import (
    LABELS,
    OVERVIEW,
    Case,
    Column,
    came,
    figure,
    gain,
    read_cohort,
)

THUMBNAIL_BYTES = 18_000
"""As a data URI 24 kB: 500 cases stay below 15 MB."""

READING = (
    "A block a case, a line a phase. A case whose figures are in order can still have a liver that does not match: "
    "look at the pictures too."
)

WARNINGS = "what setup found worth saying, with the reasons of each check and failed."


def write_cohort_page(dataset_folder: Path) -> Path:
    """Write cohort.html into a dataset's folder, from what lies there.

    It needs quality.csv and dataset.json; columns and pictures that are absent are left out.

    Args:
        dataset_folder: nnUNet_raw's Dataset<ID>_<name>, as setup makes it.

    Returns:
        The page's path.

    Raises:
        FileNotFoundError: quality.csv or dataset.json is absent.
        ValueError: quality.csv cannot be read, or has no column `case` or `phase`.
    """
    folder = Path(dataset_folder)
    cohort = read_cohort(folder)
    cases, columns, present = cohort.cases, cohort.columns, cohort.present
    sections = [
        Section("In short", [_counts(cases), _summary(cases, cohort.phases, present)]),
        Section("How to read it", [Text(READING), _legend(columns, present)]),
        Section("Cases, worst first", [_table(cases, columns)]),
    ]
    title = f"{cohort.name}: registration of {count(len(cases), 'case')}"
    return write_report(
        folder / "cohort.html",
        title=title,
        sections=sections,
        styles=("report/cohort_page.css",),
        script="html/sorted_table.js",
    )


def _summary(cases: Sequence[Case], phases: Sequence[str], present: set[str]) -> Table:
    """Say in a few lines what the cohort is."""
    splits = Counter(case.split for case in cases)
    rows = [["phases", ", ".join(f"{phase} ({PHASE_TITLES.get(phase, phase)})" for phase in phases)]]
    if "patient" in present:
        rows.append(["patients", str(len({row["patient"] for case in cases for row in case.rows}))])
    if "split" in present:
        rows.append(["in the dataset", f"{splits['train']} training and {splits['test']} test cases"])
        rows.append(
            [
                "not in the dataset",
                f"{splits['failed']} failed, {splits['skipped']} left out",
            ]
        )
    if "warnings" in present:
        rows.append(["cases with warnings", f"{sum(c.warned for c in cases)}, filled phases not counted"])
    return Table(("", ""), rows)


def _counts(cases: Sequence[Case]) -> Markup:
    """Count the phases by what became of them."""
    found = Counter(case.judgement(row) for case in cases for row in case.rows)
    numbers = {shown: found[shown] for shown in LABELS} | dict(sorted(found.items()))
    return counts(((mark(*shown), number) for shown, number in numbers.items()), "Phases by verdict: ")


def _legend(columns: Sequence[Column], present: set[str]) -> Markup:
    """Say what each column means."""
    items = [(column.name, column.meaning) for column in columns]
    items += [("below a case", WARNINGS)] if "warnings" in present else []
    return legend(items)


def _table(cases: Sequence[Case], columns: Sequence[Column]) -> Markup:
    """Write a body of rows a case, a row a phase; each body carries what it is sorted by."""
    bodies = (_body(case, columns) for case in cases)
    words = "case, phase, failed, mask ..."
    return sorted_table(columns, bodies, came_by="verdict", what="cases", words=words)


def _body(case: Case, columns: Sequence[Column]) -> Body:
    lines = []
    for number, row in enumerate(case.rows):
        cells = []
        for column in columns:
            if column.whole_case and number:
                continue
            # The name and its picture reach down beside the warnings.
            rows = len(case.rows) + (column.name == "case") if column.whole_case else 0
            shown, scope = CELLS[column.name](case, row), SCOPES.get(column.name, "")
            cells.append(Cell(shown, column_kind(column), scope, rows))
        lines.append(Line(cells))
    warnings = render("report/cohort_warnings.html", warnings=_warnings(case))
    lines.append(Line([Cell(warnings, columns=len(columns) - 1)], "warnings"))
    return Body(case.concern, [column.key(case) for column in columns], lines)


def _warnings(case: Case) -> list[tuple[str, str]]:
    """List each warning once, after the phases it is about unless these are all of them."""
    phases: dict[str, list[str]] = {}
    for row in case.rows:
        if row.get("warnings"):
            phases.setdefault(row["warnings"], []).append(row["phase"] if came(row) else "")
    return [
        (", ".join(filter(None, about)) if len(about) < len(case.rows) else "", warning)
        for warning, about in phases.items()
    ]


def _case_cell(case: Case, row: dict[str, str]) -> Markup:
    """Name the case, its patient if that is another name, and show its picture."""
    return render(
        "report/cohort_case.html",
        name=case.name,
        patient=row.get("patient", case.name),
        link=quote(f"{OVERVIEW}/{case.picture.name}") if case.picture else "",
        thumbnail=_thumbnail(case.picture) if case.picture else None,
    )


@dataclass(frozen=True)
class _Thumbnail:
    source: str
    width: int
    height: int


def _thumbnail(picture: Path) -> _Thumbnail | None:
    """Scale a picture down to at most THUMBNAIL_BYTES; none where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            small = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # Pillow raises any of them for a broken PNG
        return None
    for width, quality in ((320, 75), (320, 60), (320, 45), (240, 50), (160, 40), (80, 30)):
        small.thumbnail((width, width), Image.Resampling.LANCZOS)  # in place, and never larger
        stream = io.BytesIO()
        # The colours at full resolution: coloured edges are what one looks for.
        small.save(stream, "JPEG", quality=quality, subsampling=0)
        if len(stream.getvalue()) <= THUMBNAIL_BYTES:
            break
    return _Thumbnail(data_uri(stream.getvalue()), small.width, small.height)


def _similarity_cell(case: Case, row: dict[str, str]) -> str:
    change = gain(row)
    if change is None:
        return ""
    before, after = float(row["similarity_before"]), float(row["similarity_after"])
    kind = "loss" if change <= 0 else "gain"
    return Markup('{:.3f} → {:.3f} <span class="{}">{:+.3f}</span>').format(before, after, kind, change)


def _figures(column: str, digits: int, *, factor: float = 1.0) -> Callable[[Case, dict[str, str]], str]:
    def cell(case: Case, row: dict[str, str]) -> str:
        value = figure(row, column)
        # The reference phase lies where it lies: its zeros say nothing.
        return "" if value is None or row["phase"] == case.reference else f"{factor * value:.{digits}f}"

    return cell


def _covered_cell(case: Case, row: dict[str, str]) -> str:
    # The first line may be of a filled phase, which has no figures.
    covered = case.worst(lambda row: figure(row, "covered_fraction"))
    return "" if covered is None else f"{100 * covered:.0f}"


def _text(column: str) -> Callable[[Case, dict[str, str]], str]:
    return lambda case, row: row[column]


SCOPES = {"case": "rowgroup", "phase": "row"}
"""Columns of heads."""

# What each column's cell shows, text or Markup: of the case and its line.
CELLS: dict[str, Callable[[Case, dict[str, str]], str]] = {
    "case": _case_cell,
    "split": lambda case, row: case.split,
    "covered %": _covered_cell,
    "phase": _text("phase"),
    "verdict": lambda case, row: mark(*case.judgement(row)),
    "similarity": _similarity_cell,
    "shift mm": _figures("shift_mm", 1),
    "rotation °": _figures("rotation_degrees", 1),
    "region": _text("region"),
    "overlap %": _figures("overlap", 0, factor=100),
    "error mm": _figures("expected_error_mm", 2),
    "edges": _figures("edge_agreement", 2),
    "placed by": _text("placed_by"),
}
