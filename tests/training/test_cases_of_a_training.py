"""Which cases a training takes: folds that are there, cases that no fold holds, cases of which nothing is known."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_dataset import Dataset

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.multiphase_scam_trainer import MultiPhaseSCAMTrainer

pytestmark = pytest.mark.slow

CASES = [f"case_{number:03d}" for number in range(4)]
SPLITS = [{"train": CASES[2:], "val": CASES[:2]}]
Start = Callable[..., MultiPhaseSCAMTrainer]


@pytest.fixture
def start(plain: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Give a function that makes an initialised trainer on a copy of the plain dataset, changed as told."""
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    copied = tmp_path / plain.name
    shutil.copytree(plain.preprocessed, copied)

    def make(
        fold: int | str = 0, *, splits: list | None = SPLITS, plans: dict | None = None, **description: object
    ) -> MultiPhaseSCAMTrainer:
        file = copied / "splits_final.json"
        file.unlink(missing_ok=True) if splits is None else file.write_text(json.dumps(splits))
        trainer = MultiPhaseSCAMTrainer(
            {**plain.plans, "continue_training": False, **(plans or {})},
            "3d_fullres",
            fold,
            plain.description | description,
            torch.device("cpu"),
        )
        trainer.initialize()
        return trainer

    return make


def log_of(trainer: MultiPhaseSCAMTrainer) -> str:
    return Path(trainer.log_file).read_text()


def test_a_fold_of_the_split_and_fold_all_are_trained(start: Start):
    training, validation = start().get_tr_and_val_datasets()
    assert (sorted(training.identifiers), sorted(validation.identifiers)) == (CASES[2:], CASES[:2])
    everything, _ = start("all").get_tr_and_val_datasets()
    assert sorted(everything.identifiers) == CASES


def test_a_fold_that_the_split_lacks_is_refused(start: Start):
    with pytest.raises(
        InputError, match=r"fold 1 is not in .*splits_final\.json, which has one fold \(0\): train"
    ):
        start(1).get_tr_and_val_datasets()
    with pytest.raises(InputError, match=r"fold 3 .* has 2 folds \(0 to 1\)"):
        start(3, splits=SPLITS * 2).get_tr_and_val_datasets()


def test_what_was_trained_on_another_fold_is_still_validated(start: Start):
    training, validation = start(1).do_split()  # as --val asks
    assert len(training) + len(validation) == 4


def test_folds_that_were_removed_come_anew_from_the_raw_dataset(start: Start, plain: Dataset):
    trainer = start(splits=None)
    training, validation = trainer.get_tr_and_val_datasets()
    assert (sorted(training.identifiers), sorted(validation.identifiers)) == (CASES[2:], CASES[:2])
    raw = plain.root / "nnUNet_raw" / plain.name / "splits_final.json"
    own = Path(trainer.preprocessed_dataset_folder_base) / "splits_final.json"
    assert own.read_bytes() == raw.read_bytes()
    assert f"copied from {raw}" in log_of(trainer)


@pytest.mark.parametrize("raw", ["there", "unset"])
def test_fewer_cases_than_nnunets_five_folds_are_told(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: str
):
    monkeypatch.delenv("nnUNet_raw") if raw == "unset" else monkeypatch.setenv("nnUNet_raw", str(tmp_path))
    with pytest.raises(
        InputError, match=r"4 preprocessed cases, .* draws five folds: train fold all, or write"
    ):
        start(splits=None).get_tr_and_val_datasets()
    everything, _ = start("all", splits=None).get_tr_and_val_datasets()
    assert sorted(everything.identifiers) == CASES


def test_a_case_that_no_fold_holds_is_in_the_log(start: Start):
    trainer = start(splits=[{"train": CASES[2:3], "val": CASES[:2]}])
    trainer.get_tr_and_val_datasets()
    assert "WARNING: 1 of 4 training cases is in no fold of" in log_of(trainer)
    assert "(case_003)" in log_of(trainer)


def test_a_case_that_is_not_preprocessed_is_refused(start: Start):
    with pytest.raises(InputError, match="names gone, which is not among the 4 preprocessed cases"):
        start(splits=[{"train": [*CASES[2:], "gone"], "val": CASES[:2]}]).get_tr_and_val_datasets()


def test_training_cases_without_a_reference_are_in_the_log(start: Start):
    trainer = start(reference_phase=dict.fromkeys(CASES[:3], "pv"), filled={})
    trainer.get_tr_and_val_datasets()
    assert (
        "WARNING: 1 of 2 training cases have no reference phase in dataset.json, such as case_003"
        in log_of(trainer)
    )


def test_a_training_of_cases_without_any_reference_is_refused(start: Start):
    trainer = start(reference_phase={"patient_000": "pv"}, filled={})
    with pytest.raises(InputError, match="for none of the 2 training cases, such as case_002"):
        trainer.get_tr_and_val_datasets()


def test_a_dataset_as_it_was_made_is_trained_without_a_warning(start: Start):
    trainer = start()
    trainer.get_tr_and_val_datasets()
    assert "WARNING" not in log_of(trainer)


def test_plans_moved_from_a_dataset_of_other_phases_are_not_trained(start: Start):
    with pytest.raises(
        InputError, match=r"made for the phases nc, art, pv, dl, in this order, but dataset\.json has pv"
    ):
        start(phases=["pv", "art", "nc", "dl"])
    with pytest.raises(InputError, match="intensities of 4 channels"):
        start(
            plans={"phases": None},
            channel_names={"0": "CT", "1": "CT"},
            phases=["art", "pv"],
        )
