"""Let one run at a time write a case into a folder: the files of two would be mixed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnunet_multiphase.alone import alone


@contextmanager
def only_run(output: Path, case: str) -> Iterator[None]:
    """Keep other runs from a case; a folder that was made for it and stays empty is removed.

    Raises:
        InputError: Another run is at it.
    """
    new = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    refusal = f"case {case} is being predicted into {output} by another run right now; wait for it, or name another with -o"
    try:
        with alone(output / f".{case}.lock", refusal):
            yield
    finally:
        if new:
            with suppress(OSError):  # not empty
                output.rmdir()
