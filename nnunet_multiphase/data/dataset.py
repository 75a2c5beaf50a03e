"""Build an nnU-Net dataset from a raw cohort: check everything, convert every case, split, publish."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nnunet_multiphase import __version__
from nnunet_multiphase.data.case_folder import CaseFolder, CohortError, ignored_files, scan_cohort
from nnunet_multiphase.data.convert import CaseJob, CaseOutcome, check_job, convert_case, limit_threads
from nnunet_multiphase.data.destination import SPLITS, choose_destination, partial_folder, publish
from nnunet_multiphase.data.progress import progress_bar
from nnunet_multiphase.data.quality import PhaseQuality, write_quality
from nnunet_multiphase.data.split import Fold, choose_test_patients, make_folds
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

if TYPE_CHECKING:
    from registration import RegistrationSettings

MISSING = ("error", "skip", "fill")

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DatasetSummary:
    """What `build_dataset` made."""

    folder: Path
    channels: tuple[str, ...]
    train: tuple[str, ...]
    test: tuple[str, ...]
    folds: int
    skipped: tuple[str, ...]  # cases left out for a missing phase
    filled: dict[str, tuple[str, ...]]  # case -> phases
    failures: tuple[str, ...]  # one sentence a case
    warnings: tuple[str, ...]


def build_dataset(
    raw: Path,
    dataset_id: int,
    name: str,
    *,
    missing: str = "error",
    phases: Sequence[str] = PHASES,
    test_fraction: float = 0.2,
    folds: int = 5,
    seed: int = 0,
    jobs: int = 1,
    overwrite: bool = False,
    settings: RegistrationSettings | None = None,
    progress: bool = False,
) -> DatasetSummary:
    """Convert a cohort of case folders to $nnUNet_raw/Dataset<ID>_<name>.

    Args:
        raw: Folder with one folder per case (see docs/data.md).
        dataset_id: nnU-Net's number, 1 to 999.
        name: nnU-Net's name.
        missing: A case without one of `phases`: "error" refuses the cohort, "skip" leaves the case out, "fill" gives
            it a channel of -1024 HU and records that.
        phases: The channels, in this order; at least two.
        test_fraction: Share of the patients for imagesTs, 0 to below 1.
        folds: Cross-validation folds, at least 2.
        seed: Of the split and the registrations.
        jobs: Worker processes; the dataset does not depend on it.
        overwrite: Replace a dataset of the same number and name.
        settings: How to register; its seed is replaced by `seed`.
        progress: Show progress bars on stderr.

    Returns:
        What was made. Cases that failed in the making are listed in it and are not in the dataset.

    Raises:
        InputError: Anything wrong with the input, all of it at once; nothing has been written then.
    """
    from registration import RegistrationSettings

    channels = _check_options(missing, phases, test_fraction, folds, seed, jobs)
    destination = choose_destination(dataset_id, name, overwrite=overwrite)
    cases, problems = scan_cohort(Path(raw))
    complete, skipped, more_problems = _handle_missing(cases, channels, missing, Path(raw))
    problems += more_problems
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, cores // jobs)
    settings = settings or RegistrationSettings()
    settings = replace(settings, seed=seed, threads=min(settings.threads, threads))
    with _workers(jobs, threads) as run:
        checked = _in_order(run(check_job, complete), len(complete), "checking", progress)
        problems += [problem for found in checked for problem in found]
        if problems:
            raise CohortError(problems)
        if not complete:
            raise InputError(
                f"{raw}: every case lacks a phase of {', '.join(channels)}; use --missing fill or --phases"
            )
        test_patients = choose_test_patients(
            [case.patient for case in complete], test_fraction=test_fraction, seed=seed
        )
        with partial_folder(destination) as partial:
            for folder in ("imagesTr", "labelsTr", "imagesTs", "labelsTs", "registration/overview"):
                (partial / folder).mkdir(parents=True)
            made = [
                CaseJob(
                    case, "test" if case.patient in test_patients else "train", channels, partial, settings
                )
                for case in complete
            ]
            outcomes = _in_order(run(convert_case, made), len(made), "registering", progress)
            train = {
                outcome.case.name: outcome.case.patient for outcome in outcomes if outcome.split == "train"
            }
            failures = tuple(outcome.failure for outcome in outcomes if outcome.failure)
            if not train:
                raise CohortError([*failures, f"{raw}: no training case is left, so there is no dataset"])
            splits = make_folds(train, folds=folds, seed=seed)
            _write_records(partial, destination.name, channels, outcomes, skipped, splits, settings)
            publish(partial, destination)
    return DatasetSummary(
        folder=destination.raw,
        channels=channels,
        train=tuple(train),
        test=tuple(outcome.case.name for outcome in outcomes if outcome.split == "test"),
        folds=len(splits),
        skipped=tuple(case.name for case in skipped),
        filled={o.case.name: o.filled for o in outcomes if o.filled and not o.failure},
        failures=failures,
        warnings=_warnings(Path(raw), cases, channels, splits, folds, len(set(train.values())), outcomes),
    )


def _check_options(
    missing: str, phases: Sequence[str], test_fraction: float, folds: int, seed: int, jobs: int
) -> tuple[str, ...]:
    """Refuse options that make no sense; give the channels."""
    unknown = [phase for phase in phases if phase not in PHASES]
    if unknown:
        raise InputError(f"unknown phase {', '.join(unknown)}: the known ones are {', '.join(PHASES)}")
    if len(set(phases)) < 2 or len(set(phases)) != len(phases):
        raise InputError(f"expected at least two different phases, found {', '.join(phases) or 'none'}")
    if missing not in MISSING:
        raise InputError(
            f"unknown choice {missing!r} for missing phases: expected one of {', '.join(MISSING)}"
        )
    if not 0 <= test_fraction < 1:
        raise InputError(f"the test fraction is {test_fraction:g}: expected 0 to below 1")
    if folds < 2:
        raise InputError(f"the number of folds is {folds}: expected 2 or more")
    if seed < 0:
        raise InputError(f"the seed is {seed}: expected 0 or more")
    if jobs < 1:
        raise InputError(f"the number of jobs is {jobs}: expected 1 or more")
    return tuple(phases)


def _handle_missing(
    cases: Sequence[CaseFolder], channels: tuple[str, ...], missing: str, raw: Path
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
        if case.reference not in channels:
            problems.append(
                f"case {case.name}: {case.lesions} is drawn on {case.reference}, which is none of the chosen phases "
                f"{', '.join(channels)}; add {case.reference} to --phases or remove the case"
            )
            continue
        if absent and missing == "error":
            files = ", ".join(f"{phase}.nii.gz" for phase in absent)
            problems.append(
                f"case {case.name}: {case.path} lacks {files}; add the file(s), or pass --missing skip (leave the case out) "
                "or --missing fill (air in that channel)"
            )
        elif len(case.images) < 2:
            problems.append(
                f"case {case.name}: {case.path} has only the phase {case.reference}: expected at least two; "
                "add one or remove the case"
            )
        # Its files are checked all the same, so that one run shows everything.
        used.append(case)
    return used, skipped, problems


@contextmanager
def _workers(
    jobs: int, threads: int
) -> Iterator[Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[int, Any]]]]:
    """Give a function that runs another one over items and yields (position, result) as they are done."""
    if jobs == 1:
        yield lambda function, items: ((i, function(item)) for i, item in enumerate(items))
        return
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(
        max_workers=jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=limit_threads,
        initargs=(threads,),
    )

    def run(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        futures = {executor.submit(function, item): i for i, item in enumerate(items)}
        for future in as_completed(futures):
            yield futures[future], future.result()

    try:
        yield run
    except BaseException as error:
        # Nobody may go on writing while the partial folder is being removed.
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        executor.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise InputError(
                "a worker process was killed, most likely for lack of memory: use fewer --jobs"
            ) from error
        raise
    executor.shutdown(wait=True)


def _in_order(numbered: Iterable[tuple[int, Any]], total: int, what: str, progress: bool) -> list[Any]:
    """Collect results in the items' order behind a progress bar."""
    results = dict(progress_bar(numbered, total=total, what=what, show=progress))
    return [results[i] for i in range(total)]


def _write_records(
    folder: Path,
    name: str,
    channels: tuple[str, ...],
    outcomes: Sequence[CaseOutcome],
    skipped: Sequence[CaseFolder],
    splits: list[Fold],
    settings: RegistrationSettings,
) -> None:
    """Write dataset.json, splits_final.json and quality.csv."""
    from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json

    kept = [outcome for outcome in outcomes if not outcome.failure]
    generate_dataset_json(
        str(folder),
        # nnU-Net knows "CT" alone: any other name would silently get z-score normalisation.
        channel_names={str(channel): "CT" for channel in range(len(channels))},
        labels={"background": 0, "lesion": 1},
        num_training_cases=sum(outcome.split == "train" for outcome in kept),
        file_ending=".nii.gz",
        dataset_name=name,
        license="not stated",
        converted_by=f"nnunet-multiphase {__version__}",
        phases=list(channels),
        reference_phase={outcome.case.name: outcome.case.reference for outcome in kept},
        filled={outcome.case.name: list(outcome.filled) for outcome in kept if outcome.filled},
        # Training moves these phases more than the others.
        doubtful_registration=_doubtful(kept),
        # The threads change nothing but the time.
        registration={key: value for key, value in asdict(settings).items() if key != "threads"},
    )
    (folder / SPLITS).write_text(json.dumps(splits, indent=4) + "\n", encoding="utf-8")
    rows = [row for outcome in outcomes for row in outcome.rows]
    for case in skipped:
        for phase in channels:
            status = "present" if phase in case.images else "missing"
            warning = "" if phase in case.images else "case left out"
            rows.append(
                PhaseQuality(
                    case.name, case.patient, "skipped", case.reference, phase, status, warnings=warning
                )
            )
    write_quality(rows, folder / "quality.csv")


def _doubtful(outcomes: Sequence[CaseOutcome]) -> dict[str, list[str]]:
    """List, by case, the phases whose registration was not judged ok."""
    by_case = {o.case.name: [r.phase for r in o.rows if r.verdict not in ("", "ok")] for o in outcomes}
    return {case: phases for case, phases in by_case.items() if phases}


def _warnings(
    raw: Path,
    cases: Sequence[CaseFolder],
    channels: Sequence[str],
    splits: Sequence[Fold],
    folds: int,
    training_patients: int,
    outcomes: Sequence[CaseOutcome],
) -> tuple[str, ...]:
    """Collect what the user should know although the dataset was made."""
    warnings = []
    for phase in channels:
        if not any(phase in case.images for case in cases):
            rest = " ".join(channel for channel in channels if channel != phase)
            warnings.append(
                f"no case has {phase}: its channel is air everywhere; --phases {rest} leaves it out"
            )
    if training_patients < 2:
        warnings.append("only one patient to train on: validation cases are training cases")
    elif len(splits) < folds:
        warnings.append(
            f"only {training_patients} patients to train on: {len(splits)} folds instead of {folds}"
        )
    ignored = ignored_files(raw, cases)
    if ignored:
        shown = ", ".join(ignored[:3]) + (f" and {len(ignored) - 3} more" if len(ignored) > 3 else "")
        warnings.append(f"ignored {len(ignored)} file(s): {shown}")
    for outcome in outcomes:
        for row in outcome.rows:
            if row.warnings and row.status == "present" and not outcome.failure:
                warnings.append(f"case {row.case}, phase {row.phase}: {row.warnings}")
    return tuple(warnings)
