"""Build an nnU-Net dataset from a raw cohort: check everything, convert every case, split, publish."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunet_multiphase import __version__
from nnunet_multiphase.alignment.quality import PhaseQuality, is_doubtful, misplacement_mm, write_quality
from nnunet_multiphase.cases.case_folder import CaseFolder, CohortError
from nnunet_multiphase.cases.check import CaseReport, check_case, find_copies
from nnunet_multiphase.cases.inputs import Found, Inputs, find_cases
from nnunet_multiphase.code_digest import code_digest
from nnunet_multiphase.dataset.convert import CaseJob, CaseOutcome, case_files
from nnunet_multiphase.dataset.destination import (
    RECORDS,
    SPLITS,
    choose_destination,
    claimed_partial_folder,
    name_destination,
    publish,
    remove_records,
    settle,
)
from nnunet_multiphase.dataset.finished import clear_unfinished, convert_once, fingerprint, started_run
from nnunet_multiphase.dataset.progress import progress_bar, say_beside_bar
from nnunet_multiphase.dataset.split import Fold, choose_test_patients, make_folds
from nnunet_multiphase.dataset.target_classes import LESIONS, TargetClasses
from nnunet_multiphase.dataset.workers import Run, dask_workers, local_workers
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import ON_FAILURE, PHASES
from nnunet_multiphase.volumes.orientation import AXES
from nnunet_multiphase.whole_file import naming

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.align import FindTransform
    from registration import RegistrationSettings

MISSING = ("error", "skip", "fill")

CASE_FOLDERS = Inputs()


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


@dataclass(frozen=True)
class DatasetPlan:
    """What `build_dataset` would do, and all that speaks against it; nothing has been written."""

    channels: tuple[str, ...]
    found: Found
    cases: tuple[CaseFolder, ...]  # to convert
    skipped: tuple[CaseFolder, ...]  # left out for a missing phase
    without_mask: tuple[CaseFolder, ...]  # left out for want of a lesion mask
    reports: tuple[CaseReport, ...]  # of `cases`
    problems: tuple[str, ...]
    test_patients: frozenset[str]

    def split(self, case: CaseFolder) -> str:
        """Name the split of a case."""
        return "test" if case.patient in self.test_patients else "train"


def plan_dataset(
    raw: Path,
    run: Run,
    *,
    inputs: Inputs = CASE_FOLDERS,
    missing: str = "error",
    phases: Sequence[str] | None = None,
    targets: TargetClasses = LESIONS,
    test_fraction: float = 0.2,
    seed: int = 0,
    accept: Collection[str] = (),
    progress: bool = False,
) -> DatasetPlan:
    """Find and check all cases of a cohort, and split them; arguments as in `build_dataset`."""
    channels = tuple(phases or inputs.phases)
    found = find_cases(Path(raw), inputs)
    without_mask = tuple(case for case in found.cases if not case.has_lesion_mask)
    drawn = [case for case in found.cases if case.has_lesion_mask]
    complete, skipped, more_problems = _handle_missing(drawn, channels, missing)
    problems = [*found.problems, *more_problems]
    if targets.liver:
        problems += [_no_liver(case) for case in complete if case.liver is None]
    reports = _in_order(
        run(partial(check_case, accept=accept), complete), len(complete), "checking", progress
    )
    problems += [problem for report in reports for problem in report.problems]
    problems += find_copies(reports)
    if not problems and not complete:
        problems.append(
            f"{raw}: every case lacks a phase of {', '.join(channels)}; use --missing fill or --phases"
            if drawn
            else f"{raw}: no case has a lesion mask, so there is nothing to train on; draw them"
        )
    if not problems and not any(report.lesion_voxels for report in reports):
        problems.append(
            f"{raw}: no mask of the {len(reports)} cases holds a lesion: expected some to learn from; see whether "
            "--lesion-labels names the labels in the files"
        )
    test_patients = choose_test_patients(
        [case.patient for case in complete], test_fraction=test_fraction, seed=seed
    )
    return DatasetPlan(
        channels,
        found,
        tuple(complete),
        tuple(skipped),
        without_mask,
        tuple(reports),
        tuple(problems),
        frozenset(test_patients),
    )


def build_dataset(
    raw: Path,
    dataset_id: int,
    name: str,
    *,
    inputs: Inputs = CASE_FOLDERS,
    missing: str = "error",
    on_failure: str = "check",
    phases: Sequence[str] | None = None,
    targets: TargetClasses = LESIONS,
    test_fraction: float = 0.2,
    folds: int = 5,
    seed: int = 0,
    jobs: int = 1,
    dask_scheduler: str | None = None,
    overwrite: bool = False,
    settings: RegistrationSettings | None = None,
    accept: Collection[str] = (),
    progress: bool = False,
    find: FindTransform | None = None,
    finish: Callable[[Path], object] = lambda folder: None,
) -> DatasetSummary:
    """Convert a cohort to $nnUNet_raw/Dataset<ID>_<name>.

    A run that is stopped (signal, full disk, power cut) leaves its finished cases in a hidden folder, and the next one
    goes on from there: inputs and settings of a case decide whether it has to be done again.

    Args:
        raw: Folder of the cohort (see docs/data.md).
        dataset_id: nnU-Net's number, 1 to 999.
        name: nnU-Net's name.
        inputs: In what form the cohort comes.
        missing: A case without one of `phases`: "error" refuses the cohort, "skip" leaves the case out, "fill" gives
            it a channel of -1024 HU and records that.
        on_failure: What to do with a phase whose registration failed: one of `phases.ON_FAILURE`.
        phases: The channels, in this order, at least two; None: all that the form of the inputs has.
        targets: What the labels are: lesions, or liver and lesions; the liver needs a mask on every reference.
        test_fraction: Share of the patients for imagesTs, 0 to below 1.
        folds: Cross-validation folds, at least 2.
        seed: Of the split and the registrations.
        jobs: Worker processes; the dataset does not depend on it.
        dask_scheduler: Address of a Dask cluster to work on instead.
        overwrite: Replace a dataset of the same number and name.
        settings: How to register; its seed is replaced by `seed`.
        accept: Names of the checks of plausibility (`check_names.CHECKS`) that are overruled; what they find is recorded.
        progress: Show progress bars on stderr, and failures as they happen.
        find: Another registration than ours, to compare with: a module's function, as workers import it by its name.
        finish: Given the folder of the complete dataset before that comes to its place, to add to it.

    Returns:
        What was made. Cases that failed in the making are listed in it and are not in the dataset.

    Raises:
        InputError: Anything wrong with the input, all of it at once; nothing has been written then.
    """
    from registration import RegistrationSettings

    check_options(inputs, missing, on_failure, phases, test_fraction, folds, seed, jobs)
    raw = Path(os.path.abspath(raw))  # workers elsewhere have another current folder
    settle(name_destination(dataset_id, name))
    destination = choose_destination(dataset_id, name, overwrite=overwrite)
    threads = threads_of_a_worker(jobs)
    settings = settings or RegistrationSettings()
    settings = replace(settings, seed=seed, threads=min(settings.threads, threads))
    with dask_workers(dask_scheduler) if dask_scheduler else local_workers(jobs, threads) as run:
        plan = plan_dataset(
            raw,
            run,
            inputs=inputs,
            missing=missing,
            phases=phases,
            targets=targets,
            test_fraction=test_fraction,
            seed=seed,
            accept=accept,
            progress=progress,
        )
        if plan.problems:
            raise CohortError(plan.problems)
        with claimed_partial_folder(destination) as partial:
            for folder in ("imagesTr", "labelsTr", "imagesTs", "labelsTs", "registration/overview", RECORDS):
                (partial / folder).mkdir(parents=True, exist_ok=True)
            made = [
                CaseJob(
                    case,
                    plan.split(case),
                    plan.channels,
                    partial,
                    settings,
                    on_failure,
                    inputs.registered,
                    targets=targets,
                    find=find,
                )
                for case in plan.cases
            ]
            with started_run(partial) as token:
                made = [
                    replace(
                        job, mark=fingerprint(job, report), run=token, code=code_digest(), seen=report.parts
                    )
                    for job, report in zip(made, plan.reports, strict=True)
                ]
                clear_unfinished(partial, made)
                outcomes = _in_order(run(convert_once, made), len(made), "registering", progress)
            lost = [
                path
                for job, o in zip(made, outcomes, strict=True)
                if not o.failure
                for path in case_files(job, o)
            ]
            lost = [path for path in lost if not path.is_file()]
            if lost:
                raise OSError(f"{lost[0]} is gone although it was written")
            train = {o.case.name: o.case.patient for o in outcomes if o.split == "train"}
            failures = tuple(outcome.failure for outcome in outcomes if outcome.failure)
            if not train:
                shutil.rmtree(partial)
                raise CohortError([*failures, f"{raw}: no training case is left, so there is no dataset"])
            splits = make_folds(train, folds=folds, seed=seed)
            _write_records(partial, destination.name, plan, outcomes, splits, settings, targets, find)
            finish(partial)
            publish(destination)
            # Not before: what fails up to here is gone on with.
            remove_records(destination)
    warnings = [warning for report in plan.reports for warning in report.warnings]
    warnings += _warnings(plan, splits, folds, len(set(train.values())), outcomes)
    return DatasetSummary(
        folder=destination.raw,
        channels=plan.channels,
        train=tuple(train),
        test=tuple(outcome.case.name for outcome in outcomes if outcome.split == "test"),
        folds=len(splits),
        skipped=tuple(case.name for case in plan.skipped),
        without_mask=tuple(case.name for case in plan.without_mask),
        filled={o.case.name: o.filled for o in outcomes if o.filled and not o.failure},
        failures=failures,
        failed_verdicts=tuple(
            f"{row.case} {row.phase}" for o in outcomes for row in o.rows if row.verdict == "failed"
        ),
        warnings=tuple(warnings),
    )


def threads_of_a_worker(jobs: int) -> int:
    """Share the machine's cores out."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // jobs)


def check_options(
    inputs: Inputs,
    missing: str,
    on_failure: str,
    phases: Sequence[str] | None,
    test_fraction: float,
    folds: int,
    seed: int,
    jobs: int,
) -> None:
    """Refuse options that make no sense."""
    phases = inputs.phases if phases is None else phases
    least = min(2, len(inputs.phases))  # a set of one phase can be nothing else
    unknown = [phase for phase in phases if phase not in PHASES]
    if unknown:
        raise InputError(f"unknown phase {', '.join(unknown)}: the known ones are {', '.join(PHASES)}")
    if len(set(phases)) < least or len(set(phases)) != len(phases):
        raise InputError(f"expected at least two different phases, found {', '.join(phases) or 'none'}")
    if missing not in MISSING:
        raise InputError(
            f"unknown choice {missing!r} for missing phases: expected one of {', '.join(MISSING)}"
        )
    if on_failure not in ON_FAILURE:
        raise InputError(
            f"unknown choice {on_failure!r} for failed registrations: expected one of {', '.join(ON_FAILURE)}"
        )
    if not 0 <= test_fraction < 1:
        raise InputError(f"the test fraction is {test_fraction:g}: expected 0 to below 1")
    if folds < 2:
        raise InputError(f"the number of folds is {folds}: expected 2 or more")
    if seed < 0:
        raise InputError(f"the seed is {seed}: expected 0 or more")
    if jobs < 1:
        raise InputError(f"the number of jobs is {jobs}: expected 1 or more")


def _handle_missing(
    cases: Sequence[CaseFolder], channels: tuple[str, ...], missing: str
) -> tuple[list[CaseFolder], list[CaseFolder], list[str]]:
    """Sort the cases into those to convert and those to leave out, and say what forbids both."""
    used: list[CaseFolder] = []
    skipped: list[CaseFolder] = []
    problems: list[str] = []
    for case in cases:
        case = replace(case, images={phase: case.images[phase] for phase in channels if phase in case.images})
        absent = [phase for phase in channels if phase not in case.images]
        if absent and missing == "skip":
            skipped.append(case)
            continue
        unchosen = [phase for phase in (case.reference, *case.moving_lesions) if phase not in channels]
        if unchosen:
            why = "the reference" if unchosen[0] == case.reference else "what lesions are drawn on"
            problems.append(
                f"case {case.name}: {unchosen[0]} is {why}, and none of the chosen phases {', '.join(channels)}; "
                f"add {unchosen[0]} to --phases or remove the case"
            )
            continue
        if absent and missing == "error":
            own_folder = all(path.parent == case.path for path in case.images.values())
            files = ", ".join(f"{phase}.nii.gz" if own_folder else phase for phase in absent)
            problems.append(
                f"case {case.name}: {case.path} lacks {files}; add the file(s), or pass --missing skip (leave the case out) "
                "or --missing fill (air in that channel)"
            )
        elif len(case.images) < min(2, len(channels)):
            problems.append(
                f"case {case.name}: {case.path} has only the phase {case.reference}: expected at least two; "
                "add one or remove the case"
            )
        # Its files are checked all the same, so that one run shows everything.
        used.append(case)
    return used, skipped, problems


def _no_liver(case: CaseFolder) -> str:
    """Say that a case has no liver mask where the liver is to be found."""
    own_folder = all(path.parent == case.path for path in case.images.values())
    found = f"found {case.unused_liver} on another phase" if case.unused_liver is not None else "found none"
    wanted = f"liver_{case.reference}.nii.gz" if own_folder else f"a liver mask on {case.reference}"
    return (
        f"case {case.name}: --labels liver lesion needs {wanted}, the reference, {found}; draw it, say which labels of the "
        "masks are liver with --liver-labels, or remove the case"
    )


def _in_order(numbered: Iterable[tuple[int, Any]], total: int, what: str, progress: bool) -> list[Any]:
    """Collect results in the items' order behind a progress bar."""
    results: dict[int, Any] = {}
    for i, result in progress_bar(numbered, total=total, what=what, show=progress):
        results[i] = result
        if progress and isinstance(result, CaseOutcome) and result.failure:
            say_beside_bar(f"failed: {result.failure}")
    return [results[i] for i in range(total)]


def _write_records(
    folder: Path,
    name: str,
    plan: DatasetPlan,
    outcomes: Sequence[CaseOutcome],
    splits: list[Fold],
    settings: RegistrationSettings,
    targets: TargetClasses,
    find: FindTransform | None,
) -> None:
    """Write dataset.json, splits_final.json and quality.csv."""
    from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json

    channels = plan.channels
    kept = [outcome for outcome in outcomes if not outcome.failure]
    with naming(folder / "dataset.json"):
        generate_dataset_json(
            str(folder),
            # nnU-Net knows "CT" alone: any other name would silently get z-score normalisation.
            channel_names={str(channel): "CT" for channel in range(len(channels))},
            **targets.record(),
            num_training_cases=sum(outcome.split == "train" for outcome in kept),
            file_ending=".nii.gz",
            dataset_name=name,
            license="not stated",
            converted_by=f"nnunet-multiphase {__version__}",
            phases=list(channels),
            axes=AXES,
            reference_phase={outcome.case.name: outcome.case.reference for outcome in kept},
            filled={outcome.case.name: list(outcome.filled) for outcome in kept if outcome.filled},
            accepted={r.case: list(r.accepted) for r in plan.reports if r.accepted},
            # Training moves these phases more than the others.
            doubtful_registration=_doubtful(kept),
            # ... and each by what its own registration may have left.
            registration_error_mm=_errors_mm(kept),
            # The threads change nothing but the time.
            registration={"method": find.__name__}
            if find is not None
            else {key: value for key, value in asdict(settings).items() if key != "threads"},
        )
    with naming(folder / SPLITS):
        (folder / SPLITS).write_text(json.dumps(splits, indent=4) + "\n", encoding="utf-8")
    rows = [row for outcome in outcomes for row in outcome.rows]
    for case in (*plan.skipped, *plan.without_mask):
        for phase in channels:
            status = "present" if phase in case.images else "missing"
            warning = (
                "no lesion mask: case left out"
                if not case.has_lesion_mask
                else "case left out"
                if status == "missing"
                else ""
            )
            rows.append(
                PhaseQuality(
                    case.name, case.patient, "skipped", case.reference, phase, status, warnings=warning
                )
            )
    write_quality(rows, folder / "quality.csv")


def _doubtful(outcomes: Sequence[CaseOutcome]) -> dict[str, list[str]]:
    """List, by case, the phases whose registration was not judged ok."""
    by_case = {o.case.name: [row.phase for row in o.rows if is_doubtful(row)] for o in outcomes}
    return {case: phases for case, phases in by_case.items() if phases}


def _errors_mm(outcomes: Sequence[CaseOutcome]) -> dict[str, dict[str, float]]:
    """Give, by case and phase, how far the phase may lie from its place; phases of which that is not known are left out."""
    by_case = {
        o.case.name: {row.phase: round(mm, 2) for row in o.rows if (mm := misplacement_mm(row)) is not None}
        for o in outcomes
    }
    return {case: phases for case, phases in by_case.items() if phases}


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
        shown = ", ".join(ignored[:3]) + (f" and {len(ignored) - 3} more" if len(ignored) > 3 else "")
        warnings.append(f"ignored {len(ignored)} file(s): {shown}")
    for outcome in outcomes:
        for row in outcome.rows:
            if row.warnings and row.status == "present" and not outcome.failure:
                warnings.append(f"case {row.case}, phase {row.phase}: {row.warnings}")
    return tuple(warnings)
