"""A trainer of the user's own, and a patch that the strides do not divide: what is told and refused as it starts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer

pytestmark = pytest.mark.slow

Maker = Callable[..., MultiPhaseSCAMTrainer]


@pytest.fixture
def own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a trainer write into a folder of its own."""
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    return tmp_path


class OwnTrainer(MultiPhaseSCAMTrainer):
    """Change settings by nnU-Net's habit."""

    def __init__(self, plans, configuration, fold, dataset_json, device=torch.device("cuda")) -> None:  # noqa: B008
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.initial_lr = 1e-4
        self.alpha = 0.5


def own_trainer(
    plain: Dataset, kind: type[MultiPhaseSCAMTrainer], **entries: object
) -> MultiPhaseSCAMTrainer:
    plans = {**plain.plans, "continue_training": False, **entries}
    return kind(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))


def test_settings_of_an_own_trainer_are_written_down_as_they_are_used(plain: Dataset, own_results: Path):
    trainer = own_trainer(plain, OwnTrainer, multiphase_loss={"alpha": 0.6, "gamma": 1.0})
    trainer.on_train_start()
    assert trainer.loss.loss.alpha == 0.5
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)
    trainer._best_ema = 0.0
    trainer.save_checkpoint(str(own_results / "c.pth"))
    saved = torch.load(own_results / "c.pth", map_location="cpu", weights_only=False)["init_args"]["plans"]
    beside = json.loads((Path(trainer.output_folder_base) / "plans.json").read_text())
    for plans in (saved, beside):
        assert plans["multiphase_loss"] == {"alpha": 0.5, "gamma": 1.0, "a": 1.0, "b": 1.0}
        assert plans["multiphase_training"]["learning_rate"] == 1e-4
    said = Path(trainer.log_file).read_text()
    assert "alpha is 0.5, not 0.6 as the plans say: OwnTrainer sets it" in said
    assert "gamma is" not in said


@pytest.mark.parametrize(("name", "nnunets"), [("learning_rate", "initial_lr"), ("epochs", "num_epochs")])
def test_a_setting_of_an_own_trainer_that_comes_too_late_is_refused(
    plain: Dataset, make_trainer: Maker, name: str, nnunets: str
):
    trainer = make_trainer(plain)
    setattr(trainer, name, 7)
    with pytest.raises(InputError, match=rf"sets {name} after .*__init__, .* set nnU-Net's {nnunets}"):
        trainer.initialize()
    setattr(trainer, nnunets, 7)
    trainer.initialize()


def odd_patch(plain: Dataset) -> MultiPhaseSCAMTrainer:
    configurations = plain.plans["configurations"]
    configurations["3d_fullres"]["patch_size"] = [20, 30, 30]
    return own_trainer(plain, MultiPhaseSCAMTrainer, configurations=configurations)


def test_a_patch_that_the_strides_do_not_divide_is_refused_before_the_training(
    plain: Dataset, own_results: Path
):
    trainer = odd_patch(plain)
    with pytest.raises(
        InputError, match=r"plans, 3d_fullres: patch_size is \(20, 30, 30\).* or \(20, 32, 32\)"
    ):
        trainer.on_train_start()
    assert trainer.dataloader_train is None
    assert not (Path(trainer.output_folder_base) / "plans.json").exists()


def test_a_training_with_such_a_patch_goes_on_with_a_warning(plain: Dataset, own_results: Path):
    first = odd_patch(plain)
    first.initialize()
    first._best_ema = 0.0
    first.save_checkpoint(str(own_results / "c.pth"))
    resumed = odd_patch(plain)
    resumed.load_checkpoint(str(own_results / "c.pth"))
    resumed.on_train_start()
    assert "WARNING: 3d_fullres: patch_size is (20, 30, 30)" in Path(resumed.log_file).read_text()
