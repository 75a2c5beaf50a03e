"""Remember which cases of a dataset are done, so that a run that was stopped is gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from nnunet_multiphase.alignment.named_registration import name_of
from nnunet_multiphase.alignment.quality import PhaseQuality
from nnunet_multiphase.cases.check import CaseReport
from nnunet_multiphase.code_digest import code_digest
from nnunet_multiphase.dataset.convert import RUN, CaseJob, CaseOutcome, case_files, convert_case
from nnunet_multiphase.dataset.destination import RECORDS
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json
from nnunet_multiphase.whole_file import naming, whole_file


def fingerprint(job: CaseJob, report: CaseReport) -> str:
    """Digest all that a case's files depend on: content of its inputs, settings, place, and our code."""
    settings = {key: value for key, value in asdict(job.settings).items() if key != "threads"}
    parts = (
        code_digest(),
        sorted(report.parts.items()),
        settings,
        job.channels,
        job.split,
        job.on_failure,
        job.registered,
        job.case.name,
        job.case.patient,
        job.case.reference,
        str(job.case.unused_liver),
        job.targets,
        *([] if job.find is None else [name_of(job.find)]),
    )
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


@contextmanager
def started_run(folder: Path) -> Iterator[str]:
    """Mark a folder as this run's: workers that an earlier run has left behind write nothing into it any more.

    Yields:
        The mark, for each job's `run`. It is taken away at the end, so that no worker writes after it.
    """
    token = os.urandom(8).hex()
    with naming(folder / RUN):
        (folder / RUN).write_text(token, encoding="utf-8")
    try:
        yield token
    finally:
        (folder / RUN).unlink(missing_ok=True)


def convert_once(job: CaseJob) -> CaseOutcome:
    """Convert a case in a worker, unless an earlier run has done so, and note that it is done.

    Raises:
        InputError: The worker runs other code than the process that sent the job.
    """
    if job.code and job.code != code_digest():
        raise InputError(
            f"case {job.case.name}: the worker on {platform.node()} runs another state of nnunet-multiphase, SimpleITK, "
            "numba, numpy or scipy than this process: install the same on all machines, and start the workers again"
        )
    outcome = recall(job)
    if outcome is None:
        outcome = convert_case(job)
        if not outcome.failure:
            _remember(job, outcome)
    return outcome


def _remember(job: CaseJob, outcome: CaseOutcome) -> None:
    """Note that a case is done: the last thing written of it."""
    path = job.folder / RECORDS / f"{job.case.name}.json"
    content = {
        "fingerprint": job.mark,
        "rows": [asdict(row) for row in outcome.rows],
        "filled": outcome.filled,
    }
    with whole_file(path) as beside:
        beside.write_text(json.dumps(content), encoding="utf-8")


def recall(job: CaseJob) -> CaseOutcome | None:
    """Give the outcome of a case that an earlier run has finished with the same inputs and settings, if any."""
    path = job.folder / RECORDS / f"{job.case.name}.json"
    try:
        content = load_json(path)
        if content["fingerprint"] != job.mark:
            return None
        rows = tuple(PhaseQuality(**row) for row in content["rows"])
        filled = tuple(content["filled"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or not whole
        return None
    outcome = CaseOutcome(job.case, job.split, rows, filled)
    return outcome if all(path.is_file() for path in case_files(job, outcome)) else None


def clear_unfinished(folder: Path, jobs: Sequence[CaseJob]) -> int:
    """Remove what an earlier run left of cases that are not done, or are wanted otherwise now.

    Returns:
        How many cases are done.
    """
    keep: set[Path] = set()
    done = 0
    for job in jobs:
        outcome = recall(job)
        if outcome is not None:
            done += 1
            keep |= {*case_files(job, outcome), folder / RECORDS / f"{job.case.name}.json"}
    keep.add(folder / RUN)
    for path in folder.rglob("*"):
        if path.is_file() and path not in keep:
            path.unlink()
    return done
