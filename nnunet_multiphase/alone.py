"""Keep a second process away from what one is writing."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from nnunet_multiphase.errors import InputError

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What network file systems without locks say; filelock itself knows ENOSYS."""


@contextmanager
def alone(lock: Path, refusal: str) -> Iterator[None]:
    """Hold a lock file, and remove it at the end; the system lets go of it when the process ends, however it ends.

    On file systems without locks the file itself is the lock, with its holder's name in it: one that a killed process
    left is taken over on the same machine.

    Args:
        lock: The file; its folder exists.
        refusal: What to say if another process or thread holds it.

    Raises:
        InputError: One does.
        OSError: The file cannot be made.
    """
    held: FileLock | SoftFileLock = FileLock(lock, thread_local=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the file itself is the lock
            try:
                held.acquire(blocking=False)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                # Of another name: what was opened in vain above is there, and empty.
                held = SoftFileLock(lock.with_name(f"{lock.name}.held"), thread_local=False)
                held.acquire(blocking=False)
    except Timeout as error:
        raise InputError(refusal) from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            lock.unlink()
        held.release()
