"""Our trainer with plans for another network, as where -p was forgotten: trained, and told in the log."""

from pathlib import Path

import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer

pytestmark = pytest.mark.slow

PLAIN = "dynamic_network_architectures.architectures.unet.PlainConvUNet"


@pytest.mark.parametrize("other", [False, True])
def test_plans_for_another_network_are_told(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bool
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    plans = {**plain.plans, "plans_name": "nnUNetPlans", "continue_training": False}
    network = plans["configurations"]["3d_fullres"]["architecture"]
    if other:
        names = (
            "n_stages",
            "features_per_stage",
            "conv_op",
            "kernel_sizes",
            "strides",
            "conv_bias",
            "nonlin",
        )
        kept = {
            name: network["arch_kwargs"][name]
            for name in (*names, "nonlin_kwargs", "norm_op", "norm_op_kwargs")
        }
        counts = {"n_conv_per_stage": [1] * 4, "n_conv_per_stage_decoder": [1] * 3}
        network |= {"network_class_name": PLAIN, "arch_kwargs": kept | counts}
    trainer = MultiPhaseSCAMTrainer(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))
    monkeypatch.setattr(trainer, "plot_network_architecture", lambda: None)
    trainer.on_train_start()
    told = "The plans nnUNetPlans are for PlainConvUNet, which is not the method's network"
    assert (told in Path(trainer.log_file).read_text()) is other
