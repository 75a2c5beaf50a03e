"""A tiny dataset in folders of nnU-Net, and fakes where nnU-Net would plan, train or predict."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_raw import DATASET, FakeNnunet, FakePrediction, FakeTraining, write_raw, write_splits


@dataclass(frozen=True)
class Fakes:
    """Hold the fakes, and where the dataset is."""

    root: Path
    nnunet: FakeNnunet
    training: FakeTraining
    prediction: FakePrediction


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """Set nnU-Net's folders to a tiny dataset, and put fakes at the border to nnU-Net."""
    root = tmp_path / "nnunet"
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (root / name).mkdir(parents=True)
        monkeypatch.setenv(name, str(root / name))
    write_raw(root / "nnUNet_raw" / DATASET)
    write_splits(root / "nnUNet_preprocessed" / DATASET)
    made = Fakes(root, FakeNnunet(), FakeTraining(), FakePrediction())
    monkeypatch.setattr("nnunet_multiphase.benchmark.planning.run_nnunet", made.nnunet)
    monkeypatch.setattr("nnunet_multiphase.benchmark.run.train", made.training)
    monkeypatch.setattr("nnunet_multiphase.benchmark.run.predict", made.prediction)
    return made
