"""Say what a benchmark compares, and refuse early what cannot run."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnunet_multiphase.data.dataset_name import dataset_name
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.files import write_json
from nnunet_multiphase.label_classes import classes_of_record


@dataclass(frozen=True)
class Model:
    """Name a model and how nnU-Net is asked for it; `planner` makes its plans."""

    name: str
    trainer: str
    plans: str
    planner: str


MODELS: tuple[Model, ...] = (
    Model("nnU-Net", "nnUNetTrainer", "nnUNetPlans", "ExperimentPlanner"),
    Model("ours", "MultiPhaseSCAMTrainer", "nnUNetMultiPhaseSCAMPlans", "MultiPhaseSCAMPlanner"),
)


@dataclass(frozen=True)
class BenchmarkSettings:
    """Hold what is compared on which data with which budget.

    Attributes:
        dataset_id: nnU-Net dataset (501, Dataset501_X), planned and preprocessed with both models' plans.
        folds: folds to train and validate; test cases are predicted by all of them together.
        configuration: 3d_fullres, 3d_lowres or 2d; no cascade.
        epochs: epochs of every training; ignored when `seconds` is given.
        iterations, val_iterations: steps an epoch.
        seconds: train each model for as many epochs as fit into so much wall time, timed beforehand.
        device: "cpu" or "cuda".
        seed: of weights, and on a CPU of sampling and augmentation too.
        mirroring: average predictions over mirrored inputs.
    """

    dataset_id: int | str
    folds: tuple[int, ...] = (0,)
    configuration: str = "3d_fullres"
    epochs: int = 50
    iterations: int = 250
    val_iterations: int = 50
    seconds: float | None = None
    device: str = "cpu"
    seed: int = 0
    mirroring: bool = True


def find_dataset(settings: BenchmarkSettings) -> tuple[Path, Path]:
    """Return the dataset's raw and preprocessed folder.

    Raises:
        InputError: a folder, plans, preprocessed cases, a fold or the device is missing; the sentence names the
            nnU-Net command to run first.
    """
    raw, preprocessed = (
        _dataset_folder(variable, settings.dataset_id) for variable in ("nnUNet_raw", "nnUNet_preprocessed")
    )
    for model in MODELS:
        _check_plans(preprocessed, model, settings)
    splits = preprocessed / "splits_final.json"
    # Without a file, nnU-Net makes five folds when the first training starts.
    folds = len(json.loads(splits.read_text())) if splits.is_file() else 5
    for fold in settings.folds:
        if not 0 <= fold < folds or settings.folds.count(fold) > 1:
            raise InputError(f"fold {fold} must be one of 0 to {folds - 1} ({splits}), and be named once")
    # Said before hours of training: which labels are lesion.
    classes_of_record(json.loads((raw / "dataset.json").read_text(encoding="utf-8")), raw / "dataset.json")
    if settings.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("no CUDA device is there; run on one, or with --device cpu")
    return raw, preprocessed


def claim_folder(output: Path, settings: BenchmarkSettings) -> None:
    """Note the settings in the folder; refuse one that was begun with others."""
    note = output / "settings.json"
    wanted = json.loads(json.dumps(asdict(settings)))
    if note.is_file():
        there = json.loads(note.read_text())
        other = [key for key in wanted if there.get(key) != wanted[key]]
        if other:
            raise InputError(
                f"{output} was begun with another {other[0]} ({there.get(other[0])}, now {wanted[other[0]]}); "
                "choose another output folder"
            )
        return
    if output.is_dir() and any(output.iterdir()):
        raise InputError(f"{output} is not empty and no benchmark of ours; choose another output folder")
    write_json(note, wanted)


def _dataset_folder(variable: str, dataset_id: int | str) -> Path:
    if not os.environ.get(variable):
        raise InputError(f"the environment variable {variable} is not set; set nnU-Net's folders first")
    name = dataset_name(dataset_id)
    folder = Path(os.environ[variable]) / str(name)
    if name is None or not folder.is_dir():
        raise InputError(
            f"expected one dataset {dataset_id} in {variable} ({os.environ[variable]}), found none; "
            "make it with setup_dataset.py and nnUNetv2_plan_and_preprocess"
        )
    return folder


def _check_plans(preprocessed: Path, model: Model, settings: BenchmarkSettings) -> None:
    where = f"-d {settings.dataset_id} -c {settings.configuration}"
    plans_file = preprocessed / f"{model.plans}.json"
    if not plans_file.is_file():
        raise InputError(
            f"{plans_file} is missing; run: nnUNetv2_plan_and_preprocess {where} -pl {model.planner}"
        )
    configurations: dict[str, Any] = json.loads(plans_file.read_text())["configurations"]
    if settings.configuration not in configurations:
        raise InputError(
            f"{plans_file} has no configuration {settings.configuration}, only {', '.join(configurations)}"
        )
    plan = configurations[settings.configuration]
    if plan.get("previous_stage"):
        raise InputError(
            f"{settings.configuration} is a cascade's second stage; benchmark 3d_fullres instead"
        )
    while "data_identifier" not in plan:
        plan = configurations[plan["inherits_from"]]
    data = preprocessed / plan["data_identifier"]
    if not any(data.glob("*.pkl")):
        raise InputError(
            f"{data} holds no preprocessed case; run: nnUNetv2_preprocess {where} -plans_name {model.plans}"
        )
