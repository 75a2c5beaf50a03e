"""Give a file's name to ITK, which ends the whole process at one that is no text."""

from __future__ import annotations

import os
from pathlib import Path


def itk_name(path: Path) -> str:
    """Give a path as ITK takes it: as UTF-8, whatever Python takes for the system's character set.

    Args:
        path: Of a file or folder, whether it is there or not.

    Raises:
        ValueError: Its bytes are no UTF-8, as of a name that an old archive or a Windows disk has in another character set.
    """
    try:
        return os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        shown = os.fsencode(path).decode("utf-8", errors="backslashreplace")
        raise ValueError(
            f"{shown} is no path in UTF-8 (a file or folder on it was named in another character set): it cannot be opened; "
            "rename that (convmv -f latin1 -t utf8 does so), or give another place"
        ) from None
