"""Images that were preprocessed for other plans: no training, no validation, and the planner tells of them."""

import logging
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner
from nnunet_multiphase.prepared_images import told_of_unfit_images, what_plans_ask
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer

CASES = [f"case_{number:03d}" for number in range(4)]
COARSE = [5.0, 3.0, 3.0]
Change = Callable[[dict], object]


def coarse(plans: dict) -> None:
    plans["configurations"]["3d_fullres"]["spacing"] = COARSE


def told(dataset: Dataset, change: Change = lambda plans: None, configuration: str = "3d_fullres") -> str:
    plans = dataset.plans
    change(plans)
    asked = what_plans_ask(plans, configuration, dataset.description)
    assert asked is not None
    return told_of_unfit_images(dataset.preprocessed, asked, CASES)


def test_images_of_their_plans_are_taken_without_a_word(plain: Dataset, ignoring: Dataset):
    assert told(plain) == ""
    assert told(ignoring, configuration="2d") == ""


def test_a_training_on_images_of_another_spacing_is_refused_before_anything_is_written(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    plans = {**plain.plans, "continue_training": False}
    coarse(plans)
    trainer = MultiPhaseSCAMTrainer(plans, "3d_fullres", 0, plain.description, torch.device("cpu"))
    with pytest.raises(
        InputError,
        match=r"case_000 in .*_3d_fullres \(and 3 more of 4 cases\) has 20 x 32 x 32 voxels, of about 2.5 x 1.5 x 1.5 mm; "
        r"the plans nnUNetMultiPhaseSCAMPlans ask for 10 x 16 x 16, of 5 x 3 x 3 mm, .*"
        r"run nnUNetv2_preprocess -d Dataset911_Plain -plans_name nnUNetMultiPhaseSCAMPlans -c 3d_fullres",
    ):
        trainer.on_train_start()
    assert not list(tmp_path.rglob("plans.json"))
    with pytest.raises(InputError, match="run nnUNetv2_preprocess"):  # what --val asks
        trainer.do_split()


def test_slices_of_another_spacing_are_told(ignoring: Dataset):
    def finer(plans: dict) -> None:
        plans["configurations"]["2d"]["spacing"] = [0.75, 0.75]

    assert "ask for 20 x 64 x 64, of 2.5 x 0.75 x 0.75 mm" in told(ignoring, finer, "2d")


def test_a_configuration_that_shares_the_images_of_another_spacing_is_told_to_have_its_own(plain: Dataset):
    def inheriting(plans: dict) -> None:
        plans["configurations"]["3d_coarse"] = {"inherits_from": "3d_fullres", "spacing": COARSE}

    said = told(plain, inheriting, "3d_coarse")
    assert "give 3d_coarse a data_identifier of its own in the plans" in said

    def copied(plans: dict) -> None:
        coarse(plans)
        plans["plans_name"] = "Coarse"

    assert "such as Coarse_3d_fullres, and run nnUNetv2_preprocess" in told(plain, copied)


def test_a_cascade_is_told_to_preprocess_the_configuration_that_makes_its_images(plain: Dataset):
    def cascade(plans: dict) -> None:
        coarse(plans)
        configuration = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
        plans["configurations"]["3d_cascade_fullres"] = configuration

    assert told(plain, cascade, "3d_cascade_fullres").endswith(
        "-c 3d_fullres, or put back the plans of before"
    )


def test_a_low_resolution_predicted_for_other_images_is_told(plain: Dataset, tmp_path: Path):
    for case, shape in zip(CASES, [(20, 32, 32), *[(10, 16, 16)] * 3], strict=True):
        np.savez(tmp_path / f"{case}.npz", seg=np.zeros(shape, np.uint8))
    asked = what_plans_ask(plain.plans, "3d_fullres", plain.description)
    assert asked is not None
    said = told_of_unfit_images(plain.preprocessed, asked, CASES, tmp_path)
    assert said.startswith("case_001: what the low resolution predicted has 10 x 16 x 16 voxels")


def test_a_cascade_whose_low_resolution_lacks_folds_is_told_to_train_them(plain: Dataset, tmp_path: Path):
    for case in CASES[:2]:  # of one fold
        np.savez(tmp_path / f"{case}.npz", seg=np.zeros((20, 32, 32), np.uint8))
    asked = what_plans_ask(plain.plans, "3d_fullres", plain.description)
    assert asked is not None
    said = told_of_unfit_images(plain.preprocessed, asked, CASES, tmp_path)
    assert said.startswith("2 of 4 cases (case_002, case_003) have no prediction of the low resolution in")
    assert "train all folds of the low resolution first" in said


def test_images_of_other_channels_are_told(plain: Dataset):
    record = {**plain.description, "channel_names": {"0": "CT"}}
    asked = what_plans_ask(plain.plans, "3d_fullres", record)
    assert asked is not None
    assert "has 4 channels, and dataset.json 1" in told_of_unfit_images(plain.preprocessed, asked, CASES)


@pytest.mark.parametrize("resampling", ["no_resampling_hack", "somebody_elses"])
def test_other_ways_of_preprocessing_are_not_judged(plain: Dataset, resampling: str):
    plans = plain.plans
    plans["configurations"]["3d_fullres"]["resampling_fn_data"] = resampling
    assert what_plans_ask(plans, "3d_fullres", plain.description) is None


def test_axes_that_were_exchanged_are_followed(tmp_path: Path, plain: Dataset):
    plans = {**plain.plans, "transpose_forward": [1, 0, 2]}
    asked = what_plans_ask(plans, "3d_fullres", plain.description)
    assert asked is not None
    folder = tmp_path / asked.data_identifier
    folder.mkdir()
    np.savez(folder / "a.npz", data=np.zeros((4, 40, 20, 30), np.float32), seg=np.zeros((1, 40, 20, 30)))
    # z of 3 mm, y of 5 mm: y comes first in the image.
    told = {"spacing": (3.0, 5.0, 1.5), "shape_after_cropping_and_before_resampling": (20, 10, 30)}
    (folder / "a.pkl").write_bytes(pickle.dumps(told))
    assert told_of_unfit_images(tmp_path, asked, ["a"]) == ""


def test_the_planner_tells_of_images_that_do_not_fit_any_more(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    monkeypatch.setattr(
        "nnunet_multiphase.planning.multiphase_scam_planner.nnUNet_preprocessed", str(tmp_path)
    )
    shutil.copytree(plain.preprocessed, tmp_path / plain.name)
    with caplog.at_level(logging.WARNING):
        MultiPhaseSCAMPlanner(911).plan_experiment()
    assert "preprocessed before" not in caplog.text
    with caplog.at_level(logging.WARNING):
        MultiPhaseSCAMPlanner(911, overwrite_target_spacing=COARSE).plan_experiment()
    assert "images that were preprocessed before do not fit these plans; case_000" in caplog.text
