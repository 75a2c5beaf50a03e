"""Lay out a dataset's page: every case with its picture and its figures, the worst first."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from nnunet_multiphase.data.quality import LARGE_ROTATION_DEGREES, LARGE_SHIFT_MM, LOW_COVERED_FRACTION
from nnunet_multiphase.phases import PHASE_TITLES
from nnunet_multiphase.report.page import Markup, Section, Table, Text, data_uri, write_report

OVERVIEW = "registration/overview"
THUMBNAIL_BYTES = 18_000
"""As a data URI 24 kB: 500 cases stay below 15 MB."""

# What is wrong with a case, worst first: the colour at its edge, and the order of the rows.
CONCERNS = ("failed", "doubtful", "check", "warned", "filled", "fine", "out")


@dataclass(frozen=True)
class Case:
    """Hold one case's lines of quality.csv, and its picture if there is one."""

    name: str
    rows: Sequence[dict[str, str]]  # a line a phase
    reference: str
    picture: Path | None

    @property
    def split(self) -> str:
        """Say train, test, skipped or failed; nothing where the table does not tell."""
        return self.rows[0].get("split", "")

    @property
    def warned(self) -> bool:
        """Tell whether a phase that came has a warning."""
        return any(_came(row) and row.get("warnings") for row in self.rows)

    @property
    def concern(self) -> str:
        """Name the worst that is wrong, one of CONCERNS."""
        verdicts = {row.get("verdict", "") for row in self.rows}
        signs = (
            (self.split == "failed", "failed"),
            (self.split == "skipped", "out"),
            ("failed" in verdicts, "doubtful"),
            (bool(verdicts - {"", "ok"}), "check"),
            (self.warned, "warned"),
            (any(_status(row) == "filled" for row in self.rows), "filled"),
        )
        return next((concern for true, concern in signs if true), "fine")

    def worst(self, measure: Callable[[dict[str, str]], float | None], pick: Callable = min) -> float | None:
        """Pick among the values that a measure finds on this case's lines; None for none."""
        values = [value for value in map(measure, self.rows) if value is not None]
        return pick(values) if values else None


@dataclass(frozen=True)
class Column:
    """Describe one column of the page."""

    name: str
    needs: tuple[str, ...]  # of quality.csv; without one of them this column is left out
    meaning: str
    cell: Callable[[Case, dict[str, str]], str]  # HTML
    key: Callable[[Case], str | float | None]  # what a click sorts by; None comes last
    whole_case: bool = False
    number: bool = False
    descending: bool = False  # on the first click: that shows the worst first


def write_cohort_page(dataset_folder: Path) -> Path:
    """Write cohort.html into a dataset's folder, from what lies there.

    It needs quality.csv and dataset.json; columns and pictures that are absent are left out.

    Args:
        dataset_folder: nnUNet_raw's Dataset<ID>_<name>, as setup makes it.

    Returns:
        The page's path.

    Raises:
        FileNotFoundError: quality.csv or dataset.json is absent.
        ValueError: quality.csv has no column `case` or `phase`.
    """
    folder = Path(dataset_folder)
    record = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    present, cases = _read_cases(folder, record.get("reference_phase", {}))
    columns = [column for column in COLUMNS if present.issuperset(column.needs)]
    name = str(record.get("name") or folder.name)
    phases = record.get("phases") or list(dict.fromkeys(row["phase"] for case in cases for row in case.rows))
    sections = [
        Section("In short", [_counts(cases), _summary(cases, phases, present)]),
        Section("How to read it", [Text(READING), _legend(columns, present)]),
        Section("Cases, worst first", [_table(cases, columns)]),
    ]
    title = f"{name}: registration of {_count(len(cases), 'case')}"
    return write_report(folder / "cohort.html", title=title, sections=sections, style=STYLE, script=SCRIPT)


def _read_cases(folder: Path, references: dict[str, str]) -> tuple[set[str], list[Case]]:
    """Read quality.csv: the columns it has, and the cases, worst first."""
    # A table that went through a spreadsheet may begin with a byte order mark.
    with (folder / "quality.csv").open(newline="", encoding="utf-8-sig") as stream:
        table = csv.DictReader(stream)
        present = set(table.fieldnames or ())
        if not present.issuperset(("case", "phase")):
            raise ValueError(
                f"{folder / 'quality.csv'}: expected the columns case and phase, "
                f"found {', '.join(sorted(present)) or 'none'}"
            )
        by_case: dict[str, list[dict[str, str]]] = {}
        for line in table:
            row = {column: line[column] or "" for column in present}
            by_case.setdefault(row["case"], []).append(row)
    pictures = {path.stem: path for path in (folder / OVERVIEW).glob("*.png")}
    cases = [
        Case(name, rows, rows[0].get("reference") or references.get(name, ""), pictures.get(name))
        for name, rows in by_case.items()
    ]
    return present, sorted(cases, key=_badness)


def _badness(case: Case) -> tuple[int, float, str]:
    gain = case.worst(_gain)
    return CONCERNS.index(case.concern), math.inf if gain is None else gain, case.name


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
                f"{splits['failed']} failed, {splits['skipped']} left out for a missing phase",
            ]
        )
    if "warnings" in present:
        rows.append(["cases with warnings", f"{sum(c.warned for c in cases)}, filled phases not counted"])
    return Table(("", ""), rows)


def _counts(cases: Sequence[Case]) -> Markup:
    """Count the phases by what became of them."""
    found = Counter(_judgement(case, row) for case in cases for row in case.rows)
    counts = {label: found[label] for label in LABELS} | dict(sorted(found.items()))
    items = " ".join(f"<span>{_label(*label)} {count}</span>" for label, count in counts.items())
    return Markup(f'<p class="counts">Phases by verdict: {items}</p>')


def _legend(columns: Sequence[Column], present: set[str]) -> Markup:
    """Say what each column means."""
    items = [(column.name, column.meaning) for column in columns]
    items += [("below a case", WARNINGS)] if "warnings" in present else []
    inner = "".join(f"<div><dt>{escape(name)}</dt> <dd>{escape(text)}</dd></div>" for name, text in items)
    return Markup(f'<dl class="legend">{inner}</dl>')


def _table(cases: Sequence[Case], columns: Sequence[Column]) -> Markup:
    """Write a body of rows a case, a row a phase; each body carries what it is sorted by."""
    heads = "".join(
        f'<th scope="col"{_kind(column)} data-first="{"descending" if column.descending else "ascending"}"'
        + (' aria-sort="ascending"' if column.name == "verdict" else "")
        + f">{escape(column.name)}</th>"
        for column in columns
    )
    bodies = "\n".join(_body(case, columns) for case in cases)
    return Markup(
        '<p id="tools" hidden><label>Show cases with <input type="search" placeholder="case, phase, failed, mask ..."'
        '></label> <span role="status"></span></p>'
        f'<table id="cases"><thead><tr>{heads}</tr></thead>\n{bodies}</table>'
    )


def _body(case: Case, columns: Sequence[Column]) -> str:
    keys = escape(json.dumps([column.key(case) for column in columns]), quote=True)
    rows = []
    for number, row in enumerate(case.rows):
        cells = []
        for column in columns:
            if column.whole_case and number:
                continue
            tag = {"case": 'th scope="rowgroup"', "phase": 'th scope="row"'}.get(column.name, "td")
            # The name and its picture reach down beside the warnings.
            span = f' rowspan="{len(case.rows) + (column.name == "case")}"' if column.whole_case else ""
            cells.append(f"<{tag}{span}{_kind(column)}>{column.cell(case, row)}</{tag[:2]}>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    rows.append(f'<tr class="warnings"><td colspan="{len(columns) - 1}">{_warnings(case)}</td></tr>')
    return f'<tbody class="{case.concern}" data-keys="{keys}">{"".join(rows)}</tbody>'


def _warnings(case: Case) -> str:
    """Say each warning once, with the phases it is about unless these are all of them."""
    phases: dict[str, list[str]] = {}
    for row in case.rows:
        if row.get("warnings"):
            phases.setdefault(row["warnings"], []).append(row["phase"] if _came(row) else "")
    lines = []
    for warning, about in phases.items():
        named = ", ".join(filter(None, about)) if len(about) < len(case.rows) else ""
        lines.append(f"<div>{f'<b>{escape(named)}</b>: ' if named else ''}{escape(warning)}</div>")
    return "".join(lines)


def _kind(column: Column) -> str:
    return f' class="{column.name.split()[0]}{" number" if column.number else ""}"'


def _case_cell(case: Case, row: dict[str, str]) -> str:
    """Name the case, its patient if that is another name, and show its picture."""
    patient = row.get("patient", case.name)
    lines = [escape(case.name)]
    if patient != case.name:
        lines.append(f"<small>patient {escape(patient)}</small>")
    if case.picture is None:
        lines.append("<small>no picture</small>")
    else:
        link = escape(quote(f"{OVERVIEW}/{case.picture.name}"), quote=True)
        shown = _thumbnail(case.picture) or "<small>the full picture</small>"
        lines.append(f'<a href="{link}" target="_blank" rel="noopener">{shown}</a>')
    return "".join(f"<div>{line}</div>" for line in lines)


def _thumbnail(picture: Path) -> str:
    """Scale a picture down to at most THUMBNAIL_BYTES; nothing where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            small = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # Pillow raises any of them for a broken PNG
        return ""
    for width, quality in ((320, 75), (320, 60), (320, 45), (240, 50), (160, 40), (80, 30)):
        small.thumbnail((width, width), Image.Resampling.LANCZOS)  # in place, and never larger
        stream = io.BytesIO()
        # The colours at full resolution: coloured edges are what one looks for.
        small.save(stream, "JPEG", quality=quality, subsampling=0)
        if len(stream.getvalue()) <= THUMBNAIL_BYTES:
            break
    return (
        f'<img src="{data_uri(stream.getvalue())}" width="{small.width}" height="{small.height}" '
        f'alt="overview of {escape(picture.stem, quote=True)}, opens the full picture">'
    )


def _status(row: dict[str, str]) -> str:
    return row.get("status") or "present"


def _came(row: dict[str, str]) -> bool:
    return _status(row) not in ("filled", "missing")


def _judgement(case: Case, row: dict[str, str]) -> tuple[str, str]:
    """Say what became of a phase: the word, and the kind it is coloured by."""
    if _status(row) != "present":
        return _status(row), "failed" if _came(row) else "absent"
    if case.split == "failed":
        return "case failed", "failed"
    if case.split == "skipped":
        return "left out", "absent"
    if row["phase"] == case.reference:
        return "reference", "plain"
    verdict = row.get("verdict") or "not judged"
    return verdict, verdict if (verdict, verdict) in LABELS else "plain"


def _label(word: str, kind: str) -> str:
    return f'<span class="label {kind}">{escape(word)}</span>'


def _value(row: dict[str, str], column: str) -> float | None:
    """Read a figure; None for an empty cell, and for one that is no finite number."""
    try:
        value = float(row.get(column, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _gain(row: dict[str, str]) -> float | None:
    before, after = _value(row, "similarity_before"), _value(row, "similarity_after")
    return None if before is None or after is None else after - before


def _similarity_cell(case: Case, row: dict[str, str]) -> str:
    gain = _gain(row)
    if gain is None:
        return ""
    before, after = float(row["similarity_before"]), float(row["similarity_after"])
    kind = "loss" if gain <= 0 else "gain"
    return f'{before:.3f} → {after:.3f} <span class="{kind}">{gain:+.3f}</span>'


def _figures(column: str, digits: int, *, factor: float = 1.0) -> Callable[[Case, dict[str, str]], str]:
    def cell(case: Case, row: dict[str, str]) -> str:
        value = _value(row, column)
        # The reference phase lies where it lies: its zeros say nothing.
        return "" if value is None or row["phase"] == case.reference else f"{factor * value:.{digits}f}"

    return cell


def _covered_cell(case: Case, row: dict[str, str]) -> str:
    # The first line may be of a filled phase, which has no figures.
    covered = case.worst(lambda row: _value(row, "covered_fraction"))
    return "" if covered is None else f"{100 * covered:.0f}"


def _extreme(column: str, pick: Callable[[Iterable[float]], float]) -> Callable[[Case], float | None]:
    return lambda case: case.worst(lambda row: _value(row, column), pick)


def _text(column: str) -> Callable[[Case, dict[str, str]], str]:
    return lambda case, row: escape(row[column])


def _words(column: str) -> Callable[[Case], str | None]:
    """Sort by a case's words in alphabetical order; a case without any comes last."""
    return lambda case: "; ".join(sorted({row[column] for row in case.rows if row[column]})) or None


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


# Words and the kinds they are coloured by: these are counted even where there is none.
LABELS = (("ok", "ok"), ("check", "check"), ("failed", "failed"), ("filled", "absent"))

READING = (
    "A block a case, a line a phase. A case whose figures are in order can still have a liver that does not match: "
    "look at the pictures too."
)

WARNINGS = "what setup found worth saying, with the reasons of each check and failed."

COLUMNS = (
    Column(
        "case", ("case",),
        "its name, its patient where that is another name, and its overview picture made small; click it for the "
        "full one. Magenta is the reference, green the moving phase, grey where they agree; on the left before, on "
        "the right after registration. On the right the liver should be without coloured edges, while spine and skin "
        "may have them.",
        _case_cell, lambda case: case.name, whole_case=True,
    ),
    Column(
        "split", ("split",), "train or test; failed and skipped cases are not in the dataset.",
        lambda case, row: escape(case.split), lambda case: case.split or None, whole_case=True,
    ),
    Column(
        "covered %", ("covered_fraction",),
        "share of the reference that all phases cover; below "
        f"{100 * LOW_COVERED_FRACTION:.0f} there is a warning. Where it is low, see what is missing.",
        _covered_cell, _extreme("covered_fraction", min), whole_case=True, number=True,
    ),
    Column(
        "phase", ("phase",), "sorts by the case's reference phase.", _text("phase"), lambda case: case.reference or None
    ),
    Column(
        "verdict", ("verdict",),
        "the registration's own judgement: ok, check or failed; look at the picture of each check and failed. "
        "reference: the phase the lesions are drawn on, which stays. filled: no such phase, its channel is air. "
        "dropped: its registration failed, so it was left out. "
        "Sorts as the page came: failed cases, failed, check, other warnings, filled, all others, cases left out; "
        "among equals the lowest gain in similarity first.",
        lambda case, row: _label(*_judgement(case, row)), lambda case: CONCERNS.index(case.concern),
    ),
    Column(
        "similarity", ("similarity_before", "similarity_after"),
        "normalised mutual information by the headers → after registration, and the gain; 1 = nothing in common. "
        "Compare with the same phase of other cases; a gain of 0 or less is suspicious. Sorts by the lowest gain.",
        _similarity_cell, lambda case: case.worst(_gain), number=True,
    ),
    Column(
        "shift mm", ("shift_mm",),
        "how far the liver's centre moved, or the volume's without a liver mask; above "
        f"{LARGE_SHIFT_MM:.0f} there is a warning. Sorts by the largest.",
        _figures("shift_mm", 1), _extreme("shift_mm", max), number=True, descending=True,
    ),
    Column(
        "rotation °", ("rotation_degrees",),
        f"how far it turned; above {LARGE_ROTATION_DEGREES:.0f} there is a warning. Sorts by the largest.",
        _figures("rotation_degrees", 1), _extreme("rotation_degrees", max), number=True, descending=True,
    ),
    Column(
        "region", ("region",),
        "what was fitted: mask, the liver mask; liver, a liver found without one; body, where none was found: then "
        "look whether the liver itself matches.",
        _text("region"), _words("region"),
    ),
    Column(
        "overlap %", ("overlap",),
        "share of that region inside the moving phase. Where it is low, part of the liver was not scanned.",
        _figures("overlap", 0, factor=100), _extreme("overlap", min), number=True,
    ),
    Column(
        "placed by", ("placed_by",),
        "registration, or header: the phase was not moved, and the picture's right half shows it so.",
        _text("placed_by"), _words("placed_by"),
    ),
)  # fmt: skip


STYLE = """
body { max-width: 100rem; }
nav { margin-bottom: -1rem; }
.counts { max-width: none; }
.counts > span { white-space: nowrap; margin-left: .75rem; }
.legend { font-size: .9rem; columns: 26rem auto; column-gap: 2.5rem; margin: .75rem 0; }
.legend div { break-inside: avoid; margin-bottom: .4rem; }
.legend dt { display: inline; font-weight: 600; }
.legend dt::after { content: ":"; }
.legend dd { display: inline; margin: 0; color: #424a53; }
#cases { width: 100%; }
#cases thead th { position: sticky; top: 0; background: #fff; box-shadow: inset 0 -2px #8c959f; border: 0; z-index: 1; }
#cases tbody { border-bottom: 2px solid #8c959f; break-inside: avoid; }
#cases tbody th { font-weight: 600; }
#cases tbody th.case { border-left: 6px solid #d5dae0; border-bottom: 0; }
#cases th.case div { width: 20rem; overflow-wrap: anywhere; }
#cases .failed > tr > th.case, #cases .doubtful > tr > th.case { border-left-color: #c62f2f; }
#cases .check > tr > th.case, #cases .warned > tr > th.case { border-left-color: #d99a00; }
#cases .fine > tr > th.case { border-left-color: #3f9a5a; }
#cases td, #cases th { padding: .25rem .6rem; }
/* Rows of a given height stay so: what a picture is taller than them goes to the warnings. */
#cases tbody tr { height: 1.9rem; }
#cases tbody .warnings { height: auto; }
#cases .warnings td { border-bottom: 0; overflow-wrap: anywhere; }
#cases thead th { white-space: normal; }
#cases small { font-weight: 400; color: #57606a; }
#cases img { display: block; width: 100%; height: auto; margin-top: .25rem; }
.label { display: inline-block; padding: 0 .45rem; border-radius: .6rem; white-space: nowrap; color: #424a53; }
.label.ok { background: #dcf1e2; color: #14532d; }
.label.check { background: #ffe7a8; color: #5c3d00; }
.label.failed { background: #c62f2f; color: #fff; font-weight: 600; }
.label.absent { background: #e3e7eb; color: #32383f; }
.gain { color: #57606a; }
.loss { color: #b42318; font-weight: 600; }
#cases th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
#cases th button::after { content: "\\a0↕"; color: #8c959f; }
#cases th[aria-sort=ascending] button::after { content: "\\a0▲"; color: inherit; }
#cases th[aria-sort=descending] button::after { content: "\\a0▼"; color: inherit; }
#tools input { font: inherit; width: 20rem; max-width: 100%; padding: .15rem .4rem; }
#tools [role=status] { color: #57606a; margin-left: .5rem; }
@media (max-width: 1150px) {
  body { padding-left: .5rem; padding-right: .5rem; }
  #cases { font-size: .8rem; }
  #cases th, #cases td { padding: .2rem .3rem; }
  #cases th.case div { width: 11rem; }
  #cases th:not([aria-sort]) button::after { content: none; }
  #cases th button { text-decoration: underline dotted; }
  #cases tbody tr { height: 1.6rem; }
}
@media (max-width: 950px) {
  #cases { font-size: .75rem; }
  #cases th.case div { width: 10.5rem; }
}
@media print {
  @page { size: landscape; margin: 1cm; }
  body { max-width: none; }
  #tools { display: none !important; }
  #cases thead th { position: static; }
  #cases th button::after { content: none !important; }
  #cases th.case div { width: 6cm; }
  .label, #cases tbody th.case { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

SCRIPT = """
"use strict";
{
  const table = document.getElementById("cases");
  const bodies = [...table.tBodies];
  const heads = [...table.tHead.rows[0].cells];
  const keys = new Map(bodies.map(body => [body, JSON.parse(body.dataset.keys)]));
  const place = new Map(bodies.map((body, i) => [body, i]));
  const compare = (p, q) =>
    typeof p === "number" ? p - q : p.localeCompare(q, "en", { numeric: true });
  const sort = (column, sign) => {
    bodies.sort((a, b) => {
      const p = keys.get(a)[column], q = keys.get(b)[column];
      const unknown = (p === null) - (q === null);
      const order = unknown || (p === null ? 0 : sign * compare(p, q));
      return order || place.get(a) - place.get(b);
    });
    table.append(...bodies);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const [first, second] = head.dataset.first === "ascending"
        ? ["ascending", "descending"] : ["descending", "ascending"];
      const order = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      sort(column, order === "ascending" ? 1 : -1);
    });
  });
  const tools = document.getElementById("tools");
  const texts = new Map(bodies.map(body =>
    [body, [...body.querySelectorAll("th, td")].map(cell => cell.textContent).join(" ").toLowerCase()]));
  const filter = tools.querySelector("input");
  const show = () => {
    const words = filter.value.toLowerCase().split(" ").filter(Boolean);
    bodies.forEach(body => { body.hidden = !words.every(word => texts.get(body).includes(word)); });
    const shown = bodies.filter(body => !body.hidden).length;
    tools.querySelector("[role=status]").textContent = `${shown} of ${bodies.length}`;
  };
  filter.addEventListener("input", show);
  tools.hidden = false;
  show();
}
"""
