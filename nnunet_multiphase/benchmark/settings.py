"""Say what a benchmark compares on which cases, and refuse to go on in a folder that was begun otherwise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.dataset.options import DatasetOptions
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_object, write_json

SETTINGS = "settings.json"


@dataclass(frozen=True)
class Cohort:
    """Name raw cases and how datasets are made of them."""

    raw: Path
    options: DatasetOptions = DatasetOptions()  # noqa: RUF009 (frozen)


@dataclass(frozen=True)
class BenchmarkSettings:
    """Hold what is compared.

    Attributes:
        contestants: Names (`contestants.CONTESTANTS`); the first is what the others are compared with.
        dataset: nnU-Net's number or name of a dataset that is there; None: `cohort` is given.
        cohort: Raw cases, from which all datasets are made.
        folds: Folds to train and validate.
        seeds: Seeds to train with on each fold.
        budget: Of every training.
        configuration: 3d_fullres, 3d_lowres or 2d; no cascade.
        iterations: Training steps an epoch.
        val_iterations: Validation steps an epoch.
        device: "cpu" or "cuda".
        mirroring: Average predictions over mirrored inputs.
        step_size: From window to window when predicting, in patches.
        gpu_memory_gb: What the networks may take of a GPU when they are planned; None: each planner's own.
    """

    contestants: tuple[str, ...] = ("vanilla", "ours")
    dataset: int | str | None = None
    cohort: Cohort | None = None
    folds: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0,)
    budget: Budget = Budget(epochs=50)  # noqa: RUF009 (frozen)
    configuration: str = "3d_fullres"
    iterations: int = 250
    val_iterations: int = 50
    device: str = "cpu"
    mirroring: bool = True
    step_size: float = 0.5
    gpu_memory_gb: float | None = None


YOUNGER = {"step_size": BenchmarkSettings.step_size, "seed of the raw cases": 0}
"""Settings that older folders do not name: what was used when they could not be chosen."""


def claim_folder(work: Path, wanted: Mapping[str, Any]) -> None:
    """Note in a folder what it was begun with; refuse one that was begun with something else.

    Args:
        work: The folder.
        wanted: Setting -> value, as JSON holds it.

    Raises:
        InputError: The folder holds other things, or was begun with another setting.
    """
    note = work / SETTINGS
    wanted = json.loads(json.dumps(wanted))
    if note.is_file():
        there = {**YOUNGER, **load_object(note, "restore it, or choose another output folder")}
        other = [key for key in wanted if there.get(key) != wanted[key]]
        if other:
            name = other[0].replace("_", " ")
            raise InputError(
                f"{work} was begun with another {name} ({there.get(other[0])}, now {wanted[other[0]]}); choose another "
                "output folder"
            )
        return
    if work.is_dir() and any(work.iterdir()):
        raise InputError(f"{work} is not empty and no benchmark of ours; choose another output folder")
    write_json(note, wanted)


def fixed_settings(settings: BenchmarkSettings) -> dict[str, Any]:
    """Give the settings that a benchmark keeps from its beginning: all but those that it may grow by."""
    cohort = settings.cohort
    options = DatasetOptions() if cohort is None else cohort.options
    made_of = {
        "dataset": settings.dataset,
        "raw cases": None if cohort is None else str(cohort.raw),
        # Its form in Python's own words, which tell every option apart.
        "form of the raw cases": None
        if cohort is None
        else repr(
            (
                options.inputs,
                options.missing,
                options.on_failure,
                options.phases,
                options.targets,
                options.accept,
            )
        ),
        "split of the raw cases": None if cohort is None else [options.test_fraction, options.folds],
        "seed of the raw cases": options.seed,
    }
    names = (
        "configuration",
        "iterations",
        "val_iterations",
        "device",
        "mirroring",
        "step_size",
        "gpu_memory_gb",
    )
    return {"budget": str(settings.budget), **{name: getattr(settings, name) for name in names}, **made_of}
