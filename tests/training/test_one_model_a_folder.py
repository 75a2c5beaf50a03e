"""A model folder holds one model: plans of another file name, and folds of other models, are refused."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.mixed_folds import MIRRORED, refuse_mixed_folds
from nnunet_multiphase.training.plans_file import refuse_plans_under_another_name
from nnunet_multiphase.training.trained_with import Held, held_by, told_of_other_plans

FINAL = "checkpoint_final.pth"
ALL = (0, 1, 2)
Make = Callable[..., None]


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str, dict], dict]:
    """Give a function that writes plans, and gives them as nnU-Net reads them."""

    def write(name: str, plans: dict) -> dict:
        (tmp_path / f"{name}.json").write_text(json.dumps(plans))
        return {**plans, "continue_training": False}

    return write


def test_plans_copied_without_their_name_are_refused(files: Callable[[str, dict], dict], tmp_path: Path):
    own = files("Own", {"plans_name": "Own"})
    copy = files("MyLoss", {"plans_name": "Own", "multiphase_loss": {"alpha": 0.5}})
    refuse_plans_under_another_name(tmp_path, own)
    with pytest.raises(
        InputError, match=r'MyLoss\.json says plans_name Own, .* write "plans_name": "MyLoss" into'
    ):
        refuse_plans_under_another_name(tmp_path, copy)
    refuse_plans_under_another_name(tmp_path, {**own, "made": "by a program"})
    (tmp_path / "broken.json").write_text("{")
    refuse_plans_under_another_name(tmp_path, files("MyLoss", {"plans_name": "MyLoss", "a": 1}))


def test_a_trainer_refuses_them_before_the_first_step(
    plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_trainer: Callable
):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    trainer = make_trainer(plain)
    copied = {**plain.plans, "multiphase_loss": {"alpha": 0.5}}
    trainer.plans_as_read = {**copied, "continue_training": True}
    file = plain.preprocessed / "MyLoss.json"
    file.write_text(json.dumps(copied))
    try:
        with pytest.raises(InputError, match=r"MyLoss\.json says plans_name nnUNetMultiPhaseSCAMPlans"):
            trainer.initialize()
    finally:
        file.unlink()


@pytest.fixture
def fold(tmp_path: Path) -> Make:
    """Give a function that writes a fold's checkpoint without weights."""

    def write(
        name: int, *, trainer: str = "A", axes: tuple | None = ALL, configuration: str = "3d_fullres"
    ) -> None:
        (tmp_path / f"fold_{name}").mkdir()
        held = {"trainer_name": trainer, MIRRORED: axes, "init_args": {"configuration": configuration}}
        torch.save(held, tmp_path / f"fold_{name}" / FINAL)

    return write


def held(folder: Path) -> dict[str, Held]:
    return {fold: held_by(folder / f"fold_{fold}" / FINAL) for fold in ("0", "1")}


def test_folds_of_one_model_are_taken_without_a_word(fold: Make, tmp_path: Path, caplog):
    fold(0)
    fold(1)
    assert refuse_mixed_folds(tmp_path, held(tmp_path), mirroring=True) == ("A",)
    assert caplog.text == ""


def test_folds_of_several_configurations_are_refused(fold: Make, tmp_path: Path):
    fold(0)
    fold(1, configuration="3d_lowres")
    with pytest.raises(InputError, match=r"fold 0: 3d_fullres, fold 1: 3d_lowres.*\(-f 0\)"):
        refuse_mixed_folds(tmp_path, held(tmp_path), mirroring=False)


def test_folds_that_were_not_all_mirrored_are_refused_where_it_matters(fold: Make, tmp_path: Path):
    fold(0)
    fold(1, axes=None)
    with pytest.raises(InputError, match=r"fold 0: \[0, 1, 2\], fold 1: none.*\(-f 0\)"):
        refuse_mixed_folds(tmp_path, held(tmp_path), mirroring=True)
    refuse_mixed_folds(tmp_path, held(tmp_path), mirroring=False)


def test_folds_of_several_trainers_are_told_and_all_named(fold: Make, tmp_path: Path, caplog):
    fold(0)
    fold(1, trainer="B")
    with caplog.at_level(logging.WARNING):
        assert refuse_mixed_folds(tmp_path, held(tmp_path), mirroring=True) == ("A", "B")
    assert "0 by A, 1 by B" in caplog.text


def test_exchanged_phases_are_told_without_their_intensities(plain: Dataset):
    def of(*phases: str) -> dict:
        record = {**plain.description, "phases": list(phases)}
        return {"plans": plain.plans, "configuration": "3d_fullres", "dataset_json": record}

    told = told_of_other_plans(of("nc", "art", "pv", "dl"), of("art", "nc", "pv", "dl"))
    assert told == "phases (nc, art, pv, dl), now (art, nc, pv, dl)"
