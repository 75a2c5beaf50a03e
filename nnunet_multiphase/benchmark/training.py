"""Train one contestant with one seed on one fold.

The child runs `python -m nnunet_multiphase.benchmark.training TASK.json RECORD.json`.
"""

import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.benchmark.child import run_module
from nnunet_multiphase.end_with_parent import end_with_parent
from nnunet_multiphase.json_file import load_json, write_json

CALIBRATION_EPOCHS = 2
MODULE = "nnunet_multiphase.benchmark.training"


@dataclass(frozen=True)
class TrainingSettings:
    """Hold what nnU-Net is asked to train.

    Attributes:
        dataset: nnU-Net's number or name of the dataset; planned and preprocessed.
        configuration: 3d_fullres, 3d_lowres or 2d; no cascade.
        fold: Fold.
        trainer: Class name.
        plans: Name of the plans.
        budget: Epochs, or the wall time that as many epochs as fit may take.
        iterations: Training steps an epoch.
        val_iterations: Validation steps an epoch.
        device: "cpu" or "cuda".
        seed: Of weights, and on a CPU of sampling and augmentation too.
    """

    dataset: int | str
    configuration: str
    fold: int
    trainer: str
    plans: str
    budget: Budget
    iterations: int = 250
    val_iterations: int = 50
    device: str = "cpu"
    seed: int = 0


def train(
    folder: Path,
    results: Path,
    settings: TrainingSettings,
    *,
    environment: Mapping[str, str] | None = None,
    what: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train, go on with a training that was interrupted, or read the record of one that is done.

    Args:
        folder: Receives training.json, calibrations and logs.
        results: nnU-Net's results folder for it.
        settings: What to train.
        environment: nnU-Net's folders, where they are not this process's.
        what: What the training is called in messages.
        say: Told what happens.

    Returns:
        The fields of TrainingRecord, and "epochs".

    Raises:
        InputError: The training failed; the sentence names its log.
    """
    variables = {**(environment or {}), "nnUNet_results": str(results)}
    task = {
        "dataset": settings.dataset,
        "configuration": settings.configuration,
        "fold": settings.fold,
        "trainer": settings.trainer,
        "plans": settings.plans,
        "epochs": settings.budget.epochs,
        "iterations": settings.iterations,
        "val_iterations": settings.val_iterations,
        "device": settings.device,
        "seed": settings.seed,
        # In-process loading makes a CPU run repeatable and keeps to one core; a GPU would starve on it.
        "workers": None if settings.device == "cuda" else 0,
        "continue_training": True,
    }
    record = folder / "training.json"
    if not record.is_file():
        if settings.budget.minutes is not None:
            if not (folder / "logs" / f"calibration{1 + CALIBRATION_EPOCHS}.json").is_file():
                say(f"{what}: timing an epoch")
            task["epochs"] = _epochs_in(60 * settings.budget.minutes, folder, task, variables, what)
        say(f"{what}: training, {task['epochs']} epochs of {settings.iterations} steps")
        results.mkdir(parents=True, exist_ok=True)
    return run_module(MODULE, task, record, folder / "logs" / "training.log", variables, f"training {what}")


def _epochs_in(
    seconds: float, folder: Path, task: Mapping[str, Any], variables: Mapping[str, str], what: str
) -> int:
    """Time a short training that is thrown away, and tell how many epochs fit into the time given.

    The number must be known beforehand: nnU-Net's learning rate falls to 0 at the last epoch. It is the same after an
    interruption, because the times are kept.
    """
    results = folder / "calibration"
    timed = []
    for epochs in (1, 1 + CALIBRATION_EPOCHS):
        shutil.rmtree(results, ignore_errors=True)
        results.mkdir(parents=True)
        trial = {**task, "epochs": epochs, "continue_training": False}
        name = f"calibration{epochs}"
        done = run_module(
            MODULE,
            trial,
            folder / "logs" / f"{name}.json",
            folder / "logs" / f"{name}.log",
            {**variables, "nnUNet_results": str(results)},
            f"timing {what}",
        )
        timed.append(done["seconds"])
    shutil.rmtree(results, ignore_errors=True)
    # Start-up is in both, so the difference is epochs alone.
    an_epoch = max((timed[1] - timed[0]) / CALIBRATION_EPOCHS, 1e-3)
    start_up = max(timed[0] - an_epoch, 0.0)
    return max(1, math.floor((seconds - start_up) / an_epoch))


def main(arguments: Sequence[str]) -> int:
    """Do a task file's training and write its record (the child's side)."""
    task_file, record_file = map(Path, arguments)
    from nnunet_multiphase.training.budget import train_with_budget

    task = load_json(task_file)

    record = train_with_budget(
        task["dataset"],
        task["configuration"],
        task["fold"],
        trainer=task["trainer"],
        plans=task["plans"],
        epochs=task["epochs"],
        iterations_per_epoch=task["iterations"],
        val_iterations_per_epoch=task["val_iterations"],
        device=task["device"],
        seed=task["seed"],
        workers=task["workers"],
        continue_training=task["continue_training"],
    )
    content = {**asdict(record), "output_folder": str(record.output_folder), "epochs": task["epochs"]}
    write_json(record_file, content)
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1:]))
