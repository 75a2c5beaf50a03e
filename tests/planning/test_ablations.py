"""Planners without one of the method's choices: their plans differ from the method's in that alone."""

import json
from pathlib import Path

import nnunetv2.experiment_planning
import numpy as np
import pytest
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

from nnunet_multiphase.planning.ablations import (
    MultiPhaseSCAMPlannerFocalLoss,
    MultiPhaseSCAMPlannerPlainSkips,
)
from nnunet_multiphase.planning.multiphase_scam_planner import PLANS_NAME, MultiPhaseSCAMPlanner

pytestmark = pytest.mark.slow

DATASET = "Dataset901_Tiny"


def planned(root: Path, choice: str) -> dict:
    """Plan as nnU-Net does, by the planner's name, and give the saved plans under the usual plans' names."""
    name = f"MultiPhaseSCAMPlanner{choice}"
    planner = recursive_find_python_class(
        nnunetv2.experiment_planning.__path__[0], name, "nnunetv2.experiment_planning"
    )
    planner(901).plan_experiment()
    own = f"nnUNetMultiPhaseSCAM{choice}Plans"
    saved = (root / "nnUNet_preprocessed" / DATASET / f"{own}.json").read_text()
    assert own in saved
    return json.loads(saved.replace(own, PLANS_NAME).replace(name, "MultiPhaseSCAMPlanner"))


def test_plain_skips_have_no_scam_and_nothing_else(plans: dict, nnunet_folders: Path):
    found = planned(nnunet_folders, "PlainSkips")
    for configuration in found["configurations"].values():
        assert configuration["architecture"]["arch_kwargs"].pop("select_skips") is False
    assert found == plans


@pytest.mark.parametrize("gigabytes", [2, 4])
def test_plain_skips_get_the_patch_and_batch_of_the_method(nnunet_folders: Path, gigabytes: int):
    sizes = []
    for planner in (MultiPhaseSCAMPlanner, MultiPhaseSCAMPlannerPlainSkips):
        planned = planner(901, gpu_memory_target_in_gb=gigabytes, plans_name="Sizes")
        plan = planned.get_plans_for_configuration(np.ones(3), np.array((512, 512, 512)), "x", 1e12, {})
        sizes.append((plan["batch_size"], tuple(plan["patch_size"])))
    assert sizes[0] == sizes[1]


def test_linear_masks_are_resampled_by_order_1_and_nothing_else_changes(plans: dict, nnunet_folders: Path):
    found = planned(nnunet_folders, "LinearMasks")
    for name, configuration in found["configurations"].items():
        mask = configuration["resampling_fn_seg_kwargs"]
        assert (mask["order"], mask["order_z"]) == (1, 1)
        configuration["resampling_fn_seg_kwargs"] = plans["configurations"][name]["resampling_fn_seg_kwargs"]
    assert found == plans


@pytest.mark.parametrize(("choice", "weights"), [("FocalLoss", (1.0, 0.0)), ("DiceLoss", (0.0, 1.0))])
def test_one_loss_is_what_the_trainer_reads(
    plans: dict, nnunet_folders: Path, choice: str, weights: tuple[float, float]
):
    from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer
    from nnunet_multiphase.training.plans_settings import read_settings

    found = planned(nnunet_folders, choice)
    loss = read_settings(found, MultiPhaseSCAMTrainer)["multiphase_loss"]
    assert (loss["a"], loss["b"]) == weights
    del found["multiphase_loss"]
    assert found == plans


def test_one_loss_planned_again_keeps_what_it_does_not_set(plans: dict, nnunet_folders: Path):
    name = "FocalLossByHand"
    saved = nnunet_folders / "nnUNet_preprocessed" / DATASET / f"{name}.json"
    saved.write_text(json.dumps(plans | {"multiphase_loss": {"alpha": 0.6, "b": 2.0}}))
    MultiPhaseSCAMPlannerFocalLoss(901, plans_name=name).plan_experiment()
    assert json.loads(saved.read_text())["multiphase_loss"] == {"alpha": 0.6, "b": 0.0}
