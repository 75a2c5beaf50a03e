"""Put a finished folder in the place of an earlier one: broken off anywhere, one of the two is there, and whole."""

from __future__ import annotations

import shutil
from pathlib import Path


def replace_folder(finished: Path, folder: Path) -> None:
    """Move a finished folder to its place; on failure what was there is there.

    A process killed in between leaves what `settle_folder` needs to do the same.

    Args:
        finished: On the same file system.
        folder: Its place; what is there is replaced.
    """
    try:
        put_aside(folder)
        finished.rename(folder)
    finally:
        settle_folder(folder)


def settle_folder(folder: Path) -> None:
    """Finish or undo a `replace_folder` that broke off: the one rename of the finished folder decides."""
    if not folder.exists() and aside(folder).exists():
        aside(folder).rename(folder)
    for path in hidden(folder):
        remove_folder(path)


def aside(folder: Path) -> Path:
    """Name the hidden folder where the earlier one waits until its successor is in place."""
    return folder.with_name(f".{folder.name}.old")


def gone(folder: Path) -> Path:
    """Name the hidden folder in which something is being removed; the hidden ones of one folder share it."""
    plain = folder.name[1:].rpartition(".")[0] if folder.name.startswith(".") else folder.name
    return folder.with_name(f".{plain}.gone")


def hidden(folder: Path) -> tuple[Path, Path]:
    """Name all that a killed process may leave of an exchange."""
    return aside(folder), gone(folder)


def put_aside(folder: Path) -> None:
    """Move a folder to where it can be taken back from; none is none."""
    if folder.exists():
        remove_folder(aside(folder))
        folder.rename(aside(folder))


def remove_folder(folder: Path) -> bool:
    """Remove a folder under another name, so that half of it is never taken for the whole; False if there is none."""
    there = folder.exists()
    shutil.rmtree(gone(folder), ignore_errors=True)
    if folder.exists():
        folder.rename(gone(folder))
        shutil.rmtree(gone(folder), ignore_errors=True)
    return there
