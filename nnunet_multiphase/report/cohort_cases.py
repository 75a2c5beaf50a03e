"""Read a dataset's cases for its page: the worst first, and the columns that say what there is to see."""

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.alignment.quality import LARGE_ROTATION_DEGREES, LARGE_SHIFT_MM, LOW_COVERED_FRACTION
from nnunet_multiphase.json_file import load_object
from nnunet_multiphase.table_cells import read_cell
from registration.verdict import LEAST_EDGE_AGREEMENT

OVERVIEW = "registration/overview"

# What is wrong with a case, worst first: the colour at its edge, and the order of the rows.
CONCERNS = ("failed", "doubtful", "check", "warned", "filled", "fine", "out")

# What became of a phase, and the kind it is coloured by: these are counted even where there is none.
LABELS = (("ok", "ok"), ("check", "check"), ("failed", "failed"), ("filled", "absent"))


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
        return any(came(row) and row.get("warnings") for row in self.rows)

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

    def judgement(self, row: dict[str, str]) -> tuple[str, str]:
        """Say what became of a phase: the word, and the kind it is coloured by."""
        if _status(row) != "present":
            return _status(row), "failed" if came(row) else "absent"
        if self.split == "failed":
            return "case failed", "failed"
        if self.split == "skipped":
            return "left out", "absent"
        if row["phase"] == self.reference:
            return "reference", "plain"
        verdict = row.get("verdict") or "not judged"
        return verdict, verdict if (verdict, verdict) in LABELS else "plain"


@dataclass(frozen=True)
class Column:
    """Describe one column of the page."""

    name: str
    needs: tuple[str, ...]  # of quality.csv; without one of them this column is left out
    meaning: str
    key: Callable[[Case], str | float | None]  # what a click sorts by; None comes last
    whole_case: bool = False
    number: bool = False
    descending: bool = False  # on the first click: that shows the worst first


@dataclass(frozen=True)
class Cohort:
    """Hold what a dataset's folder tells about its cases."""

    name: str
    phases: Sequence[str]
    present: set[str]  # the columns of quality.csv
    cases: Sequence[Case]  # the worst first

    @property
    def columns(self) -> list[Column]:
        """List the page's columns that quality.csv has the figures for."""
        return [column for column in COLUMNS if self.present.issuperset(column.needs)]


def read_cohort(dataset_folder: Path) -> Cohort:
    """Read a dataset's quality.csv and dataset.json, and find its overview pictures.

    Args:
        dataset_folder: nnUNet_raw's Dataset<ID>_<name>, as setup makes it.

    Returns:
        The cases, the worst first; a table without lines has none.

    Raises:
        FileNotFoundError: quality.csv or dataset.json is absent.
        ValueError: quality.csv cannot be read, or has no column `case` or `phase`.
    """
    record = load_object(dataset_folder / "dataset.json", "restore it, or set the dataset up again")
    references, phases = record.get("reference_phase"), record.get("phases")
    present, cases = _read_cases(dataset_folder, references if isinstance(references, dict) else {})
    name = str(record.get("name") or dataset_folder.name)
    if not isinstance(phases, list) or not phases:
        phases = dict.fromkeys(row["phase"] for case in cases for row in case.rows)
    return Cohort(name, [str(phase) for phase in phases], present, cases)


def _read_cases(folder: Path, references: dict[str, str]) -> tuple[set[str], list[Case]]:
    """Read quality.csv: the columns it has, and the cases, worst first."""
    # A table that went through a spreadsheet may begin with a byte order mark.
    with (folder / "quality.csv").open(newline="", encoding="utf-8-sig") as stream:
        table = csv.DictReader(stream)
        try:
            present, lines = set(table.fieldnames or ()), list(table)
        except csv.Error as error:  # a zero byte, until Python 3.11
            raise ValueError(f"{folder / 'quality.csv'} cannot be read: {error}") from error
        if not present.issuperset(("case", "phase")):
            raise ValueError(
                f"{folder / 'quality.csv'}: expected the columns case and phase, "
                f"found {', '.join(sorted(present)) or 'none'}"
            )
        by_case: dict[str, list[dict[str, str]]] = {}
        for line in lines:
            row = {column: read_cell(line[column] or "") for column in present}
            by_case.setdefault(row["case"], []).append(row)
    pictures = {path.stem: path for path in (folder / OVERVIEW).glob("*.png")}
    cases = [
        Case(name, rows, rows[0].get("reference") or str(references.get(name, "")), pictures.get(name))
        for name, rows in by_case.items()
    ]
    return present, sorted(cases, key=_badness)


def _badness(case: Case) -> tuple[int, float, str]:
    least = case.worst(gain)
    return CONCERNS.index(case.concern), math.inf if least is None else least, case.name


def _status(row: dict[str, str]) -> str:
    return row.get("status") or "present"


def came(row: dict[str, str]) -> bool:
    """Tell whether there was such a phase, whatever became of it."""
    return _status(row) not in ("filled", "missing")


def figure(row: dict[str, str], column: str) -> float | None:
    """Read a figure; None for an empty cell, and for one that is no finite number."""
    try:
        value = float(row.get(column, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def gain(row: dict[str, str]) -> float | None:
    """Say how much registration added to the similarity; None where either figure is absent."""
    before, after = figure(row, "similarity_before"), figure(row, "similarity_after")
    return None if before is None or after is None else after - before


def _extreme(column: str, pick: Callable[[Iterable[float]], float]) -> Callable[[Case], float | None]:
    return lambda case: case.worst(lambda row: figure(row, column), pick)


def _words(column: str) -> Callable[[Case], str | None]:
    """Sort by a case's words in alphabetical order; a case without any comes last."""
    return lambda case: "; ".join(sorted({row[column] for row in case.rows if row[column]})) or None


COLUMNS = (
    Column(
        "case", ("case",),
        "its name, its patient where that is another name, and its overview picture made small; click it for the "
        "full one. Magenta is the reference, green the moving phase, grey where they agree; on the left before, on "
        "the right after registration. On the right the liver should be without coloured edges, while spine and skin "
        "may have them.",
        lambda case: case.name, whole_case=True,
    ),
    Column(
        "split", ("split",), "train or test; failed and skipped cases are not in the dataset.",
        lambda case: case.split or None, whole_case=True,
    ),
    Column(
        "covered %", ("covered_fraction",),
        "share of the reference that all phases cover, failed ones wherever they came to lie. Where it is low, see what "
        f"is missing; where those that did not fail cover less than {100 * LOW_COVERED_FRACTION:.0f}, there is a warning.",
        _extreme("covered_fraction", min), whole_case=True, number=True,
    ),
    Column(
        "phase", ("phase",), "sorts by the case's reference phase.", lambda case: case.reference or None
    ),
    Column(
        "verdict", ("verdict",),
        "the registration's own judgement: ok, check or failed; look at the picture of each check and failed. "
        "reference: the phase the lesions are drawn on, which stays. filled: no such phase, its channel is air. "
        "dropped: its registration failed, so it was left out. "
        "Sorts as the page came: failed cases, failed, check, other warnings, filled, all others, cases left out; "
        "among equals the lowest gain in similarity first.",
        lambda case: CONCERNS.index(case.concern),
    ),
    Column(
        "similarity", ("similarity_before", "similarity_after"),
        "normalised mutual information by the headers → after registration, and the gain; 1 = nothing in common. "
        "Compare with the same phase of other cases; a gain of 0 or less is suspicious. Sorts by the lowest gain.",
        lambda case: case.worst(gain), number=True,
    ),
    Column(
        "shift mm", ("shift_mm",),
        "how far the liver's centre moved, or the volume's without a liver mask; above "
        f"{LARGE_SHIFT_MM:.0f} there is a warning. Sorts by the largest.",
        _extreme("shift_mm", max), number=True, descending=True,
    ),
    Column(
        "rotation °", ("rotation_degrees",),
        f"how far it turned; above {LARGE_ROTATION_DEGREES:.0f} there is a warning. Sorts by the largest.",
        _extreme("rotation_degrees", max), number=True, descending=True,
    ),
    Column(
        "region", ("region",),
        "what was fitted: mask, the liver mask; liver, a liver found without one; body, where none was found: then "
        "look whether the liver itself matches.",
        _words("region"),
    ),
    Column(
        "overlap %", ("overlap",),
        "share of that region inside the moving phase. Where it is low, part of the liver was not scanned.",
        _extreme("overlap", min), number=True,
    ),
    Column(
        "error mm", ("expected_error_mm",),
        "what the registration may have left where it was fitted: the true error lies below it in some 90 % of pairs. "
        "Sorts by the largest.",
        _extreme("expected_error_mm", max), number=True, descending=True,
    ),
    Column(
        "edges", ("edge_agreement",),
        "whether the liver (its mask, or as found) ends in the moving phase where it does in the reference: 1 = everywhere, "
        "0 = by chance; "
        f"below {LEAST_EDGE_AGREEMENT.ok} to be checked, below {LEAST_EDGE_AGREEMENT.failed} failed. "
        "Sorts by the lowest.",
        _extreme("edge_agreement", min), number=True,
    ),
    Column(
        "placed by", ("placed_by",),
        "registration, or header: the phase was not moved, and the picture's right half shows it so.",
        _words("placed_by"),
    ),
)  # fmt: skip
