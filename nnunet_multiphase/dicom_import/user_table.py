"""Step 7a: write a table that the user may correct, beside the one that an earlier run wrote."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnunet_multiphase.table_cells import write_rows
from nnunet_multiphase.whole_file import whole_file


def write_user_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path | None:
    """Write a table whole or not at all; where there are no rows there is none.

    Args:
        path: The table.
        header: Names of its columns.
        rows: Cells in the order of the header.

    Returns:
        Where a table that was there before has gone, if it said something else.
    """
    rows = list(rows)
    text = io.StringIO()
    write_rows(text, [header, *rows])
    data = text.getvalue().encode()
    previous = None
    if path.exists() and path.read_bytes() != data:
        previous = path.with_name(f"{path.stem}_previous.csv")
        path.replace(previous)
    if rows:
        with whole_file(path) as beside:
            beside.write_bytes(data)
    return previous
