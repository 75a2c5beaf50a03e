"""Train one model on one fold, in a process of its own.

A process for each training keeps the peak memory of one out of the next one's figures. The child runs
`python -m nnunet_multiphase.benchmark.training TASK.json RECORD.json`.
"""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.settings import BenchmarkSettings, Model
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.files import write_json

CALIBRATION_EPOCHS = 2


def train_model(
    output: Path, settings: BenchmarkSettings, model: Model, fold: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Train a fold, or read the record of having done so.

    Returns:
        The fields of TrainingRecord, and "epochs".

    Raises:
        InputError: the training failed; the sentence names its log.
    """
    task = {
        "dataset": settings.dataset_id,
        "configuration": settings.configuration,
        "fold": fold,
        "trainer": model.trainer,
        "plans": model.plans,
        "epochs": settings.epochs,
        "iterations": settings.iterations,
        "val_iterations": settings.val_iterations,
        "device": settings.device,
        "seed": settings.seed,
        # In-process loading makes a CPU run repeatable and keeps to one core; a GPU would starve on it.
        "workers": None if settings.device == "cuda" else 0,
        "continue_training": True,
    }
    name = f"{model.trainer}_fold{fold}"
    if (output / "records" / f"{name}.json").is_file():
        say(f"{model.name}, fold {fold}: trained before")
    else:
        if settings.seconds is not None:
            say(f"{model.name}, fold {fold}: timing an epoch")
            task["epochs"] = _epochs_in(settings.seconds, output, name, task)
        say(f"{model.name}, fold {fold}: training, {task['epochs']} epochs of {settings.iterations} steps")
    return _child(output, name, task, output / "nnUNet_results")


def _epochs_in(seconds: float, output: Path, name: str, task: dict[str, Any]) -> int:
    """Time a short training that is thrown away, and tell how many epochs fit into the time given.

    The number must be known beforehand: nnU-Net's learning rate falls to 0 at the last epoch.
    """
    results = output / "calibration"
    timed = []
    for epochs in (1, 1 + CALIBRATION_EPOCHS):
        shutil.rmtree(results, ignore_errors=True)
        trial = {**task, "epochs": epochs, "continue_training": False}
        timed.append(_child(output, f"{name}_calibration{epochs}", trial, results)["seconds"])
    shutil.rmtree(results, ignore_errors=True)
    # Start-up is in both, so the difference is epochs alone.
    an_epoch = max((timed[1] - timed[0]) / CALIBRATION_EPOCHS, 1e-3)
    start_up = max(timed[0] - an_epoch, 0.0)
    return max(1, math.floor((seconds - start_up) / an_epoch))


def _child(output: Path, name: str, task: Mapping[str, Any], results: Path) -> dict[str, Any]:
    """Train in a process of its own and read its record; a training done before is only read."""
    record, log = output / "records" / f"{name}.json", output / "logs" / f"{name}.log"
    if record.is_file():
        return json.loads(record.read_text())
    task_file = write_json(output / "logs" / f"{name}.task.json", task)
    record.parent.mkdir(exist_ok=True)
    results.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "nnunet_multiphase.benchmark.training",
        str(task_file),
        str(record),
    ]
    with log.open("w") as file:
        done = subprocess.run(
            command,
            env={**os.environ, "nnUNet_results": str(results)},
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0 or not record.is_file():
        last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise InputError(f"{name} failed ({last}); see {log}, then run the same command to go on")
    return json.loads(record.read_text())


def main(arguments: Sequence[str]) -> int:
    """Do a task file's training and write its record (the child's side)."""
    task_file, record_file = map(Path, arguments)
    from nnunet_multiphase.training.budget import train_with_budget

    task = json.loads(task_file.read_text(encoding="utf-8"))

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
    sys.exit(main(sys.argv[1:]))
