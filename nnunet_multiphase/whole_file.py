"""Write a file beside its place and rename it: a reader never meets half of it, whatever ends the writer."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

STALE_S = 3600
"""No file is written for so long: what is older was left by a process that was killed."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a hidden name beside a file to write to, and put what was written in the file's place at the end.

    On failure what was there is there, and nothing else. Two that write the same file never write into each other's.

    Args:
        path: The file; its folder exists.

    Yields:
        Where to write.

    Raises:
        OSError: With the file's name: a write that finds the disk full has none.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    _remove_stale(path)
    with naming(path):
        try:
            yield beside
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in what the system says while it is written."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def private(path: Path, mode: str, **options: Any) -> IO[Any]:
    """Open a new file that its owner alone can read."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), mode, **options)


def is_beside(name: str, of: str) -> bool:
    """Tell whether a file's name is one that `whole_file` gave beside a file of another name."""
    return name.startswith(f".{of}.") and name.endswith(".partial")


def _remove_stale(path: Path) -> None:
    with suppress(OSError):
        for entry in os.scandir(path.parent):
            if is_beside(entry.name, path.name) and time.time() - entry.stat().st_mtime > STALE_S:
                Path(entry).unlink()
