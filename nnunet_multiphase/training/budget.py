"""Training, with a fixed budget: a number of steps, measured, for our trainers and for nnU-Net's own.

The same nnU-Net classes run as in `nnUNetv2_train`; the folder they leave is one `nnUNetv2_predict` reads.
Trainers are imported from where they are defined: nnU-Net's own search imports every trainer it ships, and
some of those need packages that a plain installation lacks.
"""

import importlib
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from batchgenerators.utilities.file_and_folder_operations import load_json
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_results
from nnunetv2.run.run_training import maybe_load_checkpoint
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.names import TRAINERS

_WORKERS_VARIABLE = "nnUNet_n_proc_DA"


@dataclass(frozen=True)
class TrainingRecord:
    """Say what a training with a fixed budget did and what it cost.

    Attributes:
        output_folder: The fold's folder, with checkpoint_final.pth and checkpoint_best.pth.
        trainer: Class name of the trainer.
        plans: Name of the plans.
        configuration: 2d, 3d_fullres, ...
        fold: Fold number or "all".
        device: Where it ran.
        seed: Seed of weights and, without worker processes, of everything else.
        train_losses: Mean training loss of each epoch, resumed epochs included.
        val_losses: Mean validation loss of each epoch.
        pseudo_dice: nnU-Net's Dice over random validation patches, each epoch.
        steps: Training steps taken by this call.
        seconds_per_step: Median over this call's training steps but the first, which warms up; data loading
            is not in it. NaN when no step was taken.
        seconds: The whole call, in seconds.
        peak_memory_mb: Most GPU memory allocated, or on a CPU most resident memory of the process, in MiB.
        parameters: Number of weights.
    """

    output_folder: Path
    trainer: str
    plans: str
    configuration: str
    fold: int | str
    device: str
    seed: int
    train_losses: tuple[float, ...]
    val_losses: tuple[float, ...]
    pseudo_dice: tuple[float, ...]
    steps: int
    seconds_per_step: float
    seconds: float
    peak_memory_mb: float
    parameters: int


def find_trainer(name: str) -> type[nnUNetTrainer]:
    """Import a trainer class by its name.

    Args:
        name: "nnUNetTrainer" or one of ours (`training.names.TRAINERS`).

    Returns:
        The class.

    Raises:
        InputError: The name is none of these.
    """
    if name == "nnUNetTrainer":
        return nnUNetTrainer
    if name not in TRAINERS:
        raise InputError(
            f"trainer {name} is not known: expected nnUNetTrainer or one of {', '.join(TRAINERS)}"
        )
    return getattr(importlib.import_module(TRAINERS[name]), name)


def train_with_budget(
    dataset_id: int | str,
    configuration: str,
    fold: int | str,
    *,
    trainer: str,
    plans: str,
    epochs: int,
    iterations_per_epoch: int,
    val_iterations_per_epoch: int,
    device: str = "cpu",
    seed: int = 0,
    continue_training: bool = False,
    validate: bool = False,
    workers: int | None = None,
) -> TrainingRecord:
    """Train a preprocessed dataset's fold for a fixed number of steps.

    Args:
        dataset_id: nnU-Net dataset id or full name; planned and preprocessed.
        configuration: Name of a configuration in the plans.
        fold: Fold number, or "all".
        trainer: "nnUNetTrainer" or one of ours.
        plans: Name of the plans, without .json.
        epochs: Epochs in total, those of an interrupted training included.
        iterations_per_epoch: Training steps an epoch.
        val_iterations_per_epoch: Validation steps an epoch.
        device: "cpu", "cuda" or "mps".
        seed: Seeds the weights, and with `workers=0` also sampling and augmentation, which makes the run
            repeatable.
        continue_training: Go on from the fold's last checkpoint, if there is one.
        validate: Predict the fold's validation cases at the end, as `nnUNetv2_train` does.
        workers: Processes that augment; 0 works in this process, None leaves it to nnU-Net.

    Returns:
        The record.

    Raises:
        InputError: A folder variable is unset, or the plans or the configuration do not exist.
    """
    started = time.perf_counter()
    with _augmentation_workers(workers):
        run = _make_trainer(
            dataset_id, configuration, fold, trainer, plans, torch.device(device), continue_training
        )
        run.num_epochs = epochs
        run.num_iterations_per_epoch = iterations_per_epoch
        run.num_val_iterations_per_epoch = val_iterations_per_epoch
        if hasattr(run, "seed"):
            run.seed = seed
        _seed_everything(seed)
        run.initialize()
        maybe_load_checkpoint(run, continue_training, validation_only=False)
        if run.current_epoch:
            _seed_everything(seed + run.current_epoch)  # not the first epochs' samples again
        step_seconds: list[float] = []
        run.train_step = _timed(run.train_step, step_seconds, run.device)
        run.save_checkpoint = saved_whole(run.save_checkpoint)
        _reset_peak_memory(run.device)
        run.run_training()
        peak_memory_mb = _peak_memory_mb(run.device)
        if validate:
            run.perform_actual_validation()
    return TrainingRecord(
        output_folder=Path(run.output_folder),
        trainer=trainer,
        plans=plans,
        configuration=configuration,
        fold=fold,
        device=device,
        seed=seed,
        train_losses=_logged(run, "train_losses"),
        val_losses=_logged(run, "val_losses"),
        pseudo_dice=_logged(run, "mean_fg_dice"),
        steps=len(step_seconds),
        seconds_per_step=statistics.median(step_seconds[1:] or step_seconds or [float("nan")]),
        seconds=time.perf_counter() - started,
        peak_memory_mb=peak_memory_mb,
        parameters=sum(p.numel() for p in run.network.parameters()),
    )


def saved_whole(save: Callable[[str], None]) -> Callable[[str], None]:
    """Let a trainer save beside and rename: what nnU-Net's own writes when it is killed could never be gone on from."""

    def save_beside(filename: str) -> None:
        unfinished = Path(f"{filename}.new")
        save(str(unfinished))
        if unfinished.is_file():  # nnU-Net may be told to save none
            unfinished.replace(filename)

    return save_beside


def _make_trainer(
    dataset_id: int | str,
    configuration: str,
    fold: int | str,
    trainer: str,
    plans: str,
    device: torch.device,
    continue_training: bool,
) -> nnUNetTrainer:
    """Construct the trainer from the preprocessed folder, as nnU-Net's run_training does."""
    trainer_class = find_trainer(trainer)
    for variable, folder in (
        ("nnUNet_preprocessed", nnUNet_preprocessed),
        ("nnUNet_results", nnUNet_results),
    ):
        if not folder.is_set():
            raise InputError(
                f"the environment variable {variable} is not set: set nnU-Net's three folders first"
            )
    dataset = maybe_convert_to_dataset_name(dataset_id)
    folder = Path(str(nnUNet_preprocessed)) / dataset
    plans_file = folder / f"{plans}.json"
    if not plans_file.is_file():
        raise InputError(
            f"{dataset}: expected the plans {plans_file}, which do not exist; "
            "run nnUNetv2_plan_and_preprocess for them first"
        )
    loaded = load_json(str(plans_file))
    if configuration not in loaded["configurations"]:
        raise InputError(
            f"{dataset}: {plans} hold no configuration {configuration}, "
            f"expected one of {', '.join(loaded['configurations'])}"
        )
    loaded["continue_training"] = continue_training  # nnU-Net's trainer takes this key out of the plans
    return trainer_class(
        plans=loaded,
        configuration=configuration,
        fold=fold,
        dataset_json=load_json(str(folder / "dataset.json")),
        device=device,
    )


def _logged(run: nnUNetTrainer, key: str) -> tuple[float, ...]:
    """Read one of nnU-Net's logged curves."""
    return tuple(float(value) for value in run.logger.get_value(key, step=None))


def _seed_everything(seed: int) -> None:
    """Seed the three generators that nnU-Net's loading, augmentation and networks draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (nnU-Net draws from the global generator)
    torch.manual_seed(seed)


def _timed(
    step: Callable[[dict], dict], seconds: list[float], device: torch.device
) -> Callable[[dict], dict]:
    """Wrap a training step so that its duration is appended to `seconds`."""

    def timed_step(batch: dict) -> dict:
        begin = time.perf_counter()
        result = step(batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begin)
        return result

    return timed_step


@contextmanager
def _augmentation_workers(workers: int | None) -> Iterator[None]:
    """Set nnU-Net's variable for the number of augmentation processes, for the time being."""
    if workers is None:
        yield
        return
    before = os.environ.get(_WORKERS_VARIABLE)
    os.environ[_WORKERS_VARIABLE] = str(workers)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_WORKERS_VARIABLE]
        else:
            os.environ[_WORKERS_VARIABLE] = before


def _reset_peak_memory(device: torch.device) -> None:
    """Forget the memory peak of whatever ran before in this process, where the system lets us."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # not Linux, or not allowed: the peak is then the process's since its start
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_mb(device: torch.device) -> float:
    """Read the peak of allocated GPU memory, or of this process's resident memory, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        status = Path("/proc/self/status").read_text()
        kib: Any = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return float(kib) / 1024
    except (OSError, StopIteration):
        import resource  # a module of Unix only

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)
