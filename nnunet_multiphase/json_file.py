"""Read JSON that others wrote, its faults being one kind of error; write it so that none meets half a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.whole_file import whole_file


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


def write_json(path: Path, content: Mapping[str, object]) -> Path:
    """Write strict JSON (see `json_text`) beside `path` and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as beside:
        beside.write_text(json_text(content) + "\n", encoding="utf-8")
    return path


def json_text(content: Mapping[str, object]) -> str:
    """Format as strict JSON: nan and infinity, which JSON lacks, become null."""
    return json.dumps(_finite(content), indent=1, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
