"""The one exception for bad input, and the words for what the system refuses: both are shown to the user as they are."""

import errno
from collections.abc import Sequence

FULL = {errno.ENOSPC, errno.EFBIG, *(getattr(errno, name) for name in ("EDQUOT",) if hasattr(errno, name))}
"""What a disk says that has no room, a file that has reached its largest size, and a user who has used up his share."""
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class InputError(ValueError):
    """Say in one sentence which case and file, what was expected, what came, what to do."""

    def __str__(self) -> str:
        """Give the sentence, as a terminal can show it."""
        return printable(super().__str__())


class CohortError(InputError):
    """Say several problems at once, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems: tuple[str, ...] = tuple(map(printable, problems))
        super().__init__("\n".join(self.problems))

    def __str__(self) -> str:
        """Give the sentences, one a line."""
        return "\n".join(self.problems)


def printable(text: str) -> str:
    r"""Write signs that steer a terminal, turn the direction of writing or show nothing by their numbers.

    File names and tables come from outside: a name could otherwise clear the screen or end the line.

    >>> printable("case a\x1b[2J")
    'case a\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def first_of(names: Sequence[object], most: int = 5) -> str:
    """Name things for a message, the first of many.

    >>> first_of(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def told_by_system(error: OSError) -> str:
    """Say in a sentence which file the system refused and why, and what to do where that is known.

    >>> told_by_system(OSError(errno.ENOSPC, "No space left on device", "out/a.nii.gz"))
    'out/a.nii.gz cannot be written: the disk is full (No space left on device); make room, then run the same again'
    """
    file, reason = str(error.filename or ""), str(error.strerror or error)
    if error.errno in FULL:
        text = f"{file or 'a file'} cannot be written: the disk is full ({reason}); make room, then run the same again"
    elif error.errno in FORBIDDEN:
        text = (
            f"{file or 'a file'} is not this user's to read or to write ({reason}): give the rights to it, or name another "
            "place"
        )
    else:
        text = f"{file}: {reason}" if file else reason
    return printable(text)


def told_unexpected(error: BaseException) -> str:
    """Say an error in a line; of one that nobody foresaw also what it is and where in this package it came up.

    The whole traceback goes to Python's logging, at the level DEBUG.
    """
    text = " ".join(str(error).split())
    if isinstance(error, CohortError):
        return "; ".join(error.problems)
    if isinstance(error, InputError):
        return text
    import logging
    from pathlib import Path
    from traceback import extract_tb

    logging.getLogger(__name__).debug("an error that nobody foresaw", exc_info=error)
    package = Path(__file__).parent
    ours = (package, package.parent / "registration")
    frames = [
        f for f in extract_tb(error.__traceback__) if any(place in Path(f.filename).parents for place in ours)
    ]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    kind = type(error).__name__
    return printable(f"{kind}: {text}{where}" if text else f"{kind}{where}")


def is_ctrl_c(error: BaseException) -> bool:
    """Tell whether Ctrl-C stands behind an error: compiled code that it interrupts may raise another one from it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
