"""A training that diverges stops before it writes over what was good."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_dataset import Dataset
from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.nnunet_model import load_model
from nnunet_multiphase.training.budget import TrainingRecord
from nnunet_multiphase.training.divergence import refuse_divergence

pytestmark = pytest.mark.slow

BEST = "checkpoint_best.pth"
NAN = np.float32(math.nan)


def told(losses: list, network: nn.Module | None = None) -> list[str]:
    said: list[str] = []  # what is no reason to stop
    refuse_divergence(losses, network or nn.Linear(2, 2), epoch=7, learning_rate=0.003, say=said.append)
    return said


def test_an_ordinary_epoch_says_nothing():
    assert told([np.float32(0.5), np.float32(-0.2)]) == []
    assert told([]) == []


def test_single_steps_without_a_loss_are_told():
    assert told([np.float32(0.5), NAN]) == ["WARNING: 1 of 2 steps of epoch 7 had a loss that is no number."]


def test_an_epoch_without_any_loss_stops_the_training():
    with pytest.raises(InputError, match=r"epoch 7: none of its 2 steps .* below 0\.003 .*: 0\.0003\}"):
        told([NAN, np.float32(math.inf)])


def test_weights_that_are_no_numbers_stop_the_training():
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.bias[0] = math.nan
    with pytest.raises(InputError, match="epoch 7: 1 of 2 tensors of the weights"):
        told([np.float32(0.5)], network)


def test_the_trainer_stops_before_it_writes_a_checkpoint(
    plain: Dataset, make_trainer: Callable, tmp_path, monkeypatch
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    trainer = make_trainer(plain, name="MultiPhaseSCAMTrainer_tryout")
    trainer.initialize()
    monkeypatch.setattr(trainer, "loss", lambda output, target: output[0].sum() * math.nan)
    with pytest.raises(InputError, match="tensors of the weights hold"):
        trainer.run_training()
    assert not list(Path(trainer.output_folder).glob("*.pth"))


def test_folds_that_have_diverged_do_not_vote(trained: TrainingRecord, tmp_path: Path):
    model = tmp_path / "model"
    shutil.copytree(trained.output_folder.parent, model)
    shutil.copytree(model / "fold_0", model / "fold_1")
    checkpoint = torch.load(model / "fold_1" / BEST, weights_only=False)
    next(iter(checkpoint["network_weights"].values())).view(-1)[0] = math.nan
    torch.save(checkpoint, model / "fold_1" / BEST)
    with pytest.raises(InputError, match=r"fold 1: 1 of \d+ tensors .* leave it out \(-f 0\)"):
        load_model(model, [0, 1], checkpoint=BEST, progress=False, trusted=True)
    with pytest.raises(InputError, match=r"of fold 1: 1 of \d+ tensors .* train anew with a lower learning"):
        load_model(model, [1], checkpoint=BEST, progress=False, trusted=True)
