"""Where a benchmark keeps what: what is written is read again, and what is missing is named."""

import dataclasses

import pytest

from nnunet_multiphase.benchmark.layout import (
    Cost,
    Plan,
    Training,
    all_trainings,
    finished_trainings,
    image_file,
    prediction_file,
    read_cost,
    read_plan,
    write_cost,
    write_plan,
)
from nnunet_multiphase.errors import InputError

PLAN = Plan(
    contestants=("vanilla", "ours"),
    folds=(0, 2),
    seeds=(0, 1),
    budget="epochs=5",
    iterations=10,
    val_iterations=2,
    configuration="3d_fullres",
    device="cpu",
    mirroring=False,
    dataset="Dataset501_Liver",
    fingerprint="abc",
    validation_cases=(("a", "b"), ("c",)),
    test_cases=("t",),
    patients={"a": "p1", "b": "p1", "c": "p2", "t": "p3"},
    images={"a": "nnUNet_raw/a_0002.nii.gz"},
)
COST = Cost(1000, 1.5, 0.25, 2.0, 300.0, 5, 60.0, (8, 16, 16), (2.0, 1.0, 1.0), (1.0, 0.5), (1.1, 0.7))


def test_a_plan_is_read_as_it_was_written(tmp_path):
    write_plan(tmp_path, PLAN)
    assert read_plan(tmp_path) == PLAN


def test_a_cost_is_read_as_it_was_written(tmp_path):
    write_cost(tmp_path, Training("ours", 1, 2), COST)
    assert (tmp_path / "ours" / "seed_1" / "fold_2" / "cost.json").is_file()
    assert read_cost(tmp_path, Training("ours", 1, 2)) == COST


def test_predictions_lie_beside_the_cost(tmp_path):
    path = prediction_file(tmp_path, Training("vanilla", 0, 2), "t")
    assert path == tmp_path / "vanilla" / "seed_0" / "fold_2" / "predictions" / "t.nii.gz"


def test_a_fold_predicts_its_own_validation_cases_and_all_test_cases():
    assert PLAN.cases_of(0) == ("a", "b", "t")
    assert PLAN.cases_of(2) == ("c", "t")


def test_a_training_is_finished_once_its_cost_is_there(tmp_path):
    assert len(all_trainings(PLAN)) == 8
    assert finished_trainings(tmp_path, PLAN) == ()
    write_cost(tmp_path, Training("ours", 1, 2), COST)
    assert finished_trainings(tmp_path, PLAN) == (Training("ours", 1, 2),)


def test_images_in_the_folder_are_found_wherever_it_is_moved(tmp_path):
    assert image_file(tmp_path, PLAN, "a") == tmp_path / "nnUNet_raw" / "a_0002.nii.gz"
    assert image_file(tmp_path, PLAN, "t") is None


def test_a_folder_without_a_plan_is_named(tmp_path):
    with pytest.raises(InputError, match=r"benchmark\.json is missing: expected a folder that"):
        read_plan(tmp_path)


def test_a_broken_plan_is_named(tmp_path):
    (tmp_path / "benchmark.json").write_text('{"contestants": ["ours"]}')
    with pytest.raises(InputError, match=r"benchmark\.json cannot be read"):
        read_plan(tmp_path)


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAN.budget = "epochs=1"  # type: ignore[misc]
