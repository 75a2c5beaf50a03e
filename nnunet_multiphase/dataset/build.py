"""Build an nnU-Net dataset from a raw cohort: check everything, convert every case, split, publish."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnunet_multiphase.alignment.named_registration import finder
from nnunet_multiphase.code_digest import code_digest
from nnunet_multiphase.dataset.convert import CaseJob, CaseOutcome, case_files
from nnunet_multiphase.dataset.destination import (
    RECORDS,
    choose_destination,
    claimed_partial_folder,
    name_destination,
    publish,
    refuse_entangled,
    remove_records,
    settle,
)
from nnunet_multiphase.dataset.earlier_models import told_of_earlier_models
from nnunet_multiphase.dataset.finished import clear_unfinished, convert_once, fingerprint, started_run
from nnunet_multiphase.dataset.options import DatasetOptions
from nnunet_multiphase.dataset.plan import DatasetPlan, plan_dataset
from nnunet_multiphase.dataset.progress import in_order
from nnunet_multiphase.dataset.records import write_records
from nnunet_multiphase.dataset.split import make_folds
from nnunet_multiphase.dataset.workers import Run, dask_workers, local_workers
from nnunet_multiphase.errors import CohortError, InputError, first_of
from nnunet_multiphase.split_record import Fold

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.named_registration import FindTransform
    from registration import RegistrationSettings


@dataclass(frozen=True)
class DatasetSummary:
    """What `build_dataset` made."""

    folder: Path
    channels: tuple[str, ...]
    train: tuple[str, ...]
    test: tuple[str, ...]
    folds: int
    skipped: tuple[str, ...]  # cases left out for a missing phase
    without_mask: tuple[str, ...]  # cases left out for want of a lesion mask
    filled: dict[str, tuple[str, ...]]  # case -> phases
    failures: tuple[str, ...]  # one sentence a case
    failed_verdicts: tuple[str, ...]  # "case phase": registered all the same, and judged failed
    warnings: tuple[str, ...]


def build_dataset(
    raw: Path,
    dataset_id: int,
    name: str,
    options: DatasetOptions | None = None,
    *,
    jobs: int = 1,
    dask_scheduler: str | None = None,
    overwrite: bool = False,
    settings: RegistrationSettings | None = None,
    progress: bool = False,
    find: FindTransform | str | None = None,
    finish: Callable[[Path], object] = lambda folder: None,
) -> DatasetSummary:
    """Convert a cohort to $nnUNet_raw/Dataset<ID>_<name>.

    A run that is stopped (signal, full disk, power cut) leaves its finished cases in a hidden folder, and the next one
    goes on from there: inputs and settings of a case decide whether it has to be done again.

    Args:
        raw: Folder of the cohort (see docs/data.md).
        dataset_id: nnU-Net's number, 1 to 999.
        name: nnU-Net's name.
        options: What the dataset is to be; None: as `DatasetOptions` has it.
        jobs: Worker processes; the dataset does not depend on it.
        dask_scheduler: Address of a Dask cluster to work on instead.
        overwrite: Replace a dataset of the same number and name.
        settings: How to register; its seed is replaced by the options'.
        progress: Show progress bars on stderr, and failures as they happen.
        find: Another registration than ours: a module's function, as workers import it by its name, or the name of one that
            another distribution adds (docs/extending.md).
        finish: Given the folder of the complete dataset before that comes to its place, to add to it.

    Returns:
        What was made. Cases that failed in the making are listed in it and are not in the dataset.

    Raises:
        InputError: Anything wrong with the input, all of it at once; nothing has been written then.
    """
    from registration import RegistrationSettings

    options = options or DatasetOptions()
    check_jobs(jobs)
    if find is not None:
        finder(find)  # an unknown name is refused before hours of work
    raw = Path(os.path.abspath(raw))  # workers elsewhere have another current folder
    settle(name_destination(dataset_id, name))
    destination = choose_destination(dataset_id, name, overwrite=overwrite)
    refuse_entangled(raw, destination, case_folders=options.inputs.case_folders)
    threads = threads_of_a_worker(jobs)
    settings = settings or RegistrationSettings()
    settings = replace(settings, seed=options.seed, threads=min(settings.threads, threads))
    with dask_workers(dask_scheduler) if dask_scheduler else local_workers(jobs, threads) as run:
        plan = plan_dataset(raw, run, options, progress=progress)
        if plan.problems:
            raise CohortError(plan.problems)
        with claimed_partial_folder(destination) as partial:
            for folder in ("imagesTr", "labelsTr", "imagesTs", "labelsTs", "registration/overview", RECORDS):
                (partial / folder).mkdir(parents=True, exist_ok=True)
            jobs_of_cases = _jobs(plan, partial, options, settings, find)
            outcomes = _convert(jobs_of_cases, plan, partial, run, progress=progress)
            train = {o.case.name: o.case.patient for o in outcomes if o.split == "train"}
            if not train:
                shutil.rmtree(partial)
                failures = [outcome.failure for outcome in outcomes if outcome.failure]
                raise CohortError([*failures, f"{raw}: no training case is left, so there is no dataset"])
            splits = make_folds(train, folds=options.folds, seed=options.seed)
            write_records(partial, destination.name, plan, outcomes, splits, settings, options.targets, find)
            finish(partial)
            # Before the earlier edition goes, which knows what its models were trained on.
            models = told_of_earlier_models(destination, plan, options.targets)
            publish(destination)
            # Not before: what fails up to here is gone on with.
            remove_records(destination)
    summary = _summary(destination.raw, plan, splits, options.folds, outcomes)
    return replace(summary, warnings=(*summary.warnings, *models))


def check_jobs(jobs: int) -> None:
    """Refuse a number of worker processes that makes no sense."""
    if jobs < 1:
        raise InputError(f"the number of jobs is {jobs}: expected 1 or more")


def threads_of_a_worker(jobs: int) -> int:
    """Share the machine's cores out."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // jobs)


def _jobs(
    plan: DatasetPlan,
    folder: Path,
    options: DatasetOptions,
    settings: RegistrationSettings,
    find: FindTransform | str | None,
) -> list[CaseJob]:
    """List what is to be done for each case."""
    return [
        CaseJob(
            case,
            plan.split(case),
            plan.channels,
            folder,
            settings,
            options.on_failure,
            options.inputs.registered,
            targets=options.targets,
            find=find,
        )
        for case in plan.cases
    ]


def _convert(
    jobs: Sequence[CaseJob], plan: DatasetPlan, folder: Path, run: Run, *, progress: bool
) -> list[CaseOutcome]:
    """Convert the cases that an earlier run has not, and see that the files of all are there."""
    with started_run(folder) as token:
        made = [
            replace(job, mark=fingerprint(job, report), run=token, code=code_digest(), seen=report.parts)
            for job, report in zip(jobs, plan.reports, strict=True)
        ]
        clear_unfinished(folder, made)
        outcomes = in_order(
            run(convert_once, made),
            len(made),
            "registering",
            show=progress,
            told=lambda outcome: f"failed: {outcome.failure}" if outcome.failure else "",
        )
    written = (
        path
        for job, outcome in zip(made, outcomes, strict=True)
        if not outcome.failure
        for path in case_files(job, outcome)
    )
    for path in written:
        if not path.is_file():
            raise OSError(f"{path} is gone although it was written")
    return outcomes


def _summary(
    folder: Path, plan: DatasetPlan, splits: Sequence[Fold], folds: int, outcomes: Sequence[CaseOutcome]
) -> DatasetSummary:
    patients = {o.case.patient for o in outcomes if o.split == "train"}
    warnings = [warning for report in plan.reports for warning in report.warnings]
    return DatasetSummary(
        folder=folder,
        channels=plan.channels,
        train=tuple(o.case.name for o in outcomes if o.split == "train"),
        test=tuple(o.case.name for o in outcomes if o.split == "test"),
        folds=len(splits),
        skipped=tuple(case.name for case in plan.skipped),
        without_mask=tuple(case.name for case in plan.without_mask),
        filled={o.case.name: o.filled for o in outcomes if o.filled and not o.failure},
        failures=tuple(o.failure for o in outcomes if o.failure),
        failed_verdicts=tuple(
            f"{row.case} {row.phase}" for o in outcomes for row in o.rows if row.verdict == "failed"
        ),
        warnings=(*warnings, *_warnings(plan, splits, folds, len(patients), outcomes)),
    )


def _warnings(
    plan: DatasetPlan,
    splits: Sequence[Fold],
    folds: int,
    training_patients: int,
    outcomes: Sequence[CaseOutcome],
) -> tuple[str, ...]:
    """Collect what the user should know although the dataset was made."""
    warnings = []
    for phase in plan.channels:
        if not any(phase in case.images for case in plan.found.cases):
            rest = " ".join(channel for channel in plan.channels if channel != phase)
            warnings.append(
                f"no case has {phase}: its channel is air everywhere; --phases {rest} leaves it out"
            )
    if training_patients < 2:
        warnings.append("only one patient to train on: validation cases are training cases")
    elif len(splits) < folds:
        warnings.append(
            f"only {training_patients} patients to train on: {len(splits)} folds instead of {folds}"
        )
    warnings += plan.found.notes
    ignored = plan.found.ignored
    if ignored:
        warnings.append(f"ignored {len(ignored)} file(s): {first_of(ignored, 3)}")
    for outcome in outcomes:
        for row in outcome.rows:
            if row.warnings and row.status == "present" and not outcome.failure:
                warnings.append(f"case {row.case}, phase {row.phase}: {row.warnings}")
    return tuple(warnings)
