"""A model keeps predicting as it was trained: other plans, classes and splits are refused or told, never taken over."""

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.nnunet_model import load_model
from nnunet_multiphase.training.budget import TrainingRecord
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer
from nnunet_multiphase.training.trained_with import told_of_other_plans

pytestmark = pytest.mark.slow

CASES = [f"case_{number:03d}" for number in range(4)]
BEST = "checkpoint_best.pth"
Change = Callable[[dict], object]


def configuration(plans: dict) -> dict:
    return plans["configurations"]["3d_fullres"]


def brighter(plans: dict) -> None:
    for of in plans["foreground_intensity_properties_per_channel"].values():
        of["mean"] += 60


def finer(plans: dict) -> None:
    configuration(plans)["spacing"] = [1.0, 1.0, 1.0]


def pooled(plans: dict) -> None:
    configuration(plans)["architecture"]["arch_kwargs"]["pool"] = "avg"


@pytest.fixture
def start(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., MultiPhaseSCAMTrainer]:
    """Give a function that makes a trainer on a copy of the plain dataset, with a results folder of its own."""
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    copied = tmp_path / plain.name
    shutil.copytree(plain.preprocessed, copied)

    def make(
        change: Change = lambda plans: None,
        *,
        fold: int = 0,
        val: tuple[int, ...] = (0, 1),
        **description: object,
    ) -> MultiPhaseSCAMTrainer:
        fold_0 = {
            part: [c for n, c in enumerate(CASES) if (n in val) == (part == "val")]
            for part in ("train", "val")
        }
        splits = [fold_0, {"train": fold_0["val"], "val": fold_0["train"]}]
        (copied / "splits_final.json").write_text(json.dumps(splits))
        plans = deepcopy(plain.plans)
        change(plans)
        record = plain.description | description
        trainer = MultiPhaseSCAMTrainer(
            {**plans, "continue_training": True}, "3d_fullres", fold, record, torch.device("cpu")
        )
        trainer.initialize()
        return trainer

    return make


@pytest.fixture
def begun(start) -> Path:
    """Give the checkpoint of a training of fold 0 that was interrupted."""
    trainer = start()
    trainer.on_train_start()
    trainer._best_ema = 0.0
    trainer.logger.log("val_losses", 0.5, 0)
    checkpoint = Path(trainer.output_folder) / BEST
    trainer.save_checkpoint(str(checkpoint))
    return checkpoint


def gone_on_with(trainer: MultiPhaseSCAMTrainer, checkpoint: Path) -> str:
    trainer.load_checkpoint(str(checkpoint))
    trainer.on_train_start()
    return Path(trainer.log_file).read_text()


def test_a_training_goes_on_with_the_same_plans_and_cases_without_a_word(start, begun):
    assert "WARNING" not in gone_on_with(start(), begun)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (brighter, r"mean of nc [\d.]+, now [\d.]+; mean of art .* and 2 more"),
        (finer, r"spacing \(.*\), now \(1, 1, 1\)"),
        (pooled, r"the network's pool max, now avg"),
    ],
)
def test_a_training_does_not_go_on_with_plans_that_prepare_images_otherwise(start, begun, change, told):
    beside = begun.parents[1] / "plans.json"
    before = beside.read_bytes()
    with pytest.raises(InputError, match=rf"were trained with other plans .*{told}.* preprocess again"):
        gone_on_with(start(change), begun)
    assert beside.read_bytes() == before


def test_another_batch_size_changes_no_prediction(start, begun):
    gone_on_with(start(lambda plans: configuration(plans).update(batch_size=3)), begun)


def test_exchanged_classes_are_refused_and_renamed_ones_told(plain: Dataset):
    def of(**labels: int) -> dict:
        record = {"labels": {"background": 0, **labels}}
        return {"plans": plain.plans, "configuration": "3d_fullres", "dataset_json": record}

    told = told_of_other_plans(of(liver=1, lesion=2), of(lesion=1, liver=2))
    assert told == "label liver 1, now 2; label lesion 2, now 1"
    assert told_of_other_plans(of(tumor=1), of(lesion=1)) == ""


def test_other_names_of_classes_and_other_references_are_told(start, begun):
    trainer = start(
        labels={"background": 0, "vessel": 1}, reference_phase=dict.fromkeys(CASES, "pv") | {CASES[1]: "art"}
    )
    said = gone_on_with(trainer, begun)
    assert "WARNING: classes have other names than at the checkpoint: lesion is vessel now" in said
    assert "WARNING: 1 of 4 cases have another reference phase than at the checkpoint: case_001" in said


def test_a_training_does_not_go_on_where_it_would_be_validated_by_what_it_knows(start, begun):
    with pytest.raises(InputError, match="it has learnt from case_002, which would be validated now"):
        gone_on_with(start(val=(0, 2)), begun)


def test_validation_alone_of_known_cases_is_warned_of(start, begun):
    trainer = start(val=(0, 2))
    trainer.load_checkpoint(str(begun))
    trainer.do_split()
    assert "WARNING: the split has changed since the checkpoint" in Path(trainer.log_file).read_text()


def test_cases_that_came_and_went_are_told(start, begun):
    said = gone_on_with(start(val=(0,)), begun)
    assert "1 more to learn from (case_001), 1 fewer to validate (case_001)" in said


def test_no_fold_is_trained_beside_folds_of_other_plans(start, begun):
    beside = begun.parents[1] / "plans.json"
    before = beside.read_bytes()
    with pytest.raises(InputError, match=r"fold 0 in .* was trained with other plans"):
        start(brighter, fold=1).on_train_start()
    assert beside.read_bytes() == before
    start(fold=1).on_train_start()
    begun.unlink()
    start(pooled, fold=1).on_train_start()  # nobody predicts with the others any more


def test_a_fold_of_other_plans_does_not_vote(trained: TrainingRecord, tmp_path: Path):
    model = tmp_path / "model"
    shutil.copytree(trained.output_folder.parent, model)
    shutil.copytree(model / "fold_0", model / "fold_1")
    checkpoint = torch.load(model / "fold_1" / BEST, weights_only=False)
    brighter(checkpoint["init_args"]["plans"])
    torch.save(checkpoint, model / "fold_1" / BEST)
    load_model(model, [0], checkpoint=BEST, progress=False, trusted=True)
    with pytest.raises(InputError, match=r"fold 1 was trained with other plans .*mean of nc .*\(-f 0\)"):
        load_model(model, [0, 1], checkpoint=BEST, progress=False, trusted=True)
    with pytest.raises(InputError, match=r"fold 1 was trained .* put back plans\.json"):
        load_model(model, [1], checkpoint=BEST, progress=False, trusted=True)


def test_a_model_whose_plans_say_no_name_is_loaded_without_one(trained: TrainingRecord, tmp_path: Path):
    model = tmp_path / "model"
    shutil.copytree(trained.output_folder.parent, model)
    plans = json.loads((model / "plans.json").read_text())
    nameless = {key: value for key, value in plans.items() if key not in ("plans_name", "dataset_name")}
    (model / "plans.json").write_text(json.dumps(nameless))
    identity = load_model(model, [0], checkpoint=BEST, progress=False, trusted=True).identity
    assert identity is not None
    assert (identity.plans, identity.dataset) == (None, None)
