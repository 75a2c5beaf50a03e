"""Break off what moves files about at each of its steps in turn."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CALLS = (
    (Path, "rename"),
    (Path, "replace"),
    (Path, "mkdir"),
    (Path, "unlink"),
    (shutil, "rmtree"),
    (shutil, "copyfile"),
)
"""What an exchange is made of."""


class Died(BaseException):
    """Stand for a process that is killed: nothing that comes after it is done."""


@contextmanager
def failing(number: int, when: str, error: type[BaseException]) -> Iterator[list[str]]:
    """Let the call of that number raise, before or after it has done its work; yields what was called."""
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for holder, name in CALLS:
            plain = getattr(holder, name)

            def call(
                *args: Any, _plain: Callable[..., Any] = plain, _name: str = name, **options: Any
            ) -> Any:
                dead = error is Died and len(seen) > number
                seen.append(_name)
                if dead or (len(seen) == number + 1 and when == "before"):
                    raise error("broken off")
                result = _plain(*args, **options)
                if len(seen) == number + 1:
                    raise error("broken off")
                return result

            patch.setattr(holder, name, call)
        yield seen
