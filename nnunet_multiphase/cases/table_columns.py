"""See what a table of cases says in columns that would be passed over, and in cells that a spreadsheet left empty."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.cases.case_name import loose_patient_id
from nnunet_multiphase.cases.near_miss import likeness
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.table_text import Row, Table, no_answer, told_of_spoilt_cell
from nnunet_multiphase.volumes.volume_file import split_channel, volume_stem
from nnunet_multiphase.words.descriptions import phases_named
from nnunet_multiphase.words.labels import meanings_in
from nnunet_multiphase.words.search import fold, words_apart

_PATIENT = re.compile(
    r"(patient|patients|pat|patienten|patientin|subject|subj|participant|proband|probanden|person|paziente|paciente"
    r"|пациент|患者|病人)( ?(id|ids|no|nr|num|number|nummer|name|names|code|key|pseudonym|identifier|uid))?|pid|mrn"
)
_DRAWN_ON = re.compile(
    r"\b(ref|reference|referenz|drawn|annotated|annotation|segmented|segmentation|labell?ed|contoured|phase|masks?|lesions?"
    r"|tumou?rs?)\b"
)
_NO_CT = re.compile(r"\b(pet|suv|spect|mri?|mrt|irm|rm|t[12]w|dwi|adc|cbct|ultrasound|dose|rtdose)\b")
"""Names of volumes that nobody takes for a phase."""
_FILES = (*PHASES, "lesions", "liver")
"""Columns that hold paths."""


@dataclass(frozen=True)
class _Column:
    """Hold a column that is not read: its name, perhaps empty, and its cells that say something."""

    name: str
    cells: tuple[tuple[Row, str], ...]

    @property
    def words(self) -> str:
        """Write the name in small letters with blanks between its words."""
        return " ".join(re.findall(r"[^\W_]+", fold(words_apart(self.name))))


def find_lost_columns(table: Path, content: Table, root: Path) -> list[str]:
    """Find columns that are not read though they say whose a case is, where masks are drawn, or hold its volumes.

    The cells decide, too: an age, a size of tumours or a comment is nothing of the kind, whatever the column is called. Nor
    are patients of whom no two lines are, or files that another column names.

    Args:
        table: For messages.
        content: What was read of it.
        root: Folder that paths which are not absolute start from.

    Returns:
        A sentence for each such column.
    """
    used = {root / part for row in content.rows for name in _FILES for part in _parts(row[name])}
    said = {name for name in content.columns if any(row[name] for row in content.rows)}
    problems = []
    for column in _further(content):
        what = (
            ("" if "patient" in said else _told_of_patient(column))
            or ("" if "reference" in said else _told_of_reference(column))
            or _told_of_volumes(column, root, used, said)
        )
        if what:
            name = f"the column {column.name}" if column.name else "a column without a name"
            problems.append(f"{table.name}: {name} {what}; or remove the column if it is not to be used")
    return problems


def find_unnamed_patients(table: Path, content: Table) -> list[str]:
    """Find lines whose patient is empty where others' is not, as merged cells of a spreadsheet are written.

    Args:
        table: For messages.
        content: What was read of it.

    Returns:
        One sentence for all of them; none where no line, or each, names its patient.
    """
    empty = [str(row.number) for row in content.rows if row["case"] and not row["patient"]]
    if not empty or not any(row["patient"] for row in content.rows):
        return []
    shown = ", ".join(empty[:8]) + (", ..." if len(empty) > 8 else "")
    return [
        f"{table.name}, line{'s' * (len(empty) > 1)} {shown}: no patient, though other lines name theirs: one person's "
        "cases may be in training and in test; merged cells must be filled down (only the first holds the name), so that "
        "every line names its patient; or leave the column empty if each case is a patient of its own"
    ]


def told_of_cells(row: Row, root: Path) -> str:
    """Say that a cell holds a word for nothing, or several files put another way; the empty text: neither."""
    for name in (*_FILES, "reference"):
        if no_answer(row[name]) and not (root / row[name]).is_file():
            return f"its column {name} holds {row[name]!r}: leave the cell empty where there is nothing"
    if no_answer(row["patient"]) and row["patient"].casefold() != "na":  # may be somebody's initials
        return (
            f"its column patient holds {row['patient']!r}: name the patient, or leave the column empty in every line if "
            "each case is a patient of its own"
        )
    if spoilt := told_of_spoilt_cell(row["patient"]):
        return f"its patient {spoilt}"
    listed = [Path(part.strip()) for part in re.split(r"[;,\n]", row["lesions"])]
    several = len(listed) > 1 and all(volume_stem(file) is not None for file in listed)
    if several and not (root / row["lesions"]).is_file():
        return f"its lesions {row['lesions']!r} seem to be several files: write | between them"
    if "|" in row["liver"] and not (root / row["liver"]).is_file():
        return f"its liver {row['liver']!r} seems to be several files: expected one; write the whole liver into one mask"
    return ""


def _further(content: Table) -> Iterator[_Column]:
    """Give the columns that are not read and say something."""
    for at in range(max((len(row.further) for row in content.rows), default=0)):
        lines = [(row, *row.further[at]) for row in content.rows if at < len(row.further)]
        cells = tuple((row, cell) for row, _, cell in lines if cell and not no_answer(cell))
        if cells:
            yield _Column(lines[0][1], cells)


def _told_of_patient(column: _Column) -> str:
    """Say that two lines are of one patient by a column that is not read; the empty text: none says so."""
    if not _PATIENT.fullmatch(column.words):
        return ""
    first: dict[str, int] = {}
    for row, cell in column.cells:
        line = first.setdefault(loose_patient_id(cell), row.number)
        if line != row.number:
            return (
                f"names one patient in lines {line} and {row.number}, whose cases may be in training and in test: call it "
                "patient"
            )
    return ""


def _told_of_reference(column: _Column) -> str:
    """Say that masks are drawn on another phase than would be taken, by a column that is not read."""
    if not _DRAWN_ON.search(column.words):
        return ""
    phases = [(row, _phase_in(cell)) for row, cell in column.cells]
    if not all(phase for _, phase in phases):
        return ""
    for row, phase in phases:
        taken = "pv" if row["pv"] else next((name for name in PHASES if row[name]), "")
        if row[phase] and phase != taken:
            return (
                f"names {phase} in line {row.number}, whose masks would be taken to be drawn on {taken}: call it "
                "reference if it says what they are drawn on"
            )
    return ""


def _told_of_volumes(column: _Column, root: Path, used: Collection[Path], said: Collection[str]) -> str:
    """Say which volumes of a column that is not read would be lost; the empty text: none."""
    like = likeness(re.sub(r"\d+$", "", column.words).strip(), "")
    kind = None if like is None else like.phase if like.kind == "image" else like.kind
    plain = kind in ("lesions", "liver") or (kind in PHASES and kind not in said)
    means = meanings_in(column.words)
    if not plain and "lesion" not in means and (_NO_CT.search(column.words) or "place" in means):
        return ""  # a PET, a dose, the spleen
    for row, cell in column.cells:
        for part in _parts(cell):
            path = root / part
            file = split_channel(path)[0]
            volume = volume_stem(file) is not None
            folder = plain and path.is_dir() and not any(path in other.parents for other in used)
            if path not in used and ((volume and (plain or file.is_file())) or folder):
                return (
                    f"holds files (line {row.number}: {part}) and would be passed over: {_mend(kind, said)}"
                )
    return ""


def _mend(kind: str | None, said: Collection[str]) -> str:
    """Say what to call a column of volumes that seems to be a phase or mask."""
    if kind == "lesions":
        return "it seems to be a mask of lesions: write all lesion files of a case into lesions, with | between them"
    if kind == "liver":
        return f"it seems to be a mask of the liver: {'keep one of both' if 'liver' in said else 'call it liver'}"
    if kind in PHASES:
        return f"it seems to be {kind}: {'keep one of both' if kind in said else f'call it {kind}'}"
    return f"expected one of {', '.join(_FILES)}: if it is one of them, call it so"


def _phase_in(cell: str) -> str:
    """Read a cell that is the name of one phase; the empty text: it is not."""
    named = [cell.lower()] if cell.lower() in PHASES else list(phases_named(cell))
    return named[0] if len(named) == 1 else ""


def _parts(cell: str) -> Sequence[str]:
    """Part a cell into the files it names."""
    return [part.strip() for part in cell.split("|") if part.strip()]
