"""Finish a training: its predictions on the truth's grid, and what it cost; also where nnU-Net's own commands trained it."""

import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.layout import (
    Cost,
    Plan,
    Training,
    all_trainings,
    is_finished,
    prediction_file,
    truth_file,
    write_cost,
)
from nnunet_multiphase.benchmark.truths_grid import on_truths_grid
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.label_choice import read_labels
from nnunet_multiphase.volumes.orientation import stored_grid, turned
from nnunet_multiphase.volumes.volume_file import read_volume
from registration.volume_file import write_volume


def write_prediction(work: Path, plan: Plan, training: Training, case: str, predicted: Path) -> None:
    """Write what a training predicted of a case on its dataset's grid where predictions are, on the truth's.

    Raises:
        InputError: The two are no cuts of the same voxels.
    """
    truth = read_volume(truth_file(work, case), drawing=True)
    segmentation = turned(read_volume(predicted, drawing=True), stored_grid(truth).axes)
    target = prediction_file(work, training, case)
    target.parent.mkdir(exist_ok=True)
    beside = target.with_name(f"unfinished_{target.name}")
    write_volume(on_truths_grid(work, plan, training, case, segmentation, truth), beside)
    beside.replace(target)


def cost_of(trained: Mapping[str, Any], predicted: Mapping[str, Any]) -> Cost:
    """Put a cost together from the records of a training and its predictions; what they lack is nan, or empty."""

    def known(value: float | None) -> float:
        return math.nan if value is None else float(value)

    seconds = predicted.get("seconds")
    return Cost(
        parameters=predicted.get("parameters", math.nan),
        gmac=known(predicted.get("gmac")),
        seconds_per_step=known(trained.get("seconds_per_step")),
        # The first case warms up; the median needs no rule of its own to leave it out.
        seconds_per_case=statistics.median(seconds.values()) if seconds else math.nan,
        peak_memory_mib=known(trained.get("peak_memory_mb")),
        epochs=trained["epochs"],
        seconds=known(trained.get("seconds")),
        patch=tuple(predicted.get("patch", ())),
        spacing_mm=tuple(predicted.get("spacing_mm", ())),
        train_losses=tuple(known(loss) for loss in trained.get("train_losses", ())),
        val_losses=tuple(known(loss) for loss in trained.get("val_losses", ())),
    )


def take_in(work: Path, plan: Plan, say: Callable[[str], None]) -> None:
    """Call those trainings finished whose predictions are all there, though this package did not make them.

    Their files stay as they are; what they cost nobody knows.

    Args:
        work: The benchmark's folder.
        plan: Its plan.
        say: Told which.

    Raises:
        InputError: A prediction cannot be read, or lies on other voxels than its truth.
    """
    for training in all_trainings(plan):
        files = {case: prediction_file(work, training, case) for case in plan.cases_of(training.fold)}
        # A training of ours that is under way has a record; the run that made it will finish it.
        ours = (work / training.folder / "training.json").is_file()
        if ours or is_finished(work, training) or not all(file.is_file() for file in files.values()):
            continue
        for case, file in files.items():
            _refuse_elsewhere(work, plan, training, case, file)
        kind, _, number = plan.budget.partition("=")
        write_cost(work, training, cost_of({"epochs": int(number) if kind == "epochs" else 0}, {}))
        say(f"{training}: predictions found, cost unknown")


def _refuse_elsewhere(work: Path, plan: Plan, training: Training, case: str, file: Path) -> None:
    try:
        prediction, truth = (read_labels(path, case) for path in (file, truth_file(work, case)))
        on_truths_grid(work, plan, training, case, prediction, truth)
    except InputError as error:
        raise InputError(f"{training}: {error}") from error
