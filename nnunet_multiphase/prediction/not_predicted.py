"""Note in OUT who could not be predicted, until he is: the next run there shows other patients."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from nnunet_multiphase.evaluation.left_by_predict import NOT_PREDICTED
from nnunet_multiphase.json_file import write_json


def note_failures(output: Path, failed: Mapping[str, str], noted: int = 0) -> int:
    """Write at once, lest a run that is broken off forgets it, if OUT is there; else there are no results to be mistaken.

    Args:
        output: OUT.
        failed: Patient -> why, in the order in which they failed.
        noted: How many of them are written already.

    Returns:
        How many are now.
    """
    if not output.is_dir():
        return noted
    for case, why in list(failed.items())[noted:]:
        with suppress(OSError):
            write_json(_note(output, case), {"case": case, "why": why})
    return len(failed)


def forget_failure(output: Path, case: str) -> None:
    """Take a patient off the list once he is predicted."""
    note = _note(output, case)
    with suppress(OSError):  # not empty, or not there
        note.unlink(missing_ok=True)
        note.parent.rmdir()


def _note(output: Path, case: str) -> Path:
    return output / NOT_PREDICTED / f"{case}.json"
