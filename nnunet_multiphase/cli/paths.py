"""Refuse paths of a command line that no shell has expanded, or that are written as another system has them."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path

WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def refuse_odd_paths(args: argparse.Namespace) -> None:
    """Refuse what would become a folder called `~` or after a drive where the command runs, or hangs on a link to nothing.

    Raises:
        InputError: A path among the options is such a one.
    """
    from nnunet_multiphase.errors import InputError

    for path in _paths(args):
        if path.exists():
            continue
        if path.is_symlink():
            from nnunet_multiphase.volumes.volume_file import told_of_dead_link

            raise InputError(told_of_dead_link(path))
        first = path.parts[0] if path.parts else ""
        if re.fullmatch(r"~\w*", first) and not Path(first).exists():
            raise InputError(
                f"{path}: the ~ was not expanded, as a shell does only at the beginning of a word and outside quotes; write "
                f"{path.expanduser() if first == '~' else 'the whole path'}"
            )
        if os.sep == "/" and WINDOWS.match(str(path)):
            raise InputError(
                f"{path} is a path as Windows writes it, and this system has / between folders and no drives: write it as "
                "it is called here"
            )


def _paths(args: argparse.Namespace) -> Iterator[Path]:
    for value in vars(args).values():
        for given in value if isinstance(value, list) else [value]:
            if isinstance(given, Path):
                yield given
