"""Step 7: write the table of all volumes, and read the user's corrections from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from nnunet_multiphase.data.case_folder import CohortError
from nnunet_multiphase.data.table_text import read_table
from nnunet_multiphase.dicom.choose import Choice, Correction
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

HEADER: tuple[str, ...] = (
    *("patient", "case", "series", "series_number", "phase", "confidence", "why", "use"),
    *("slices", "spacing_mm", "after_s", "masks", "problems"),
)


def series_table_path(out: Path) -> Path:
    """Give the place of the table: beside OUT, never inside."""
    return out.with_name(f"{out.name}_series.csv")


def write_series_table(path: Path, choices: Iterable[Choice]) -> Path | None:
    """Write one row a volume.

    Args:
        path: From `series_table_path`.
        choices: Of all cases.

    Returns:
        Where a table that was there before has gone, if it said something else.
    """
    choices = sorted(choices, key=lambda choice: (choice.name.patient, choice.name.case, _start(choice)))
    first: dict[str, float] = {}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for choice in choices:
        start, grid = choice.volume.start_s, choice.volume.grid
        if start is not None:
            first.setdefault(choice.name.case, start)
        number = choice.volume.number
        writer.writerow(
            (
                choice.name.patient,
                choice.name.case,
                choice.volume.key,
                "" if number is None else number,
                choice.phase,
                f"{choice.confidence:.2f}",
                choice.why,
                "yes" if choice.use else "no",
                len(choice.volume.slices),
                "x".join(f"{step:.2f}" for step in grid.spacing_mm) if grid else "",
                "" if start is None else f"{start - first[choice.name.case]:.0f}",
                "; ".join(choice.masks),
                "; ".join(choice.problems),
            )
        )
    data = text.getvalue().encode()
    previous = None
    if path.exists() and path.read_bytes() != data:
        previous = path.with_name(f"{path.stem}_previous.csv")
        path.replace(previous)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
    return previous


def read_corrections(path: Path) -> dict[str, Correction]:
    """Read the columns series, phase and use of a table; the others do not count.

    Args:
        path: A table as written, perhaps changed; separated by commas, semicolons or tabs.

    Returns:
        Volume key -> phase and use.

    Raises:
        InputError: No such file, not a table of ours; all wrong cells at once, each in a sentence.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: expected the series table that an earlier run wrote")
    table = read_table(path, ("series", "phase", "use"), remedy="start from the table that --dry-run writes")
    corrections: dict[str, Correction] = {}
    problems: list[str] = []
    for row in table.rows:
        key, phase, use = row["series"], row["phase"], row["use"]
        where = f"{path}, line {row.number}"
        if key in corrections:
            problems.append(f"{where}: {key} was there before; keep one line")
        if phase.lower() not in (*PHASES, ""):
            problems.append(f"{where}: expected the phase nc, art, pv, dl or nothing, found {phase!r}")
        if use.lower() not in ("yes", "no"):
            problems.append(f"{where}: expected yes or no under use, found {use!r}")
        corrections[key] = Correction(phase.lower(), use.lower() == "yes")
    if problems:
        raise CohortError(problems)
    return corrections


def _start(choice: Choice) -> tuple[float, int, str]:
    start, number = choice.volume.start_s, choice.volume.number
    return (float("inf") if start is None else start, number or 0, choice.volume.key)
