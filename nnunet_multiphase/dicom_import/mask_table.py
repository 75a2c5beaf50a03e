"""Step 8d: write the table of all masks, and read from it what the user says each is and where it lies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.dicom_import.user_table import write_user_table
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.table_text import read_table
from nnunet_multiphase.words.labels import LESIONS, LIVER

HEADER: tuple[str, ...] = (
    *("patient", "case", "mask", "file", "number", "planes", "taken_as", "series", "how", "problem"),
)

LESION_FREE = "lesion-free"
"""Under taken_as: this lesion mask is empty for a reason, the patient has no lesion."""

_TAKEN_AS = (LESIONS, LIVER, LESION_FREE, "no")


@dataclass(frozen=True)
class MaskRow:
    """A segment or region: a row of the table."""

    patient: str
    case: str
    mask: str  # a hash, safe to show
    file: str  # SEG or RTSTRUCT
    number: int
    planes: int  # frames or contours
    taken_as: str  # empty: no
    series: str  # volume key; empty: none
    how: str
    problem: str


@dataclass(frozen=True)
class MaskCorrection:
    """What the user's table says of one segment or region."""

    taken_as: str  # lesions, liver, lesion-free or no
    series: str  # volume key; empty: as without a table

    @property
    def kind(self) -> str | None:
        """The kind of mask it makes."""
        return {LESION_FREE: LESIONS, "no": None}.get(self.taken_as, self.taken_as)


def mask_table_path(out: Path) -> Path:
    """Give the place of the table: beside OUT, never inside."""
    return out.with_name(f"{out.name}_masks.csv")


def write_mask_table(path: Path, rows: Iterable[MaskRow]) -> Path | None:
    """Write one row a segment or region; no table where there is none.

    Args:
        path: From `mask_table_path`.
        rows: Of all cases.

    Returns:
        Where a table that was there before has gone, if it said something else.
    """
    cells = (
        (
            *(row.patient, row.case, row.mask, row.file, row.number, row.planes, row.taken_as or "no"),
            *(row.series, row.how, row.problem),
        )
        for row in sorted(rows, key=lambda row: (row.patient, row.case, row.file, row.mask))
    )
    return write_user_table(path, HEADER, cells)


def read_mask_table(path: Path) -> dict[str, MaskCorrection]:
    """Read the columns mask, taken_as and series of a table; the others do not count.

    Args:
        path: A table as written, perhaps changed; separated by commas, semicolons or tabs.

    Returns:
        Mask key -> what it is and where it lies.

    Raises:
        InputError: No such file, not a table of ours; all wrong cells at once, each in a sentence.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: expected the mask table that an earlier run wrote")
    table = read_table(
        path, ("mask", "taken_as", "series"), remedy="start from the table that --dry-run writes"
    )
    corrections: dict[str, MaskCorrection] = {}
    problems: list[str] = []
    for row in table.rows:
        key, taken_as, series = row["mask"], row["taken_as"], row["series"]
        where = f"{path}, line {row.number}"
        if key in corrections:
            problems.append(f"{where}: {key} was there before; keep one line")
        if taken_as.lower() not in _TAKEN_AS:
            problems.append(f"{where}: expected {', '.join(_TAKEN_AS)} under taken_as, found {taken_as!r}")
        corrections[key] = MaskCorrection(taken_as.lower(), series)
    if problems:
        raise CohortError(problems)
    return corrections
