"""Keep a second process away from what one is writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nnunet_multiphase.errors import InputError


@contextmanager
def alone(lock: Path, refusal: str) -> Iterator[None]:
    """Hold a lock file, and remove it at the end; the system lets go of it when the process ends, however it ends.

    On Windows and on file systems without locks nobody is kept out.

    Args:
        lock: The file; its folder exists.
        refusal: What to say if another process or thread holds it.

    Raises:
        InputError: One does.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        file = lock.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise InputError(refusal) from error
        except OSError:  # no locks here
            break
        if _is_at(lock, file):
            break
        file.close()  # its last holder has just removed it
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        file.close()


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
