"""Train and predict what a benchmark's plan names, one training after another, here or on a Dask cluster."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnunet_multiphase.alone import alone
from nnunet_multiphase.benchmark.budget import parse_budget
from nnunet_multiphase.benchmark.contestants import CONTESTANTS, OTHER_NAMES
from nnunet_multiphase.benchmark.finish import cost_of, write_prediction
from nnunet_multiphase.benchmark.layout import (
    LOCK,
    PLAN,
    Plan,
    Training,
    all_trainings,
    is_finished,
    read_plan,
    write_cost,
)
from nnunet_multiphase.benchmark.place import place_of
from nnunet_multiphase.benchmark.prediction import predict
from nnunet_multiphase.benchmark.prepare import prepare, refuse_missing_device
from nnunet_multiphase.benchmark.settings import BenchmarkSettings
from nnunet_multiphase.benchmark.training import TrainingSettings, train
from nnunet_multiphase.errors import InputError


@dataclass(frozen=True)
class Failure:
    """Name a training that failed and say why."""

    training: Training
    sentence: str


def run_benchmark(
    work: Path | str,
    settings: BenchmarkSettings,
    *,
    jobs: int = 1,
    dask_scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> tuple[Plan, list[Failure]]:
    """Prepare, train and predict; what is finished in `work` is not done again.

    Args:
        work: Receives everything (see `layout`). The user's own results folder is never written to.
        settings: What to compare. A folder begun with other settings is refused.
        jobs: Processes for registering and preprocessing; the trainings run one after another.
        dask_scheduler: Address of a Dask cluster to register and train on, whose workers see the same folders.
        say: Told what happens.

    Returns:
        The plan, and the trainings that failed: the others go on without them.

    Raises:
        InputError: Something cannot be made ready.
    """
    work = Path(work).absolute()
    if dask_scheduler is None:
        refuse_missing_device(settings.device)  # before hours of registering
    plan = prepare(work, settings, jobs=jobs, dask_scheduler=dask_scheduler, say=say)
    return plan, run_trainings(work, wanted_trainings(plan, settings), dask_scheduler=dask_scheduler, say=say)


def wanted_trainings(plan: Plan, settings: BenchmarkSettings) -> tuple[Training, ...]:
    """List the trainings that are asked for; a plan may hold others, finished before."""
    names = [OTHER_NAMES.get(name, name) for name in settings.contestants]
    return tuple(
        one
        for one in all_trainings(plan)
        if one.contestant in names and one.fold in settings.folds and one.seed in settings.seeds
    )


def run_trainings(
    work: Path,
    trainings: Sequence[Training],
    *,
    dask_scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> list[Failure]:
    """Do trainings of a plan that are not finished.

    Returns:
        Those that failed.
    """
    from nnunet_multiphase.dataset.workers import dask_workers

    for one in trainings:
        if is_finished(work, one):
            say(f"{one}: finished before")
    waiting = [one for one in trainings if not is_finished(work, one)]
    if dask_scheduler is None:
        outcomes = [(one, _sentence(work, say, one)) for one in waiting]
    else:
        with dask_workers(dask_scheduler) as run:
            outcomes = []
            # Workers print into their own logs; what they are told to say reaches nobody here.
            for i, sentence in run(partial(_sentence, work, _silent), waiting):
                say(f"{waiting[i]}: {sentence or 'finished'}")
                outcomes.append((waiting[i], sentence))
            outcomes.sort(key=lambda outcome: waiting.index(outcome[0]))
    return [Failure(one, sentence) for one, sentence in outcomes if sentence]


def run_training(work: Path, training: Training, say: Callable[[str], None] = print) -> None:
    """Train, predict and note the cost, unless that is done.

    Args:
        work: A prepared benchmark's folder.
        training: One of its plan's.
        say: Told what happens.

    Raises:
        InputError: The training or the prediction failed; the sentence names its log. Or another process is at it, or the
            device is not there.
    """
    plan = read_plan(work)
    if training not in all_trainings(plan):
        raise InputError(
            f"{training} is none of the trainings in {work / PLAN}; prepare the benchmark for it"
        )
    if is_finished(work, training):
        return
    (work / training.folder / "logs").mkdir(parents=True, exist_ok=True)
    busy = f"{training} is being trained in {work} by another process; wait for it, or stop it"
    with alone(work / training.folder / LOCK, busy):
        if not is_finished(work, training):
            _train_and_predict(work, plan, training, say)


def _train_and_predict(work: Path, plan: Plan, training: Training, say: Callable[[str], None]) -> None:
    refuse_missing_device(plan.device)
    contestant, place = CONTESTANTS[training.contestant], place_of(work, plan, training.contestant)
    folder = work / training.folder
    results = folder.parent / "nnUNet_results"
    trained = train(
        folder,
        results,
        TrainingSettings(
            place.dataset,
            plan.configuration,
            training.fold,
            contestant.trainer,
            contestant.plans,
            parse_budget(plan.budget),
            plan.iterations,
            plan.val_iterations,
            plan.device,
            training.seed,
        ),
        environment=place.environment,
        what=str(training),
        say=say,
    )
    cases = {case: place.images(case) for case in plan.cases_of(training.fold)}
    say(f"{training}: predicting {len(cases)} cases")
    unplaced = folder / "on_the_datasets_grid"
    predicted = predict(
        folder,
        results / place.dataset / f"{contestant.trainer}__{contestant.plans}__{plan.configuration}",
        training.fold,
        cases,
        unplaced,
        device=plan.device,
        mirroring=plan.mirroring,
        step_size=plan.step_size,
        environment={**place.environment, "nnUNet_results": str(results)},
        what=str(training),
    )
    ending = place.record["file_ending"]
    for case in cases:
        write_prediction(work, plan, training, case, unplaced / f"{case}{ending}")
    write_cost(work, training, cost_of(trained, predicted))
    shutil.rmtree(unplaced)


def _sentence(work: Path, say: Callable[[str], None], training: Training) -> str:
    """Run a training; what went wrong is returned, so that it costs the others nothing."""
    try:
        run_training(work, training, say)
    except InputError as error:
        say(f"failed: {error}")
        return str(error)
    return ""


def _silent(line: str) -> None:
    """Say nothing."""
