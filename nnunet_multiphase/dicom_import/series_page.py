"""Lay out what an import of DICOM found: every series with two pictures and what is known of it, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from nnunet_multiphase.html.page import Section, Text, data_uri, write_report
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

SURE = 0.7
"""A phase that was recognised with less confidence is to be looked at."""

LITTLE_LIVER = 0.5

READING = (
    "A block a volume; a series with several volumes in it has several. On the left a coronal and an axial plane through "
    "the liver's middle where it was found, else through the volume's; level 40 HU, width 400 HU, the patient's right on "
    "the left. What stands here is what the series table says: correct it there, not here."
)
PRIVATE = (
    "The page holds no name, number, date or description, but pictures of patients: keep it where you keep the images. "
    "Heads and necks, and images with text burned in, are not shown."
)

LABELS: dict[str, tuple[str, str]] = {
    "lost": (
        "phase lost",
        "the case has no volume for this phase, and this one would be it: decide on it first",
    ),
    "look": (
        "used, look",
        "used, but with something against it, with a confidence below "
        f"{SURE:.1f}, or with less than half of the liver",
    ),
    "passed": ("not used", "another volume stands for this phase, or this one is no phase"),
    "used": ("used", "used, and nothing speaks against it"),
    "none": ("no phase", "scouts, reports and other images that are no phase of a CT"),
}


@dataclass(frozen=True)
class SeriesRow:
    """Hold a row of the series table, and how the volume looks.

    Attributes:
        cells: Column of the series table -> its text.
        may_be_phase: Whether these are CT images that could be a phase.
        coronal, axial: JPEG or PNG; none where there is no picture.
        no_picture: Why there is none.
    """

    cells: Mapping[str, str]
    may_be_phase: bool
    coronal: bytes | None = None
    axial: bytes | None = None
    no_picture: str = ""


@dataclass(frozen=True)
class Column:
    """Hold a column of the page: its meaning, what it is sorted by, and what its cell shows, text or Markup."""

    name: str
    meaning: str
    key: Callable[[SeriesRow], float | str | None]
    cell: Callable[[SeriesRow], str]
    number: bool = False
    descending: bool = False  # at the first click


def write_series_page(path: Path, rows: Sequence[SeriesRow]) -> Path:
    """Write the page of an import's series.

    Args:
        path: The .html file.
        rows: One a volume; nothing in them identifies.

    Returns:
        The path written.
    """
    labels = _labels(rows)
    ordered = sorted(
        range(len(rows)),
        key=lambda n: (
            list(LABELS).index(labels[n]),
            _number("confidence")(rows[n]) or 0.0,
            rows[n].cells["case"],
            n,
        ),
    )
    columns = _columns({id(rows[n]): labels[n] for n in range(len(rows))})
    cases = len({row.cells["case"] for row in rows})
    title = f"{path.stem}: {count(len(rows), 'volume')} of {count(cases, 'case')}"
    sections = [
        Section("In short", [_counts(labels), Text(PRIVATE)]),
        Section("How to read it", [Text(READING), _legend(columns)]),
        Section(
            "Series, worst first", [_table([rows[n] for n in ordered], [labels[n] for n in ordered], columns)]
        ),
    ]
    return write_report(
        path, title=title, sections=sections, styles=("html/sorted_table.css",), script="html/sorted_table.js"
    )


def _labels(rows: Sequence[SeriesRow]) -> list[str]:
    used = {(row.cells["case"], row.cells["phase"]) for row in rows if row.cells["use"] == "yes"}
    return [_label_of(row, used) for row in rows]


def _label_of(row: SeriesRow, used: set[tuple[str, str]]) -> str:
    cells = row.cells
    if cells["use"] == "yes":
        sure = (_number("confidence")(row) or 0.0) >= SURE
        liver = _number("liver_coverage")(row)
        return (
            "used" if sure and not cells["problems"] and (liver is None or liver >= LITTLE_LIVER) else "look"
        )
    if not row.may_be_phase:
        return "none"
    # A volume that shows another region, or that has no phase, is not one that the case lacks.
    lost = cells["phase"] and (cells["case"], cells["phase"]) not in used
    return "lost" if lost and cells["liver_coverage"] != "0.00" else "passed"


def _counts(labels: Sequence[str]) -> Markup:
    numbers = Counter(labels)
    return counts((_label(label), numbers[label]) for label in LABELS)


def _legend(columns: Sequence[Column]) -> Markup:
    labels = (Markup("{} {}").format(_label(label), meaning) for label, (_, meaning) in LABELS.items())
    items = [(column.name, column.meaning) for column in columns]
    items += [
        ("labels", Markup("; ").join(labels)),
        ("below", "why it was taken for that phase, and every problem with it."),
    ]
    return legend(items)


def _table(rows: Sequence[SeriesRow], labels: Sequence[str], columns: Sequence[Column]) -> Markup:
    bodies = (_body(row, label, columns) for row, label in zip(rows, labels, strict=True))
    words = "case, phase, kernel, tie ..."
    return sorted_table(columns, bodies, came_by="use", what="series", words=words, wide=True)


def _body(row: SeriesRow, label: str, columns: Sequence[Column]) -> Body:
    first, *others = columns
    cells = [Cell(first.cell(row), column_kind(first), "rowgroup", 2)]
    cells += [Cell(column.cell(row), column_kind(column)) for column in others]
    said = [(name, row.cells[name]) for name in ("why", "problems") if row.cells[name]]
    below = Cell(render("dicom_import/series_said.html", said=said), columns=len(others))
    return Body(label, [column.key(row) for column in columns], [Line(cells), Line([below], "said")])


def _series_cell(row: SeriesRow) -> Markup:
    return render(
        "dicom_import/series_cell.html",
        case=row.cells["case"],
        series=row.cells["series"],
        number=row.cells["series_number"],
        pictures=[
            (plane, data_uri(picture))
            for plane, picture in (("coronal", row.coronal), ("axial", row.axial))
            if picture
        ],
        no_picture=row.no_picture or "none",
    )


def _columns(labels: Mapping[int, str]) -> tuple[Column, ...]:
    place = list(LABELS).index
    return (
        Column(
            "series",
            "the case's pseudonym, the volume's key in the table, SeriesNumber, and the pictures.",
            lambda row: f"{row.cells['case']} {row.cells['series_number']}",
            _series_cell,
        ),
        Column(
            "use",
            "whether it is used; sorts as the page came.",
            lambda row: place(labels[id(row)]),
            lambda row: _label(labels[id(row)]),
        ),
        Column("phase", "what it was taken for.", lambda row: row.cells["phase"] or None, _phase_cell),
        Column(
            "conf.", "how sure the phase is, 0 to 1.", _number("confidence"), _text("confidence"), number=True
        ),
        Column(
            "liver",
            "share of the liver within its slices; empty where none was found and nothing else tells.",
            _number("liver_coverage"),
            _liver_cell,
            number=True,
        ),
        Column(
            "z mm",
            "its lowest and highest slice, in the scanner's coordinates.",
            _number("z_from_mm"),
            _span,
            number=True,
        ),
        Column("slices", "how many.", _number("slices"), _text("slices"), number=True, descending=True),
        Column(
            "voxel mm",
            "spacing between columns, rows and slices, and the slice's thickness where that differs.",
            lambda row: _last(row.cells["spacing_mm"]),
            _voxel_cell,
        ),
        Column("kernel", "the reconstruction's.", _word("kernel"), _text("kernel")),
        Column("ImageType", "as the scanner says.", _word("image_type"), _text("image_type")),
        Column("agent", "the contrast agent named.", _word("agent"), _text("agent")),
        Column(
            "after s",
            "seconds since the case's first volume.",
            _number("after_s"),
            _text("after_s"),
            number=True,
        ),
        Column("masks", "what is drawn on it.", _word("masks"), _text("masks")),
    )


def _phase_cell(row: SeriesRow) -> str:
    phase = row.cells["phase"]
    return Markup('<b title="{}">{}</b>').format(PHASE_TITLES.get(phase, phase), phase) if phase else "-"


def _liver_cell(row: SeriesRow) -> str:
    share = _number("liver_coverage")(row)
    if share is None:
        return "-"
    cell = Markup('<span class="little">{:.0f} %</span>' if share < LITTLE_LIVER else "<span>{:.0f} %</span>")
    return cell.format(100 * share)


def _voxel_cell(row: SeriesRow) -> Markup:
    spacing, thickness = row.cells["spacing_mm"], row.cells["thickness_mm"]
    within, _, between = spacing.rpartition("x")
    lines = [
        Markup("<div>{}</div>").format(line)
        for line in (within.replace("x", " x "), f"x {between}")
        if within
    ]
    if thickness and _float(between) != _float(thickness):
        lines.append(Markup("<div><small>{} thick</small></div>").format(thickness))
    return Markup().join(lines)


def _span(row: SeriesRow) -> str:
    low, high = _number("z_from_mm")(row), _number("z_to_mm")(row)
    return "" if low is None or high is None else f"{low:.0f} to {high:.0f}"


def _last(spacing: str) -> float | None:
    return _float(spacing.rsplit("x", 1)[-1])


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number(column: str) -> Callable[[SeriesRow], float | None]:
    return lambda row: _float(row.cells[column])


def _word(column: str) -> Callable[[SeriesRow], str | None]:
    return lambda row: row.cells[column] or None


def _text(column: str) -> Callable[[SeriesRow], str]:
    return lambda row: row.cells[column]


def _label(kind: str) -> Markup:
    return mark(LABELS[kind][0], kind)
