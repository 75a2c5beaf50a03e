"""Make all ready for the trainings: datasets, plans, preprocessed cases, truth, and the benchmark's own plan."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnunet_multiphase.alone import alone
from nnunet_multiphase.benchmark.contestants import (
    CONTESTANTS,
    REGISTERED,
    Contestant,
    choose_against,
    choose_contestants,
)
from nnunet_multiphase.benchmark.datasets import make_datasets, refuse_moved
from nnunet_multiphase.benchmark.layout import (
    LOCK,
    PLAN,
    TRUTH,
    Plan,
    finished_trainings,
    read_plan,
    truth_file,
    write_plan,
)
from nnunet_multiphase.benchmark.place import (
    FOLDERS,
    Place,
    fingerprint,
    folds_file,
    given_place,
    patients_of,
    reference_images,
    splits_of,
)
from nnunet_multiphase.benchmark.planning import plan_and_preprocess
from nnunet_multiphase.benchmark.raw_cases import RAW_CASES
from nnunet_multiphase.benchmark.settings import SETTINGS, BenchmarkSettings, claim_folder, fixed_settings
from nnunet_multiphase.benchmark.split import refuse_split_patients, refuse_wrong_folds
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.lesions import require_same_grid
from nnunet_multiphase.label_classes import classes_of_record
from nnunet_multiphase.split_record import NNUNETS_FOLDS, read_folds
from nnunet_multiphase.volumes.volume_file import read_grid, read_volume
from registration.volume_file import write_volume

NOTES = (SETTINGS, RAW_CASES)
"""What a folder was begun with."""
HEADER = "if the voxels fit, write the image's header into the label"


def choose(settings: BenchmarkSettings) -> tuple[Contestant, ...]:
    """Look up who is compared, and refuse what cannot be compared on this input.

    Raises:
        InputError: Of the contestants, the input, the folds or the seeds.
    """
    if (settings.dataset is None) == (settings.cohort is None):
        raise InputError(
            "expected either the folder of the raw cases or -d with a dataset that is there, and not both"
        )
    for name in ("folds", "seeds"):
        values = getattr(settings, name)
        if not values or min(values) < 0 or len(set(values)) < len(values):
            raise InputError(f"--{name} {' '.join(map(str, values))}: expected numbers from 0 on, each once")
    registration = None
    if settings.dataset is not None:
        registration = (given_place(settings.dataset).record.get("registration") or {}).get("model")
    chosen = choose_contestants(
        settings.contestants, from_raw=settings.cohort is not None, registration=registration
    )
    if settings.cohort is not None:
        refuse_moved(settings.cohort, [contestant.dataset for contestant in chosen])
    return chosen


def find_against(work: Path, typed: str | None, chosen: Sequence[Contestant]) -> str | None:
    """Look up the contestant to compare with, before hours of work: one that is asked for, or finished before.

    Raises:
        InputError: It is none of these.
    """
    before = (
        finished_trainings(work, read_plan(work)) if typed is not None and (work / PLAN).is_file() else ()
    )
    names = _together([contestant.name for contestant in chosen], [one.contestant for one in before])
    return choose_against(typed, names)


def refuse_missing_device(device: str) -> None:
    """Refuse to train where there is no such device; a cluster's head, which prepares, need not have one."""
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("no CUDA device is there; run on one, or with --device cpu")


def prepare(
    work: Path,
    settings: BenchmarkSettings,
    *,
    jobs: int = 1,
    dask_scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> Plan:
    """Make ready what is not ready, and write the plan.

    A folder that was begun may grow by contestants, folds and seeds: what is finished in it stays in the plan.

    Args:
        work: Receives everything but what `settings.dataset` has in nnU-Net's own folders.
        settings: What to compare.
        jobs: Processes for registering and preprocessing.
        dask_scheduler: Address of a Dask cluster to register on.
        say: Told what happens.

    Returns:
        The plan.

    Raises:
        InputError: Something cannot be made, or the folder was begun otherwise.
    """
    chosen = choose(settings)
    work = Path(work).absolute()
    if settings.cohort is None:
        _early_refusals(settings, given_place(settings.dataset or ""))
    ours = not work.exists()
    claim_folder(work, fixed_settings(settings))
    try:
        with alone(work / LOCK, f"{work} is being prepared by another process; wait for it, or stop it"):
            try:
                return _prepare(work, settings, chosen, jobs=jobs, dask_scheduler=dask_scheduler, say=say)
            except InputError:
                _withdraw(work)
                raise
    except InputError:
        if ours:
            with suppress(OSError):  # something was made in it
                work.rmdir()
        raise


def _withdraw(work: Path) -> None:
    """Give up a folder in which nothing was made, so that a corrected command may have it."""
    made = [path for path in work.iterdir() if path.name not in (*NOTES, LOCK, *FOLDERS)]
    made += [path for name in FOLDERS if (work / name).is_dir() for path in (work / name).iterdir()]
    if made:
        return
    for name in FOLDERS:
        with suppress(FileNotFoundError):
            (work / name).rmdir()
    for name in NOTES:
        (work / name).unlink(missing_ok=True)


def _prepare(
    work: Path,
    settings: BenchmarkSettings,
    chosen: Sequence[Contestant],
    *,
    jobs: int,
    dask_scheduler: str | None,
    say: Callable[[str], None],
) -> Plan:
    kinds = [contestant.dataset for contestant in chosen]
    places = make_datasets(
        work,
        kinds,
        dataset=settings.dataset,
        cohort=settings.cohort,
        jobs=jobs,
        dask_scheduler=dask_scheduler,
        say=say,
    )
    given = places[REGISTERED]
    _early_refusals(settings, given)
    plan = _plan_of(work, settings, chosen, places)
    if (work / PLAN).is_file():
        plan = _grown(work, read_plan(work), plan, splits_of(given))
    refuse_split_patients(plan)
    for contestant in chosen:
        plan_and_preprocess(
            places[contestant.dataset],
            contestant,
            settings.configuration,
            gpu_memory_gb=settings.gpu_memory_gb,
            jobs=jobs,
            logs=work / "logs",
            say=say,
        )
    _write_truth(work, given, {case for fold in plan.folds for case in plan.cases_of(fold)})
    write_plan(work, plan)
    return plan


def _early_refusals(settings: BenchmarkSettings, given: Place) -> None:
    """Refuse before hours of work: labels that are no lesion, folds that are not there or cannot be judged."""
    classes_of_record(given.record, given.raw / "dataset.json")
    file = folds_file(given)
    splits = read_folds(file) if file.is_file() else None
    count = NNUNETS_FOLDS if splits is None else len(splits)
    for fold in settings.folds:
        if fold >= count:
            raise InputError(f"--folds {fold}: expected folds from 0 to {count - 1} ({file})")
    if splits is not None:
        training, test = given.labels("Tr"), given.labels("Ts")
        patients = patients_of(given)
        refuse_wrong_folds(file, splits, settings.folds, training=training, test=test, patients=patients)


def _plan_of(
    work: Path,
    settings: BenchmarkSettings,
    chosen: Sequence[Contestant],
    places: Mapping[Any, Place],
) -> Plan:
    given = places[REGISTERED]
    splits = splits_of(given)
    tests = given.labels("Ts")
    patients, images = patients_of(given), reference_images(given)
    # A fold that nobody asks for may name what is not there.
    cases = ({case for fold in splits for case in fold["val"]} & set(patients)) | set(tests)
    return Plan(
        contestants=tuple(contestant.name for contestant in chosen),
        folds=settings.folds,
        seeds=settings.seeds,
        budget=str(settings.budget),
        iterations=settings.iterations,
        val_iterations=settings.val_iterations,
        configuration=settings.configuration,
        device=settings.device,
        mirroring=settings.mirroring,
        step_size=settings.step_size,
        dataset=given.dataset,
        fingerprint=fingerprint(given),
        validation_cases=tuple(tuple(splits[fold]["val"]) for fold in settings.folds),
        test_cases=tuple(tests),
        patients={case: patients[case] for case in sorted(cases)},
        images={case: _shown(images[case], work) for case in sorted(cases)},
        places={
            contestant.name: (
                place.dataset,
                _shown(place.nnunet_raw, work),
                _shown(place.nnunet_preprocessed, work),
            )
            for contestant in chosen
            for place in [places[contestant.dataset]]
        },
    )


def _grown(work: Path, before: Plan, now: Plan, splits: Sequence[Mapping[str, Sequence[str]]]) -> Plan:
    """Add to a new plan what is finished of the one before.

    Raises:
        InputError: The dataset is not what it was.
    """
    if before.fingerprint != now.fingerprint:
        raise InputError(
            f"the dataset {now.dataset} has changed since {work} was begun, so that its trainings cannot be compared; "
            "choose another output folder"
        )
    done = finished_trainings(work, before)
    # Those of before first: whom the others are compared with stays the same.
    contestants = _together([t.contestant for t in done], now.contestants)
    folds = tuple(sorted(_together(now.folds, [t.fold for t in done])))
    places = {**before.places, **now.places}
    return replace(
        now,
        contestants=contestants,
        folds=folds,
        seeds=tuple(sorted(_together(now.seeds, [t.seed for t in done]))),
        validation_cases=tuple(tuple(splits[fold]["val"]) for fold in folds),
        places={name: places[name] for name in contestants if name in CONTESTANTS},
    )


def _together(first: Iterable[Any], second: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*first, *second]))


def _shown(path: Path, work: Path) -> str:
    """Write a path relative to the benchmark's folder where it lies in it, so that the folder can be moved."""
    return str(path.relative_to(work) if path.is_relative_to(work) else path)


def _write_truth(work: Path, given: Place, cases: set[str]) -> None:
    """Write the labels of the cases that are predicted, and what their values mean.

    Raises:
        InputError: A label lies on another grid than its image, so that no prediction could be judged.
    """
    (work / TRUTH).mkdir(exist_ok=True)
    shutil.copyfile(given.raw / "dataset.json", work / TRUTH / "dataset.json")
    labels = {**given.labels("Tr"), **given.labels("Ts")}
    for case in sorted(cases):
        target = truth_file(work, case)
        if not target.is_file():
            truth, image = read_volume(labels[case], drawing=True), given.images(case)[0]
            # nnU-Net pairs voxels by their numbers and looks at no header; predictions come with the image's.
            require_same_grid(
                read_grid(image), truth, f"case {case}: {image} and its label {labels[case]}", remedy=HEADER
            )
            beside = target.with_name(f"unfinished_{target.name}")
            write_volume(truth, beside)
            beside.replace(target)
