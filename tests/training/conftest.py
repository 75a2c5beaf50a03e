"""Tiny planned and preprocessed datasets for the trainer's tests."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

sys.path.append(
    str(Path(__file__).parents[1] / "planning")
)  # the tiny dataset is shared with the planner's tests
from tiny_dataset import Dataset, nnunet_folders, preprocess, write_fingerprint, write_raw

from nnunet_multiphase.planning.multiphase_scam_planner import PLANS_NAME, MultiPhaseSCAMPlanner
from nnunet_multiphase.training.budget import TrainingRecord, find_trainer, train_with_budget
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer


def prepare(
    root: Path, name: str, labels: dict, configuration: str, *, regions: list[int] | None = None
) -> Dataset:
    """Write, plan and preprocess one dataset of four cases."""
    with nnunet_folders(root):
        write_raw(root, name, labels, cases=4, regions=regions)
        write_fingerprint(root, name)
        MultiPhaseSCAMPlanner(int(name[7:10])).plan_experiment()
        preprocess(root, name, PLANS_NAME, configuration)
    return Dataset(root, name)


@pytest.fixture(scope="session")
def training_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that holds nnU-Net's three."""
    return tmp_path_factory.mktemp("training")


@pytest.fixture(autouse=True)
def _folders(training_root: Path) -> Iterator[None]:
    """Point nnU-Net there during each test of this folder."""
    with nnunet_folders(training_root):
        yield


@pytest.fixture(scope="session")
def plain(training_root: Path) -> Dataset:
    """Give a dataset with background and lesion, for 3D."""
    return prepare(training_root, "Dataset911_Plain", {"background": 0, "lesion": 1}, "3d_fullres")


@pytest.fixture(scope="session")
def ignoring(training_root: Path) -> Dataset:
    """Give a dataset with two foreground classes and voxels to ignore, for 2D."""
    labels = {"background": 0, "lesion": 1, "core": 2, "ignore": 3}
    return prepare(training_root, "Dataset912_Ignore", labels, "2d")


@pytest.fixture(scope="session")
def regions(training_root: Path) -> Dataset:
    """Give a dataset with overlapping regions and voxels to ignore, for 3D."""
    labels = {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}
    return prepare(training_root, "Dataset913_Regions", labels, "3d_fullres", regions=[1, 2])


@pytest.fixture
def make_trainer() -> Callable[..., MultiPhaseSCAMTrainer]:
    """Give a function that constructs a trainer, as nnU-Net does, from a prepared dataset."""

    def make(
        dataset: Dataset, configuration: str = "3d_fullres", *, name: str = "MultiPhaseSCAMTrainer"
    ) -> MultiPhaseSCAMTrainer:
        plans = {**dataset.plans, "continue_training": False}
        return find_trainer(name)(plans, configuration, 0, dataset.description, torch.device("cpu"))

    return make


@pytest.fixture(scope="session")
def trained(plain: Dataset) -> TrainingRecord:
    """Train the plain dataset for two epochs of two steps."""
    with nnunet_folders(plain.root):
        return train_with_budget(
            911,
            "3d_fullres",
            0,
            trainer="MultiPhaseSCAMTrainer_5epochs",
            plans=PLANS_NAME,
            epochs=2,
            iterations_per_epoch=2,
            val_iterations_per_epoch=1,
            seed=3,
            workers=0,
        )
