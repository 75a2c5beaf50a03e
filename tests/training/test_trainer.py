"""The trainer: settings, loss, seed, optimiser, best checkpoint, and every kind of target."""

import json
import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.budget import find_trainer
from nnunet_multiphase.training.focal_dice import FocalDiceLoss
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer

pytestmark = pytest.mark.slow
Maker = Callable[..., MultiPhaseSCAMTrainer]


def log_epoch(trainer: MultiPhaseSCAMTrainer, val_loss: float, dice: float = 0.5) -> None:
    """Let one epoch end with this validation loss, as nnU-Net's loop would."""
    trainer.on_epoch_start()
    epoch = trainer.current_epoch
    trainer.logger.log("lrs", 1e-3, epoch)
    trainer.logger.log("train_losses", val_loss, epoch)
    trainer.logger.log("mean_fg_dice", dice, epoch)
    trainer.logger.log("dice_per_class_or_region", [dice], epoch)
    trainer.logger.log("val_losses", val_loss, epoch)
    trainer.on_epoch_end()


def best_epoch(trainer: MultiPhaseSCAMTrainer) -> int:
    path = Path(trainer.output_folder) / "checkpoint_best.pth"
    return torch.load(path, map_location="cpu", weights_only=False)["current_epoch"] - 1


@pytest.fixture
def scripted(plain: Dataset, make_trainer: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """Give a function that makes an initialised trainer of its own results folder; progress.png is not drawn."""
    monkeypatch.setenv("nnUNet_results", str(tmp_path))

    def make() -> MultiPhaseSCAMTrainer:
        trainer = make_trainer(plain)
        trainer.initialize()
        trainer.logger.plot_progress_png = lambda folder: None  # seconds a picture, and not what is tested
        return trainer

    return make


def test_best_checkpoint_follows_the_loss_and_not_the_dice(scripted: Maker):
    trainer = scripted()
    for loss, dice in ((0.9, 0.1), (0.5, 0.2), (0.7, 0.9), (math.nan, 0.95), (0.5, 0.99)):
        log_epoch(trainer, loss, dice)
    assert best_epoch(trainer) == 1


def test_best_checkpoint_is_still_the_lowest_loss_after_resuming(scripted: Maker):
    first = scripted()
    first.save_every = 3
    for loss in (0.9, 0.4, 0.6):
        log_epoch(first, loss)
    resumed = scripted()
    resumed.load_checkpoint(str(Path(first.output_folder) / "checkpoint_latest.pth"))
    log_epoch(resumed, 0.5)
    assert best_epoch(resumed) == 1
    log_epoch(resumed, 0.3)
    assert best_epoch(resumed) == 4


def test_best_checkpoint_saved_after_the_last_latest_survives_resuming(scripted: Maker):
    first = scripted()
    first.save_every = 2
    for loss in (0.9, 0.6, 0.3):  # latest holds the first two epochs, best the third
        log_epoch(first, loss)
    resumed = scripted()
    resumed.load_checkpoint(str(Path(first.output_folder) / "checkpoint_latest.pth"))
    assert resumed.current_epoch == 2
    for loss in (0.5, 0.4):  # better than what latest knows, worse than best
        log_epoch(resumed, loss)
    best = Path(resumed.output_folder) / "checkpoint_best.pth"
    logged = torch.load(best, map_location="cpu", weights_only=False)["logging"]["val_losses"]
    assert logged == [0.9, 0.6, 0.3]
    log_epoch(resumed, 0.2)
    assert best_epoch(resumed) == 4


def test_best_moving_dice_is_recorded_as_nnunet_would(scripted: Maker):
    trainer = scripted()
    for dice in (0.5, 0.8, 0.1):
        log_epoch(trainer, 1.0, dice)
    # nnU-Net's moving average: 0.5, then 0.9 * 0.5 + 0.1 * 0.8 = 0.53, then below.
    assert trainer._best_ema == pytest.approx(0.53)


def test_without_checkpointing_nothing_is_written(scripted: Maker):
    trainer = scripted()
    trainer.disable_checkpointing = True
    log_epoch(trainer, 0.5)
    assert not list(Path(trainer.output_folder).glob("*.pth*"))


def test_initial_weights_come_from_the_seed_alone(plain: Dataset, make_trainer: Maker):
    def weights(seed: int, disturbance: int) -> torch.Tensor:
        torch.manual_seed(disturbance)
        trainer = make_trainer(plain)
        trainer.seed = seed
        trainer.initialize()
        return torch.cat([p.detach().flatten() for p in trainer.network.parameters()])

    assert torch.equal(weights(1, 0), weights(1, 99))
    assert not torch.equal(weights(1, 0), weights(2, 0))


def test_initialising_leaves_the_global_generator_where_it_was(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trainer.initialize()
    assert torch.equal(torch.rand(3), expected)


def test_optimiser_is_adam_and_its_rate_a_function_of_the_epoch(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain)
    trainer.num_epochs = 100
    trainer.initialize()
    assert type(trainer.optimizer) is torch.optim.Adam
    for epoch in (50, 10, 50):  # in any order: nothing is remembered
        trainer.lr_scheduler.step(epoch)
        assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(3e-3 * (1 - epoch / 100) ** 0.9)


def test_coarser_outputs_weigh_half_and_the_coarsest_nothing(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain)
    trainer.initialize()
    assert isinstance(trainer.loss, DeepSupervisionWrapper)
    # Four stages, three outputs: 1, 1/2, 0, over their sum.
    np.testing.assert_allclose(trainer.loss.weight_factors, (2 / 3, 1 / 3, 0))


def test_distributed_training_gives_the_coarsest_output_a_gradient(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain)
    trainer.is_ddp = True
    assert trainer._deep_supervision_weights()[-1] == pytest.approx(1e-6 / 1.500001)
    assert trainer._build_loss().loss.ddp


def test_single_output_keeps_its_weight(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain)
    trainer._get_deep_supervision_scales = lambda: [[1, 1, 1]]
    np.testing.assert_array_equal(trainer._deep_supervision_weights(), (1,))


def test_without_deep_supervision_loss_and_network_have_one_output(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain, name="MultiPhaseSCAMTrainerNoDeepSupervision")
    trainer.initialize()
    assert isinstance(trainer.loss, FocalDiceLoss)
    patch = trainer.configuration_manager.patch_size
    assert trainer.network(torch.zeros(1, 4, *patch)).shape == (1, 2, *patch)


@pytest.mark.parametrize(("epochs", "suffix"), [(1, "_1epoch"), (5, "_5epochs"), (500, "_500epochs")])
def test_variant_stops_after_the_epochs_of_its_name(
    plain: Dataset, make_trainer: Maker, epochs: int, suffix: str
):
    assert make_trainer(plain, name=f"MultiPhaseSCAMTrainer{suffix}").num_epochs == epochs


def test_loss_settings_of_the_class_reach_the_loss(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain)
    trainer.alpha, trainer.gamma, trainer.a, trainer.b = 0.6, 1.5, 2.0, 3.0
    loss = trainer._build_loss().loss
    assert (loss.alpha, loss.gamma, loss.a, loss.b) == (0.6, 1.5, 2.0, 3.0)


@pytest.mark.parametrize(
    ("fixture", "configuration", "name"),
    [
        ("ignoring", "2d", "MultiPhaseSCAMTrainer"),
        ("regions", "3d_fullres", "MultiPhaseSCAMTrainer"),
        ("plain", "3d_fullres", "MultiPhaseSCAMTrainerRotation"),
        ("plain", "3d_fullres", "MultiPhaseSCAMTrainerNoMirroring"),
        ("plain", "3d_fullres", "MultiPhaseSCAMTrainerNoDeepSupervision"),
    ],
)
def test_one_step_of_training_and_validation_is_finite(
    make_trainer: Maker, request: pytest.FixtureRequest, fixture: str, configuration: str, name: str
):
    trainer = make_trainer(request.getfixturevalue(fixture), configuration, name=name)
    trainer.initialize()
    training, validation = trainer.get_dataloaders()
    before = deepcopy(trainer.network.state_dict())
    assert np.isfinite(trainer.train_step(next(training))["loss"])
    assert any(not torch.equal(before[k], v) for k, v in trainer.network.state_dict().items())
    with torch.no_grad():
        assert np.isfinite(trainer.validation_step(next(validation))["loss"])


def test_cascade_adds_one_channel_for_each_label(plain: Dataset, training_root: Path):
    plans = plain.plans
    lowres = deepcopy(plans["configurations"]["3d_fullres"])
    plans["configurations"]["3d_lowres"] = {**lowres, "next_stage": "3d_cascade_fullres"}
    plans["configurations"]["3d_cascade_fullres"] = {
        "inherits_from": "3d_fullres",
        "previous_stage": "3d_lowres",
    }
    trainer = MultiPhaseSCAMTrainer(
        {**plans, "continue_training": False}, "3d_cascade_fullres", 0, plain.description, torch.device("cpu")
    )
    trainer.initialize()
    assert trainer.num_input_channels == 5  # four phases and the lesion of the previous stage
    output = trainer.network(torch.zeros(1, 5, *trainer.configuration_manager.patch_size))
    assert output[0].shape[1] == 2


def test_without_mirroring_prediction_does_not_mirror_either(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain, name="MultiPhaseSCAMTrainerNoMirroring")
    *_, mirror_axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    assert mirror_axes is None
    assert trainer.inference_allowed_mirroring_axes is None


def test_loss_settings_of_the_plans_reach_loss_and_checkpoint(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    plans = {**plain.plans, "continue_training": False, "multiphase_loss": {"alpha": 0.6, "b": 3}}
    trainer = MultiPhaseSCAMTrainer(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))
    trainer.initialize()
    loss = trainer.loss.loss
    assert (loss.alpha, loss.gamma, loss.a, loss.b) == (0.6, 2.0, 1.0, 3.0)
    path = tmp_path / "c.pth"
    trainer._best_ema = 0.0
    trainer.save_checkpoint(str(path))
    saved = torch.load(path, map_location="cpu", weights_only=False)["init_args"]["plans"]["multiphase_loss"]
    assert saved == {"alpha": 0.6, "gamma": 2.0, "a": 1.0, "b": 3.0}
    assert plans["multiphase_loss"] == {"alpha": 0.6, "b": 3}  # the caller's stay as they are
    assert "alpha 0.6, gamma 2, a 1, b 3" in Path(trainer.log_file).read_text()


def test_loss_settings_changed_before_resuming_are_logged_and_recorded(
    plain: Dataset, scripted: Maker, monkeypatch: pytest.MonkeyPatch
):
    first = scripted()
    first.save_every = 1
    log_epoch(first, 0.5)
    latest = Path(first.output_folder) / "checkpoint_latest.pth"
    plans = {**plain.plans, "continue_training": True, "multiphase_loss": {"gamma": 1.0}}
    resumed = MultiPhaseSCAMTrainer(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))
    resumed.load_checkpoint(str(latest))
    resumed.save_checkpoint(str(latest))
    saved = torch.load(latest, map_location="cpu", weights_only=False)["init_args"]["plans"]
    assert saved["multiphase_loss"]["gamma"] == 1.0
    assert resumed.loss.loss.gamma == 1.0
    assert "have changed since the checkpoint" in Path(resumed.log_file).read_text()


def test_a_training_step_shows_the_network_fewer_phases_but_always_the_reference(
    plain: Dataset, make_trainer: Maker
):
    trainer = make_trainer(plain)
    trainer.phase_dropout = 1.0
    trainer.initialize()
    trainer.on_train_epoch_start()
    seen = []
    trainer.network.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].clone()))
    training, _ = trainer.get_dataloaders()
    for _ in range(4):
        trainer.train_step(next(training))
    values = torch.tensor(trainer.phase_channels.absent_values)[:, None]
    absent = [(sample.flatten(1) == values).all(1).tolist() for batch in seen for sample in batch]
    assert all(sum(sample) >= 1 for sample in absent)
    assert not any(sample[2] for sample in absent)  # pv


def test_a_filled_phase_reaches_the_network_as_in_prediction(plain: Dataset, make_trainer: Maker):
    trainer = make_trainer(plain, name="MultiPhaseSCAMTrainerNoPhaseDropout")
    trainer.initialize()
    trainer.on_train_epoch_start()
    seen = []
    trainer.network.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].clone()))
    training, _ = trainer.get_dataloaders()
    batch = next(training)
    while "case_002" not in batch["keys"]:
        batch = next(training)
    trainer.train_step(batch)
    sample = seen[0][list(batch["keys"]).index("case_002")]
    assert (sample[1] == trainer.phase_channels.absent_values[1]).all()  # art
    assert all(sample[c].std() > 0 for c in (0, 2, 3))


def test_phase_draws_are_those_of_the_epoch_whatever_came_before(plain: Dataset, make_trainer: Maker):
    def draws(epochs: list[int]) -> list[float]:
        trainer = make_trainer(plain)
        trainer.initialize()
        for epoch in epochs:
            trainer.current_epoch = epoch
            trainer.on_train_epoch_start()
        return trainer.phase_rng.random(3).tolist()

    assert draws([0, 1, 2]) == draws([2])
    assert draws([1]) != draws([2])


def test_plans_that_contradict_a_variants_name_are_refused(plain: Dataset):
    name, plans = "MultiPhaseSCAMTrainerNoPhaseDropout", {**plain.plans, "continue_training": False}
    plans["multiphase_training"] = {"phase_dropout": 0.5}
    with pytest.raises(InputError, match=r"has phase_dropout 0, but the plans say 0\.5"):
        find_trainer(name)(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))
    plans["multiphase_training"] = {"phase_dropout": 0, "misalignment": 0.5}
    assert (
        find_trainer(name)(plans, "3d_fullres", 0, plain.description, torch.device("cpu")).misalignment == 0.5
    )


def resumed_without_its_settings(scripted: Maker) -> MultiPhaseSCAMTrainer:
    """Go on from a checkpoint of a version that had neither phase dropout nor misalignment."""
    first = scripted()
    first.save_every = 1
    log_epoch(first, 0.5)
    latest = Path(first.output_folder) / "checkpoint_latest.pth"
    old = torch.load(latest, map_location="cpu", weights_only=False)
    del old["init_args"]["plans"]["multiphase_training"]
    torch.save(old, latest)
    resumed = scripted()
    resumed.load_checkpoint(str(latest))
    return resumed


def test_a_training_of_a_version_without_phase_dropout_goes_on_without(plain: Dataset, scripted: Maker):
    resumed = resumed_without_its_settings(scripted)
    assert resumed.phase_dropout == resumed.misalignment == 0
    assert "both stay off" in Path(resumed.log_file).read_text()
    plans = {**plain.plans, "continue_training": True, "multiphase_training": {"phase_dropout": 0.4}}
    asked = MultiPhaseSCAMTrainer(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))
    asked.load_checkpoint(str(Path(resumed.output_folder) / "checkpoint_latest.pth"))
    assert asked.phase_dropout == 0.4


def test_plans_json_tells_that_an_old_training_goes_on_without_dropout(plain: Dataset, scripted: Maker):
    resumed = resumed_without_its_settings(scripted)
    resumed.on_train_start()
    beside = json.loads((Path(resumed.output_folder_base) / "plans.json").read_text())
    assert beside["multiphase_training"]["phase_dropout"] == 0
