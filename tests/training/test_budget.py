"""Training with a budget: what is recorded, resumed, and readable by nnU-Net's predictor."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tiny_dataset import Dataset, preprocess

from nnunet_multiphase.autoload import make_findable
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.planning.multiphase_scam_planner import PLANS_NAME
from nnunet_multiphase.prediction import load_model
from nnunet_multiphase.training.budget import TrainingRecord, find_trainer, saved_whole, train_with_budget
from nnunet_multiphase.training.names import TRAINERS

pytestmark = pytest.mark.slow


def load(path: Path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=False)


def test_record_says_what_was_done(trained: TrainingRecord):
    assert trained.steps == 4
    assert len(trained.train_losses) == len(trained.val_losses) == len(trained.pseudo_dice) == 2
    assert all(math.isfinite(loss) for loss in trained.train_losses + trained.val_losses)
    assert 0 < trained.seconds_per_step < trained.seconds
    assert trained.peak_memory_mb > 0


def test_record_counts_the_weights_of_the_checkpoint(trained: TrainingRecord):
    weights = load(trained.output_folder / "checkpoint_final.pth")["network_weights"]
    assert trained.parameters == sum(w.numel() for w in weights.values())


def test_checkpoint_names_its_trainer_and_keeps_nnunets_keys(trained: TrainingRecord):
    checkpoint = load(trained.output_folder / "checkpoint_final.pth")
    assert checkpoint["trainer_name"] == "MultiPhaseSCAMTrainer_5epochs"
    assert checkpoint.keys() == {
        "network_weights",
        "optimizer_state",
        "grad_scaler_state",
        "logging",
        "_best_ema",
        "current_epoch",
        "init_args",
        "trainer_name",
        "inference_allowed_mirroring_axes",
    }
    assert checkpoint["inference_allowed_mirroring_axes"] == (0, 1, 2)


def test_best_checkpoint_is_the_epoch_of_the_lowest_validation_loss(trained: TrainingRecord):
    best = load(trained.output_folder / "checkpoint_best.pth")
    assert best["current_epoch"] - 1 == int(np.argmin(trained.val_losses))
    assert best["logging"]["val_losses"][-1] == pytest.approx(min(trained.val_losses))


def test_training_leaves_nnunets_files_and_no_unfinished_one(trained: TrainingRecord):
    names = {path.name for path in trained.output_folder.iterdir()}
    assert {"checkpoint_final.pth", "checkpoint_best.pth", "progress.png", "debug.json"} <= names
    assert not any(name.endswith(".unfinished") for name in names)
    assert (trained.output_folder.parent / "plans.json").is_file()
    assert (trained.output_folder.parent / "dataset.json").is_file()


def test_resuming_continues_the_losses(
    trained: TrainingRecord, plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(plain.root / "nnUNet_results", tmp_path / "results")
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    resumed = train_with_budget(
        911,
        "3d_fullres",
        0,
        trainer="MultiPhaseSCAMTrainer_5epochs",
        plans=PLANS_NAME,
        epochs=3,
        iterations_per_epoch=1,
        val_iterations_per_epoch=1,
        seed=3,
        continue_training=True,
        workers=0,
    )
    assert resumed.train_losses[:2] == trained.train_losses
    assert resumed.val_losses[:2] == trained.val_losses
    assert len(resumed.val_losses) == 3
    assert resumed.steps == 1
    best = load(resumed.output_folder / "checkpoint_best.pth")
    assert best["current_epoch"] - 1 == int(np.argmin(resumed.val_losses))


def test_nnunets_predictor_finds_the_trainer_and_predicts(trained: TrainingRecord, plain: Dataset):
    make_findable()
    predictor = nnUNetPredictor(
        tile_step_size=1, use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.initialize_from_trained_model_folder(
        str(trained.output_folder.parent), use_folds=(0,), checkpoint_name="checkpoint_best.pth"
    )
    files = [str(plain.root / f"nnUNet_raw/{plain.name}/imagesTr/case_000_{c:04d}.nii.gz") for c in range(4)]
    images, properties = SimpleITKIO().read_images(files)
    segmentation = predictor.predict_single_npy_array(images, properties)
    assert segmentation.shape == images.shape[1:]
    assert set(np.unique(segmentation)) <= {0, 1}


def test_a_model_of_a_dataset_without_axes_says_what_order_it_is_shown(
    trained: TrainingRecord, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    model = tmp_path / "model"
    shutil.copytree(trained.output_folder.parent, model)
    load_model(model, ["0"], checkpoint="checkpoint_best.pth", progress=False)
    (said,) = caplog.messages
    assert "patients are shown to it in LPS order" in said
    description = json.loads((model / "dataset.json").read_text())
    (model / "dataset.json").write_text(json.dumps({**description, "axes": "LPS"}))
    load_model(model, ["0"], checkpoint="checkpoint_best.pth", progress=False)
    assert caplog.messages == [said]  # a dataset of today has nothing to be said


def test_vanilla_trainer_takes_the_same_path(plain: Dataset):
    preprocess(plain.root, plain.name, PLANS_NAME, "2d")
    record = train_with_budget(
        911,
        "2d",
        "all",
        trainer="nnUNetTrainer",
        plans=PLANS_NAME,
        epochs=1,
        iterations_per_epoch=1,
        val_iterations_per_epoch=1,
        workers=0,
    )
    assert record.output_folder.name == "fold_all"
    assert load(record.output_folder / "checkpoint_final.pth")["trainer_name"] == "nnUNetTrainer"


@pytest.mark.parametrize("name", TRAINERS)
def test_every_listed_trainer_is_where_the_list_says(name: str):
    trainer = find_trainer(name)
    assert trainer.__name__ == name
    assert trainer.__module__ == TRAINERS[name]
    assert issubclass(trainer, nnUNetTrainer)


def test_unknown_trainer_is_named_with_the_known_ones():
    with pytest.raises(
        InputError, match=r"trainer Nobody is not known: expected nnUNetTrainer or one of Multi"
    ):
        find_trainer("Nobody")


def test_missing_plans_say_what_to_run(plain: Dataset):
    with pytest.raises(InputError, match=r"Dataset911_Plain: .*Absent\.json.*nnUNetv2_plan_and_preprocess"):
        train_with_budget(
            911,
            "2d",
            0,
            trainer="MultiPhaseSCAMTrainer",
            plans="Absent",
            epochs=1,
            iterations_per_epoch=1,
            val_iterations_per_epoch=1,
        )


def test_missing_configuration_is_named_with_the_planned_ones(plain: Dataset):
    with pytest.raises(InputError, match=r"no configuration 3d_lowres, expected one of 2d, 3d_fullres"):
        train_with_budget(
            911,
            "3d_lowres",
            0,
            trainer="MultiPhaseSCAMTrainer",
            plans=PLANS_NAME,
            epochs=1,
            iterations_per_epoch=1,
            val_iterations_per_epoch=1,
        )


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_save_that_breaks_off_leaves_the_checkpoint_before_it(tmp_path: Path, error: type[BaseException]):
    checkpoint = tmp_path / "checkpoint_latest.pth"
    checkpoint.write_text("before")

    def half(filename: str) -> None:
        Path(filename).write_text("ha")
        raise error

    with pytest.raises(error):
        saved_whole(half)(str(checkpoint))
    assert checkpoint.read_text() == "before"
    saved_whole(lambda filename: Path(filename).write_text("after"))(str(checkpoint))
    assert checkpoint.read_text() == "after"
    saved_whole(lambda filename: None)(str(checkpoint))  # told to save none
    assert checkpoint.read_text() == "after"
    assert list(tmp_path.glob("*.new")) == []
