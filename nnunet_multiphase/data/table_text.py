"""Help to read a table: what separates its cells, and a sentence where it cannot be read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnunet_multiphase.errors import InputError


@contextmanager
def readable_table(path: Path, remedy: str = "save it as CSV UTF-8") -> Iterator[None]:
    """Turn what reading a table may raise into a sentence that names it.

    Args:
        path: The table being read in the block.
        remedy: What to do where it is another kind of file.

    Raises:
        InputError: It is not UTF-8 text, or not a table.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}): {remedy}") from error
    except csv.Error as error:
        raise InputError(
            f"{path} cannot be read as a table ({error}): look for a lost quote, or {remedy}"
        ) from error


def delimiter_of(text: str) -> str:
    """Tell what separates a table's cells: the comma, semicolon or tab that its first line holds most of.

    >>> delimiter_of("case;size\\nx;1,5")
    ';'
    """
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)
