"""Step 7: write the table of all volumes, and read the user's corrections from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nnunet_multiphase.dicom_import.choose import Choice, Correction
from nnunet_multiphase.dicom_import.codes import agent_code, image_type_code, kernel_code
from nnunet_multiphase.dicom_import.coverage import height_range_mm
from nnunet_multiphase.dicom_import.look import Look
from nnunet_multiphase.dicom_import.series_page import SeriesRow
from nnunet_multiphase.dicom_import.user_table import write_user_table
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.table_text import read_table

HEADER: tuple[str, ...] = (
    *("patient", "case", "series", "series_number", "phase", "confidence", "why", "use"),
    *(
        "slices",
        "spacing_mm",
        "thickness_mm",
        "z_from_mm",
        "z_to_mm",
        "liver_coverage",
        "kernel",
        "image_type",
    ),
    *("agent", "after_s", "masks", "problems"),
)


def series_table_path(out: Path) -> Path:
    """Give the place of the table: beside OUT, never inside."""
    return out.with_name(f"{out.name}_series.csv")


def series_page_path(out: Path) -> Path:
    """Give the place of the page with the pictures: beside the table."""
    return out.with_name(f"{out.name}_series.html")


def write_series_table(path: Path, choices: Iterable[Choice]) -> Path | None:
    """Write one row a volume.

    Args:
        path: From `series_table_path`.
        choices: Of all cases.

    Returns:
        Where a table that was there before has gone, if it said something else.
    """
    rows = ([cells[name] for name in HEADER] for _, cells in table_rows(choices))
    return write_user_table(path, HEADER, rows)


def table_rows(choices: Iterable[Choice]) -> list[tuple[Choice, dict[str, str]]]:
    """Put every volume into the table's words, case by case in the order of acquisition."""
    choices = sorted(choices, key=lambda choice: (choice.name.patient, choice.name.case, _start(choice)))
    first: dict[str, float] = {}
    rows = []
    for choice in choices:
        start = choice.volume.start_s
        if start is not None:
            first.setdefault(choice.name.case, start)
        after_s = "" if start is None else f"{start - first[choice.name.case]:.0f}"
        rows.append((choice, {**_row(choice), "after_s": after_s}))
    return rows


def page_rows(choices: Iterable[Choice], looks: Mapping[str, Look]) -> list[SeriesRow]:
    """Put beside each row of the table how its volume looks.

    Args:
        choices: Of all cases.
        looks: Volume key -> what was seen.
    """
    rows = []
    for choice, cells in table_rows(choices):
        look = looks[choice.volume.key]
        may_be_phase = choice.volume.has_phase
        rows.append(SeriesRow(cells, may_be_phase, look.coronal, look.axial, look.no_picture))
    return rows


def _row(choice: Choice) -> dict[str, str]:
    volume, grid = choice.volume, choice.volume.grid
    heights = height_range_mm(volume)
    thickness = {part.thickness_mm for part in volume.slices if part.thickness_mm is not None}
    kernels = {part.kernel: None for part in volume.slices if part.kernel}
    types = {part.image_type: None for part in volume.slices}
    return {
        "patient": choice.name.patient,
        "case": choice.name.case,
        "series": volume.key,
        "series_number": "" if volume.number is None else str(volume.number),
        "phase": choice.phase,
        "confidence": f"{choice.confidence:.2f}",
        "why": choice.why,
        "use": "yes" if choice.use else "no",
        "slices": str(len(volume.slices)),
        "spacing_mm": "x".join(f"{step:.2f}" for step in grid.spacing_mm) if grid else "",
        "thickness_mm": " to ".join(f"{mm:g}" for mm in sorted({min(thickness), max(thickness)}))
        if thickness
        else "",
        "z_from_mm": f"{heights[0]:.1f}" if heights else "",
        "z_to_mm": f"{heights[1]:.1f}" if heights else "",
        "liver_coverage": "" if volume.liver_coverage is None else f"{volume.liver_coverage:.2f}",
        "kernel": "; ".join(dict.fromkeys(kernel_code(kernel) for kernel in kernels)),
        "image_type": "; ".join(dict.fromkeys(image_type_code(values) for values in list(types)[:3])),
        "agent": agent_code(part.agent for part in volume.slices),
        "masks": "; ".join(choice.masks),
        "problems": "; ".join(choice.problems),
    }


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
