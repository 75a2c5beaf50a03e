"""Read JSON that others wrote: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nnunet_multiphase.errors import InputError


def load_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: It is no file (a folder, or a pipe that would be waited for), not UTF-8, no JSON, or nested deeper than
            Python reads.
        OSError: It cannot be opened.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be a record") from error


def load_object(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON file that holds names and values.

    Args:
        path: The file.
        remedy: What to do where it is spoilt.

    Raises:
        InputError: It holds something else, or no JSON.
        OSError: It cannot be opened.
    """
    try:
        content = load_json(path)
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}): {remedy}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no record but {str(content)[:40]!r}: {remedy}")
    return content
