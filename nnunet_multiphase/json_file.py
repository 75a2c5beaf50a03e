"""Read JSON that others wrote: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: It is not UTF-8, no JSON, or nested deeper than Python reads.
        OSError: It cannot be opened.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be a record") from error
