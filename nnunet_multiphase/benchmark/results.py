"""Judge a benchmark's saved predictions: score them, and compare the contestants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnunet_multiphase.benchmark.contestants import choose_against
from nnunet_multiphase.benchmark.layout import (
    PLAN,
    TRUTH,
    Cost,
    Plan,
    Training,
    all_trainings,
    finished_trainings,
    prediction_file,
    read_cost,
    read_plan,
    truth_file,
)
from nnunet_multiphase.benchmark.split import refuse_split_patients
from nnunet_multiphase.benchmark.truths_grid import on_truths_grid
from nnunet_multiphase.dataset.workers import Run
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_pairs
from nnunet_multiphase.evaluation.label_choice import BothClasses
from nnunet_multiphase.evaluation.measures import Comparison, compare_contestants
from nnunet_multiphase.evaluation.scores import Scores
from nnunet_multiphase.json_file import load_object
from nnunet_multiphase.label_classes import LabelClasses, classes_of_record

VALIDATION, TEST = "validation", "test"
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Part:
    """Hold how the contestants do on validation cases, or on test cases.

    Attributes:
        name: "validation": each case by the network that did not train on it; "test": each case by every network.
        cases: In the order of the tables.
        comparison: Of the contestants.
        scores: Contestant -> its trainings' scores of these cases.
    """

    name: str
    cases: tuple[str, ...]
    comparison: Comparison
    scores: dict[str, dict[Training, Scores]]


@dataclass(frozen=True)
class Results:
    """Hold all that a benchmark found.

    Attributes:
        plan: What was compared.
        contestants: Those that are finished, in the plan's order.
        seeds: Those that all of them are finished with.
        unfinished: Trainings of the plan that are not in.
        against: The contestant that the others are compared with.
        parts: By name; only those that have cases.
        costs: Contestant -> cost of each of its trainings.
        classes: What the truth's labels mean.
    """

    plan: Plan
    contestants: tuple[str, ...]
    seeds: tuple[int, ...]
    unfinished: tuple[Training, ...]
    against: str
    parts: dict[str, Part]
    costs: dict[str, dict[Training, Cost]]
    classes: LabelClasses


def evaluate_benchmark(
    work: Path | str,
    *,
    part: Plan | None = None,
    against: str | None = None,
    run: Run | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Results:
    """Score a benchmark's saved predictions and compare its contestants.

    Args:
        work: The benchmark's folder (see `layout`).
        part: What of its plan is looked at (`part.part_of`); None: all.
        against: The contestant that the others are compared with; None: the plan's first, or the first that is finished.
        run: Where predictions are scored, training by training (`dataset/workers`); None: here, one after the other.
        say: Told what happens.

    Returns:
        The same for the same files, to the last digit.

    Raises:
        InputError: Nothing is finished, `against` is not, or a prediction or a truth is missing or on other voxels.
    """
    work = Path(work)
    plan = part or read_plan(work)
    contestants, seeds = _finished(work, plan)
    against = choose_against(against, contestants, f"finished contestants of {work / PLAN}")
    refuse_split_patients(plan)
    classes = _classes(work)
    trainings = {
        name: [Training(name, seed, fold) for seed in seeds for fold in plan.folds] for name in contestants
    }
    wanted = [one for of_contestant in trainings.values() for one in of_contestant]
    for one in wanted:
        _refuse_missing(work, plan, one)
    say(f"scoring the predictions of {len(wanted)} trainings")
    scoring = partial(_score, work, plan, classes)
    done = dict(run(scoring, wanted)) if run is not None else dict(enumerate(map(scoring, wanted)))
    scored: dict[str, dict[Training, Scores]] = {name: {} for name in contestants}
    for i, one in enumerate(wanted):
        scored[one.contestant][one] = done[i]
    against = against or contestants[0]
    parts = {}
    if any(plan.validation_cases):
        parts[VALIDATION] = _validation(plan, seeds, scored, against)
    if plan.test_cases:
        parts[TEST] = _test(plan, scored, against)
    if not parts:
        raise InputError(f"{work / PLAN} names no validation or test case; there is nothing to score")
    costs = {name: {one: read_cost(work, one) for one in trainings[name]} for name in contestants}
    missing = tuple(one for one in all_trainings(plan) if one not in wanted)
    return Results(plan, contestants, seeds, missing, against, parts, costs, classes)


def _finished(work: Path, plan: Plan) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Find the contestants that have finished a seed on every fold, and the seeds that all of those have."""
    done = set(finished_trainings(work, plan))
    whole = {
        name: {s for s in plan.seeds if all(Training(name, s, f) in done for f in plan.folds)}
        for name in plan.contestants
    }
    contestants = tuple(name for name in plan.contestants if whole[name])
    if not contestants:
        raise InputError(
            f"{work}: no contestant is finished with all folds of a seed ({len(done)} trainings are); let "
            "`nnunet-multiphase benchmark` go on in it first"
        )
    seeds = tuple(s for s in plan.seeds if all(s in whole[name] for name in contestants))
    if not seeds:
        raise InputError(f"{work}: {', '.join(contestants)} are finished, but with no seed in common")
    return contestants, seeds


def _classes(work: Path) -> LabelClasses:
    record = work / TRUTH / "dataset.json"
    try:
        return classes_of_record(load_object(record, "restore it"), record)
    except FileNotFoundError as error:
        raise InputError(f"{record} is missing: it says which labels are lesion; restore it") from error


def _refuse_missing(work: Path, plan: Plan, training: Training) -> None:
    for case in plan.cases_of(training.fold):
        for file, what in (
            (prediction_file(work, training, case), f"what {training} should have predicted"),
            (truth_file(work, case), "its truth"),
        ):
            if not file.is_file():
                raise InputError(f"case {case}: {file} is missing, {what}; run the benchmark again")


def _score(work: Path, plan: Plan, classes: LabelClasses, training: Training) -> Scores:
    pairs = {
        case: (prediction_file(work, training, case), truth_file(work, case))
        for case in plan.cases_of(training.fold)
    }
    said_by = str(work / TRUTH / "dataset.json")
    try:
        place = partial(on_truths_grid, work, plan, training)
        return evaluate_pairs(pairs, classes=BothClasses(classes, classes, said_by), place=place)
    except InputError as error:
        raise InputError(f"{training}: {error}") from error


def _validation(
    plan: Plan, seeds: Sequence[int], scored: Mapping[str, Mapping[Training, Scores]], against: str
) -> Part:
    """Put the folds' validation cases together: each was predicted once with each seed."""
    folds = {c: fold for fold, of in zip(plan.folds, plan.validation_cases, strict=True) for c in of}
    kept = {
        name: {
            one: _only(scores, plan.validation_cases[plan.folds.index(one.fold)])
            for one, scores in of.items()
        }
        for name, of in scored.items()
    }
    by_seed = {
        name: [_joined([kept[name][Training(name, s, f)] for f in plan.folds]) for s in seeds]
        for name in scored
    }
    comparison = compare_contestants(
        by_seed, folds, against=against, seed=BOOTSTRAP_SEED, patients=plan.patients
    )
    return Part(VALIDATION, tuple(sorted(folds)), comparison, kept)


def _test(plan: Plan, scored: Mapping[str, Mapping[Training, Scores]], against: str) -> Part:
    """Take the test cases: each was predicted by every fold's training with every seed."""
    kept = {
        name: {one: _only(scores, plan.test_cases) for one, scores in of.items()}
        for name, of in scored.items()
    }
    comparison = compare_contestants(
        {name: list(of.values()) for name, of in kept.items()},
        dict.fromkeys(plan.test_cases, 0),
        against=against,
        seed=BOOTSTRAP_SEED,
        patients=plan.patients,
    )
    return Part(TEST, tuple(sorted(plan.test_cases)), comparison, kept)


def _only(scores: Scores, cases: Sequence[str]) -> Scores:
    wanted = set(cases)
    return Scores(
        [case for case in scores.cases if case.case in wanted],
        [lesion for lesion in scores.lesions if lesion.case in wanted],
        scores.iou_threshold,
    )


def _joined(scores: Sequence[Scores]) -> Scores:
    return Scores(
        [case for one in scores for case in one.cases],
        [lesion for one in scores for lesion in one.lesions],
        scores[0].iou_threshold,
    )
