"""Note in OUT who could not be predicted, until he is: the next run there shows other patients."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from nnunet_multiphase.evaluation.left_by_predict import NOT_PREDICTED
from nnunet_multiphase.json_file import write_json


def note_failure(output: Path, case: str, why: str) -> None:
    """Write at once, lest a run that is broken off forgets it; where nothing can be written, no results lie either."""
    with suppress(OSError):
        write_json(_note(output, case), {"case": case, "why": why})


def forget_failure(output: Path, case: str) -> None:
    """Take a patient off the list once he is predicted."""
    note = _note(output, case)
    with suppress(OSError):  # not empty, or not there
        note.unlink(missing_ok=True)
        note.parent.rmdir()


def _note(output: Path, case: str) -> Path:
    return output / NOT_PREDICTED / f"{case}.json"
