"""Contestants: each can be asked of nnU-Net by name, and what cannot be compared is refused in a sentence."""

import importlib

import pytest

from nnunet_multiphase.autoload import PLANNERS
from nnunet_multiphase.benchmark.contestants import (
    CONTESTANTS,
    DEFORMABLE,
    REFERENCE,
    REGISTERED,
    SIMPLEITK,
    UNREGISTERED,
    choose_contestants,
)
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.names import TRAINERS

OURS = [contestant for contestant in CONTESTANTS.values() if contestant.trainer != "nnUNetTrainer"]


@pytest.mark.parametrize("contestant", OURS, ids=lambda contestant: contestant.name)
def test_our_planner_writes_the_plans_that_are_trained(contestant):
    assert contestant.trainer in TRAINERS
    planner = getattr(importlib.import_module(PLANNERS[contestant.planner]), contestant.planner)
    assert planner.default_plans_name == contestant.plans


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("vanilla", "default_experiment_planner"),
        ("resenc_m", "residual_unets.residual_encoder_unet_planners"),
    ],
)
def test_nnunets_planner_writes_the_plans_that_are_trained(name, module):
    import inspect

    contestant = CONTESTANTS[name]
    found = importlib.import_module(f"nnunetv2.experiment_planning.experiment_planners.{module}")
    signature = inspect.signature(getattr(found, contestant.planner))
    assert signature.parameters["plans_name"].default == contestant.plans


def test_no_two_contestants_are_the_same():
    assert len({(c.plans, c.trainer, c.dataset) for c in CONTESTANTS.values()}) == len(CONTESTANTS)


def test_an_ablation_differs_from_ours_in_one_thing():
    ours = CONTESTANTS["ours"]
    for contestant in OURS[1:]:
        assert (contestant.plans == ours.plans) != (contestant.dataset == ours.dataset)


def test_each_registration_has_a_dataset_of_its_own():
    kinds = (REGISTERED, REFERENCE, UNREGISTERED, SIMPLEITK, DEFORMABLE)
    assert len({kind.number for kind in kinds}) == len({kind.name for kind in kinds}) == 5
    assert [
        CONTESTANTS[n].dataset for n in ("ours", "single_phase", "unregistered", "simpleitk", "deformable")
    ] == list(kinds)


def test_contestants_keep_their_order():
    assert [c.name for c in choose_contestants(["ours", "vanilla"], from_raw=False)] == ["ours", "vanilla"]


@pytest.mark.parametrize("name", ["unregistered", "headers", "simpleitk", "deformable"])
def test_other_registrations_need_the_raw_cases(name):
    with pytest.raises(InputError, match=rf"{name} needs .* give the folder of the raw cases instead of -d"):
        choose_contestants(["ours", name], from_raw=False)
    assert len(choose_contestants(["ours", name], from_raw=True)) == 2


def test_headers_is_another_name_of_unregistered():
    assert choose_contestants(["headers"], from_raw=True) == (CONTESTANTS["unregistered"],)
    with pytest.raises(InputError, match="headers and unregistered are the same thing"):
        choose_contestants(["unregistered", "headers"], from_raw=True)


def test_rigid_is_ours_where_the_dataset_is_rigid():
    assert choose_contestants(["rigid"], from_raw=True) == (CONTESTANTS["ours"],)
    assert choose_contestants(["rigid"], from_raw=False, registration="rigid") == (CONTESTANTS["ours"],)
    for model in ("deformable", None):
        with pytest.raises(InputError, match="rigid needs"):
            choose_contestants(["rigid"], from_raw=False, registration=model)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["ours", "nobody"], "nobody is unknown: expected one of vanilla"),
        (["ours", "ours"], "twice"),
        ([], "nobody"),
    ],
)
def test_a_wrong_list_is_refused(names, said):
    with pytest.raises(InputError, match=said):
        choose_contestants(names, from_raw=True)
