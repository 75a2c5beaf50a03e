"""Images that were clipped and scaled by other plans are known by the bounds that clipping left in them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer
from nnunet_multiphase.training.normalised_by import told_of_other_normalisation

pytestmark = pytest.mark.slow

BOUNDS = {"mean": 50.0, "std": 40.0, "percentile_00_5": -50.0, "percentile_99_5": 190.0}  # -2.5 to 3.5
SETTINGS = {"normalization_schemes": ["CTNormalization"], "resampling_fn_data_kwargs": {"order_z": 3}}


def scan(seed: int, *, air: bool = True) -> np.ndarray:
    """Give a volume in HU (Z, Y, X), with air around tissue unless it was cropped away."""
    values = np.random.default_rng(seed).normal(60, 30, (12, 16, 16)).round()
    if air:
        values[:, :5] = -1000 + seed
    return values


def told(made_with: dict, asked: dict = BOUNDS, *, air: bool = True, **settings: object) -> str:
    def load(case: str) -> np.ndarray:
        hu = scan(int(case), air=air)[None]
        clipped = np.clip(hu, made_with["percentile_00_5"], made_with["percentile_99_5"])
        return ((clipped - made_with["mean"]) / made_with["std"]).astype(np.float32)

    plans = {"plans_name": "P", "foreground_intensity_properties_per_channel": {"0": asked}}
    exact = {"order_z": 3, "force_separate_z": False}
    asked_of = {**SETTINGS, "resampling_fn_data_kwargs": exact, **settings}
    return told_of_other_normalisation(plans, asked_of, ["1", "2", "3"], load, ["pv"])


@pytest.mark.parametrize("air", [True, False])
def test_images_of_the_plans_are_taken(air: bool):
    assert told(BOUNDS, air=air) == ""


@pytest.mark.parametrize(
    ("made_with", "found"),
    [
        ({"percentile_00_5": -90.0}, "1: pv lies between -3.5 and"),  # beyond
        ({"mean": 60.0}, "1: pv lies between -2.75 and"),
        ({"percentile_00_5": -10.0}, "1: pv lies between -1.5 and"),  # within: the one lowest value tells
    ],
)
def test_images_of_other_bounds_are_told(made_with: dict, found: str):
    said = told(BOUNDS | made_with)
    assert said.startswith(found)
    assert "the plans P clip it to -2.5 to 3.5" in said


def test_one_lowest_value_that_few_voxels_hold_is_no_sign():
    assert told(BOUNDS | {"percentile_00_5": -40.0}, air=False) == ""  # as of a crop without air


def test_splines_that_leave_the_bounds_are_no_sign():
    beyond = BOUNDS | {"percentile_99_5": 900.0, "percentile_00_5": -50.0}
    separate = {"order_z": 3, "force_separate_z": None}
    assert told(beyond, {**BOUNDS, "percentile_99_5": 100.0}) != ""
    assert told(beyond, {**BOUNDS, "percentile_99_5": 100.0}, resampling_fn_data_kwargs=separate) == ""


def test_other_normalisations_and_single_cases_are_not_judged():
    assert told(BOUNDS | {"mean": 90.0}, normalization_schemes=["ZScoreNormalization"]) == ""
    plans = {"foreground_intensity_properties_per_channel": {"0": BOUNDS}}
    flat = np.full((1, 4, 4, 4), 7.0)  # a missing phase
    assert told_of_other_normalisation(plans, SETTINGS, ["1"], lambda _: flat) == ""


def test_a_training_on_images_of_other_intensities_is_refused(plain: Dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))

    def start(change: Callable[[dict], object]) -> None:
        plans = {**plain.plans, "continue_training": False}
        change(plans["foreground_intensity_properties_per_channel"])
        trainer = MultiPhaseSCAMTrainer(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))
        trainer.initialize()
        trainer.get_tr_and_val_datasets()

    start(lambda of: None)
    with pytest.raises(InputError, match=r"case_000: pv lies .* run nnUNetv2_preprocess -d Dataset911_Plain"):
        start(lambda of: of["2"].update(mean=of["2"]["mean"] + 10))
