"""Say where a benchmark keeps what, and write and read it: the plan, each training's predictions and cost, the truth.

    WORK/benchmark.json                                             what is compared, on which cases
    WORK/truth/<case>.nii.gz, dataset.json                          labels and what their values mean
    WORK/<contestant>/seed_<s>/fold_<f>/predictions/<case>.nii.gz   on the truth's grid
    WORK/<contestant>/seed_<s>/fold_<f>/cost.json                   written last: the training is finished

A fold's predictions are those of its validation cases and of all test cases, by the one network trained on that fold.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json, write_json

LOCK = ".lock"
PLAN = "benchmark.json"
COST = "cost.json"
TRUTH = "truth"
PREDICTIONS = "predictions"


@dataclass(frozen=True)
class Plan:
    """Hold what a benchmark compares.

    Attributes:
        contestants: Names, in the order of the table; the first is what the others are compared with.
        folds: Folds of the cross-validation, in order.
        seeds: Seeds that each contestant is trained with on each fold.
        budget: "epochs=50" or "minutes=30", of each training.
        iterations: Training steps an epoch.
        val_iterations: Validation steps an epoch.
        configuration: nnU-Net's, such as 3d_fullres.
        device: "cpu" or "cuda".
        mirroring: Whether predictions are averaged over mirrored inputs.
        dataset: nnU-Net's name of the dataset that the cases are of.
        fingerprint: Digest of that dataset.
        validation_cases: For each of `folds` its validation cases.
        test_cases: Cases that no fold trains on.
        patients: Case -> patient; a patient's cases are not independent.
        images: Case -> the reference phase's image, relative to WORK where it lies in it.
        places: Contestant -> nnU-Net's name of its dataset, its nnUNet_raw and nnUNet_preprocessed; likewise.
        step_size: From window to window in predictions, in patches.
    """

    contestants: tuple[str, ...]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    budget: str
    iterations: int
    val_iterations: int
    configuration: str
    device: str
    mirroring: bool
    dataset: str
    fingerprint: str
    validation_cases: tuple[tuple[str, ...], ...]
    test_cases: tuple[str, ...]
    patients: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    step_size: float = 0.5

    def cases_of(self, fold: int) -> tuple[str, ...]:
        """List the cases that the network of a fold predicts: its validation cases, then the test cases."""
        return (*self.validation_cases[self.folds.index(fold)], *self.test_cases)


@dataclass(frozen=True)
class Training:
    """Name one training of a contestant: `folder` is relative to WORK."""

    contestant: str
    seed: int
    fold: int

    @property
    def folder(self) -> Path:
        """Give its folder, relative to WORK."""
        return Path(self.contestant, f"seed_{self.seed}", f"fold_{self.fold}")

    @property
    def predictions(self) -> Path:
        """Give the folder of its predictions, relative to WORK."""
        return self.folder / PREDICTIONS

    @property
    def cost(self) -> Path:
        """Give the file of its cost, relative to WORK."""
        return self.folder / COST

    def __str__(self) -> str:
        """Name it as in a message."""
        return f"{self.contestant}, seed {self.seed}, fold {self.fold}"


@dataclass(frozen=True)
class Cost:
    """Hold what a training and its predictions cost; nan where it was not measured.

    Attributes:
        parameters: Weights of the network.
        gmac: Multiply-adds (10^9) of one forward pass of one patch, without deep supervision's further heads.
        seconds_per_step: Median over the training steps but the first.
        seconds_per_case: Median over the predicted cases, from raw files to the written segmentation.
        peak_memory_mib: In training: what the GPU held, or on a CPU the whole process.
        epochs: Epochs trained.
        seconds: Of the training; of one that was interrupted, since it went on.
        patch: Patch size in voxels (z, y, x).
        spacing_mm: Spacing that the network sees (z, y, x).
        train_losses: Of each epoch.
        val_losses: Of each epoch.
    """

    parameters: float
    gmac: float
    seconds_per_step: float
    seconds_per_case: float
    peak_memory_mib: float
    epochs: int
    seconds: float
    patch: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    train_losses: tuple[float, ...] = ()
    val_losses: tuple[float, ...] = ()


def write_plan(work: Path, plan: Plan) -> Path:
    """Write WORK/benchmark.json."""
    return write_json(work / PLAN, asdict(plan))


def read_plan(work: Path) -> Plan:
    """Read WORK/benchmark.json.

    Raises:
        InputError: It is not there, or is not a plan.
    """
    return _read(work / PLAN, Plan, "a folder that `nnunet-multiphase benchmark` has begun")


def write_cost(work: Path, training: Training, cost: Cost) -> Path:
    """Write a training's cost.json, which says that it is finished."""
    return write_json(work / training.cost, asdict(cost))


def read_cost(work: Path, training: Training) -> Cost:
    """Read a training's cost.json.

    Raises:
        InputError: It is not there, or is not a cost.
    """
    return _read(work / training.cost, Cost, f"{training} to be finished")


def is_finished(work: Path, training: Training) -> bool:
    """Tell whether a training is trained and predicted."""
    return (work / training.cost).is_file()


def all_trainings(plan: Plan) -> tuple[Training, ...]:
    """List a plan's trainings, contestant by contestant, seed by seed, fold by fold."""
    return tuple(Training(c, s, f) for c in plan.contestants for s in plan.seeds for f in plan.folds)


def finished_trainings(work: Path, plan: Plan) -> tuple[Training, ...]:
    """List those of a plan's trainings that are finished, in the same order."""
    return tuple(training for training in all_trainings(plan) if is_finished(work, training))


def prediction_file(work: Path, training: Training, case: str) -> Path:
    """Name the file of a predicted case."""
    return work / training.predictions / f"{case}.nii.gz"


def truth_file(work: Path, case: str) -> Path:
    """Name the label file of a case."""
    return work / TRUTH / f"{case}.nii.gz"


def image_file(work: Path, plan: Plan, case: str) -> Path | None:
    """Name the image of a case's reference phase; none where the plan knows none."""
    named = plan.images.get(case)
    return None if named is None else work / named


def _read(path: Path, kind: type, expected: str) -> Any:
    """Read a record, its lists as tuples."""
    try:
        content = load_json(path)
        known = {f.name for f in fields(kind)}
        return kind(**{name: _frozen(value) for name, value in content.items() if name in known})
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: expected {expected}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({error}): expected {expected}") from error


def _frozen(value: Any) -> Any:
    """Make lists tuples, and what JSON could not hold nan again."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return math.nan if value is None else value
