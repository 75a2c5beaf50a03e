"""Read a cohort's cases from a table: one line a case, a column for each phase and mask."""

from __future__ import annotations

import csv
from pathlib import Path

from nnunet_multiphase.data.case_folder import CaseFolder, case_id
from nnunet_multiphase.data.mask_choice import MaskRule, choose_masks
from nnunet_multiphase.data.table_text import delimiter_of, readable_table
from nnunet_multiphase.data.volume_file import MaskFiles
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

COLUMNS = ("case", "patient", *PHASES, "lesions", "liver", "reference")


def scan_table(table: Path, root: Path, masks: MaskRule) -> tuple[list[CaseFolder], list[str]]:
    """Read the cases of a table.

    Args:
        table: CSV, TSV or semicolon-separated text (UTF-8) with a header of these columns, in any order: case, one for
            each phase there is (nc, art, pv, dl), lesions (one file, or several with | between), and, if wanted,
            patient, liver, reference. The masks are drawn on the reference; without that column, or where it is
            empty, on the only phase, else pv.
        root: Folder that paths which are not absolute start from.
        masks: Whether another phase than the table's is to be the reference; the masks are brought along then.

    Returns:
        The cases that can be used, in the table's order, and a sentence for each problem.

    Raises:
        InputError: The table cannot be read, or its header is another.
    """
    cases: list[CaseFolder] = []
    problems: list[str] = []
    seen: set[str] = set()
    with readable_table(table):
        rows = _rows(table)
    for number, row in rows:
        where = f"{table.name}, line {number}"
        name = row.get("case", "")
        if not name:
            problems.append(f"{where}: no case is named; fill in the column case or remove the line")
            continue
        if case_id(name).casefold() in seen:
            problems.append(f"{where}: case {name} is there twice; keep one line")
            continue
        seen.add(case_id(name).casefold())
        images = {phase: root / row[phase] for phase in PHASES if row.get(phase)}
        lesions = tuple(root / part.strip() for part in row.get("lesions", "").split("|") if part.strip())
        reference = row.get("reference") or ("pv" if "pv" in images else next(iter(images), ""))
        if not images:
            problems.append(f"case {name} ({where}): no phase; fill in one of {', '.join(PHASES)}")
        elif not lesions:
            problems.append(
                f"case {name} ({where}): no lesion mask; fill in the column lesions or remove the line"
            )
        elif reference not in images:
            problems.append(
                f"case {name} ({where}): the reference {reference} is none of its phases {', '.join(images)}; correct it"
            )
        else:
            try:
                choice = choose_masks(name, images, {reference: MaskFiles(lesions)}, masks)
            except InputError as error:
                problems.append(str(error))
                continue
            has_liver = bool(row.get("liver")) and choice.reference == reference
            cases.append(
                CaseFolder(
                    case_id(name),
                    root,
                    row.get("patient") or case_id(name),
                    images,
                    choice.reference,
                    choice.lesions,
                    MaskFiles((root / row["liver"],)) if has_liver else None,
                    unused_liver=root / row["liver"] if row.get("liver") and not has_liver else None,
                    moving_lesions=choice.moving,
                )
            )
    if not cases and not problems:
        problems.append(f"{table} has no line under its header: expected one for each case")
    return cases, problems


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """Read the lines with their numbers; cells without blanks around them."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{table} cannot be read ({error.strerror}): expected a table of cases") from error
    delimiter = delimiter_of(text)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    names = [(name or "").strip() for name in reader.fieldnames or []]
    unknown = [name for name in names if name not in COLUMNS]
    if "case" not in names or "lesions" not in names or unknown or len(set(names)) < len(names):
        raise InputError(
            f"{table}: expected a header of {', '.join(COLUMNS)} (case, lesions and the phases at least), "
            f"found {', '.join(names) or 'nothing'}"
        )
    reader.fieldnames = names
    rows = []
    for row in reader:
        if None in row:
            raise InputError(
                f"{table}, line {reader.line_num}: more cells than the header has; quote texts with {delimiter!r}"
            )
        rows.append((reader.line_num, {name: (cell or "").strip() for name, cell in row.items()}))
    return rows
