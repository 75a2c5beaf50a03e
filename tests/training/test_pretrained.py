"""Weights from elsewhere: those of other phases are refused, those of another network named."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer
from nnunet_multiphase.training.pretrained import compare_trainings

pytestmark = pytest.mark.slow

Maker = Callable[..., MultiPhaseSCAMTrainer]
Loaded = Callable[[Callable[[dict], None]], str]


@pytest.fixture
def loaded(plain: Dataset, make_trainer: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Give a function that loads a checkpoint as `-pretrained_weights` does and returns the log.

    It takes what is done to the checkpoint's `init_args` before.
    """
    monkeypatch.setenv("nnUNet_results", str(tmp_path))

    def load(change: Callable[[dict], None]) -> str:
        trainer = make_trainer(plain)
        trainer.initialize()
        arguments = deepcopy(trainer.my_init_kwargs)
        change(arguments)
        weights = {key: torch.full_like(value, 0.5) for key, value in trainer.network.state_dict().items()}
        torch.save({"network_weights": weights, "init_args": arguments}, tmp_path / "other.pth")
        load_pretrained_weights(trainer.network, str(tmp_path / "other.pth"))
        body = [value for key, value in trainer.network.state_dict().items() if ".seg_layers." not in key]
        assert all((value == 0.5).all() for value in body)
        return Path(trainer.log_file).read_text()

    return load


def set_network(arguments: dict, **changes: object) -> None:
    configuration = arguments["plans"]["configurations"]["3d_fullres"]
    configuration["architecture"]["arch_kwargs"].update(changes)


def test_weights_of_the_same_phases_and_network_load_without_a_word(loaded: Loaded):
    assert "WARNING" not in loaded(lambda arguments: None)


def test_weights_of_phases_in_another_order_are_refused(loaded: Loaded):
    def reorder(arguments: dict) -> None:
        arguments["dataset_json"]["phases"] = ["pv", "art", "nc", "dl"]

    with pytest.raises(
        InputError, match=r"other\.pth were trained on the phases pv, art, nc, dl, but .* nc, art, pv, dl"
    ):
        loaded(reorder)


def test_weights_of_other_phases_and_of_none_are_named(loaded: Loaded):
    said = loaded(lambda arguments: arguments["dataset_json"].update(phases=["t1", "t2", "flair", "dl"]))
    assert "other.pth were trained on the phases t1, t2, flair, dl, here these are nc, art, pv, dl" in said
    assert "do not say on which phases" in loaded(lambda arguments: arguments["dataset_json"].pop("phases"))


def test_weights_of_a_network_with_other_dilations_and_pooling_are_named(loaded: Loaded):
    said = loaded(lambda arguments: set_network(arguments, dilations=[[1, 1, 1]] * 4, pool="avg"))
    assert "computes something else of the same weights: it differs in dilations, pool." in said


def test_weights_of_a_version_that_kept_absent_phases_are_named(loaded: Loaded):
    def forget(arguments: dict) -> None:
        configuration = arguments["plans"]["configurations"]["3d_fullres"]
        del configuration["architecture"]["arch_kwargs"]["ignore_absent_phases"]

    assert "differs in ignore_absent_phases." in loaded(forget)


def test_a_training_is_not_gone_on_with_on_phases_in_another_order(
    plain: Dataset, make_trainer: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    trainer = make_trainer(plain)
    trainer.initialize()
    trainer._best_ema = 0.0
    trainer.save_checkpoint(str(tmp_path / "c.pth"))
    other = make_trainer(plain)
    other.dataset_json["phases"] = ["art", "nc", "pv", "dl"]
    other.plans_manager.plans["phases"] = ["art", "nc", "pv", "dl"]  # planned for itself
    with pytest.raises(InputError, match=r"c\.pth were trained on the phases nc, art, pv, dl"):
        other.load_checkpoint(str(tmp_path / "c.pth"))


def test_a_checkpoint_without_a_record_of_its_training_is_no_error():
    said: list[str] = []
    compare_trainings("these", {}, {"dataset_json": {"phases": ["art", "pv"]}}, said.append)
    compare_trainings("these", {"dataset_json": {"phases": ["art"]}}, {}, said.append)
    assert said == ["WARNING: these do not say on which phases they were trained; here these are art, pv."]
