"""Read a cohort's cases from a table: one line a case, a column for each phase and mask."""

from __future__ import annotations

from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder, assemble_case
from nnunet_multiphase.cases.case_name import case_id, patient_id
from nnunet_multiphase.cases.follow_ups import find_follow_ups
from nnunet_multiphase.cases.mask_choice import MaskRule, choose_masks
from nnunet_multiphase.cases.stored_path import stored_path
from nnunet_multiphase.cases.table_columns import find_lost_columns, find_unnamed_patients, told_of_cells
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.table_text import Row, Table, read_table, told_of_spoilt_cell, unused_columns_note

COLUMNS = ("case", "patient", *PHASES, "lesions", "liver", "reference")
NEEDED = ("case", "lesions")


def scan_table(table: Path, root: Path, masks: MaskRule) -> tuple[list[CaseFolder], list[str], list[str]]:
    """Read the cases of a table.

    Args:
        table: CSV, TSV or semicolon-separated text (UTF-8) with a header of these columns, in any order: case, one for
            each phase there is (nc, art, pv, dl), lesions (one file, or several with | between), and, if wanted,
            patient, liver, reference. The masks are drawn on the reference; without that column, or where it is
            empty, on the only phase, else pv. Further columns are passed over, or
            refused where they seem to be one of these.
        root: Folder that paths which are not absolute start from.
        masks: Whether another phase than the table's is to be the reference; the masks are brought along then.

    Returns:
        The cases that can be used, in the table's order; a sentence for each problem; what else is worth saying.

    Raises:
        InputError: The table cannot be read, or its header is another.
    """
    content = _read(table)
    cases: list[CaseFolder] = []
    problems = [*find_lost_columns(table, content, root), *find_unnamed_patients(table, content)]
    seen: set[str] = set()
    for row in content.rows:
        where = f"{table.name}, line {row.number}"
        name = row["case"]
        if not name:
            problems.append(f"{where}: no case is named; fill in the column case or remove the line")
            continue
        if spoilt := told_of_spoilt_cell(name):
            problems.append(f"{where}: the case {spoilt}")
            continue
        if case_id(name).casefold() in seen:
            problems.append(f"{where}: case {name} is there twice; keep one line")
            continue
        seen.add(case_id(name).casefold())
        try:
            cases.append(_read_case(row, f"case {name} ({where})", root, masks))
        except InputError as error:
            problems.append(str(error))
    if not cases and not problems:
        problems.append(f"{table} has no line under its header: expected one for each case")
    notes = unused_columns_note(table, content)
    if not any(row["patient"] for row in content.rows):
        notes += find_follow_ups([case.name for case in cases], f"the column patient of {table.name}")
    return cases, problems, notes


def _read_case(row: Row, where: str, root: Path, masks: MaskRule) -> CaseFolder:
    """Put the case of a line together.

    Raises:
        InputError: It cannot be used; a sentence that begins with `where`.
    """
    if strange := told_of_cells(row, root):
        raise InputError(f"{where}: {strange}")
    images = {phase: stored_path(root, row[phase]) for phase in PHASES if row[phase]}
    lesions = tuple(stored_path(root, part.strip()) for part in row["lesions"].split("|") if part.strip())
    reference = row["reference"].lower() or ("pv" if "pv" in images else next(iter(images), ""))
    if not images:
        raise InputError(f"{where}: no phase; fill in one of {', '.join(PHASES)}")
    if not lesions and masks.absent == "error":
        raise InputError(
            f"{where}: no lesion mask; fill in the column lesions, remove the line, or pass "
            "--no-mask skip (leave such cases out)"
        )
    if reference not in images:
        raise InputError(
            f"{where}: the reference {reference} is none of its phases {', '.join(images)}; correct it"
        )
    drawn = {reference: masks.lesion_files(lesions)} if lesions else {}
    choice = choose_masks(row["case"], images, drawn, masks)
    own = {reference: stored_path(root, row["liver"])} if row["liver"] else {}
    livers = masks.livers(own, drawn)
    return assemble_case(
        case_id(row["case"]), root, images, choice, livers, patient=patient_id(row["patient"])
    )


def table_phases(table: Path) -> tuple[str, ...]:
    """Give the phases that a table has a column for, in nnU-Net's channel order.

    Raises:
        InputError: The table cannot be read, or its header is another.
    """
    columns = _read(table).columns
    return tuple(phase for phase in PHASES if phase in columns)


def _read(table: Path) -> Table:
    content = read_table(table, NEEDED, [column for column in COLUMNS if column not in NEEDED])
    if not set(PHASES) & set(content.columns):
        raise InputError(
            f"{table}: expected a column for each phase there is ({', '.join(PHASES)}), "
            f"found {', '.join((*content.columns, *content.further))}"
        )
    return content
