"""Write tables and summaries so that a reader never meets half a file."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from nnunet_multiphase.table_cells import write_rows
from nnunet_multiphase.whole_file import whole_file


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Write rows of cells beside `path` and rename, so that a reader never meets half a table; see `table_cells`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        write_rows(file, [header, *rows], ending="\n")
    return path


def write_json(path: Path, content: Mapping[str, object]) -> Path:
    """Write strict JSON (see `json_text`) beside `path` and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as beside:
        beside.write_text(json_text(content) + "\n", encoding="utf-8")
    return path


def json_text(content: Mapping[str, object]) -> str:
    """Format as strict JSON: nan and infinity, which JSON lacks, become null."""
    return json.dumps(_finite(content), indent=1, allow_nan=False)


def csv_cell(value: object) -> str:
    """Format one value for a table: floats with six digits, nan as an empty cell."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
