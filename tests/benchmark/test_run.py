"""Running a benchmark: every contestant on every fold once, on the same cases; nnU-Net itself is faked."""

import json
import math
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_raw import DATASET

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.benchmark.layout import (
    LOCK,
    Training,
    prediction_file,
    read_cost,
    read_plan,
    truth_file,
)
from nnunet_multiphase.benchmark.place import place_of
from nnunet_multiphase.benchmark.planning import is_preprocessed
from nnunet_multiphase.benchmark.prepare import prepare
from nnunet_multiphase.benchmark.results import evaluate_benchmark
from nnunet_multiphase.benchmark.run import run_benchmark, run_training
from nnunet_multiphase.benchmark.settings import BenchmarkSettings
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow

SETTINGS = BenchmarkSettings(dataset=977, budget=Budget(epochs=4), iterations=2, val_iterations=1)
BOTH_FOLDS = replace(SETTINGS, folds=(0, 1), seeds=(0, 3))


def silent(line):
    """Say nothing."""


def test_every_contestant_is_trained_on_every_fold_with_every_seed(fakes, tmp_path):
    plan, failures = run_benchmark(tmp_path / "out", BOTH_FOLDS, say=silent)
    assert not failures
    assert fakes.training.done == [
        f"{c}/seed_{s}/fold_{f}" for c in ("vanilla", "ours") for s in (0, 3) for f in (0, 1)
    ]
    assert plan.contestants == ("vanilla", "ours")
    assert plan.validation_cases == (("case_2",), ("case_0", "case_1"))


def test_all_get_the_same_budget_and_steps(fakes, tmp_path):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    vanilla, ours = fakes.training.settings
    assert (vanilla.trainer, vanilla.plans) == ("nnUNetTrainer", "nnUNetPlans")
    assert (ours.trainer, ours.plans) == ("MultiPhaseSCAMTrainer", "nnUNetMultiPhaseSCAMPlans")
    assert replace(vanilla, trainer="", plans="") == replace(ours, trainer="", plans="")
    assert (vanilla.budget, vanilla.iterations) == (Budget(epochs=4), 2)


def test_a_folds_network_predicts_its_validation_and_the_test_cases(fakes, tmp_path):
    run_benchmark(tmp_path / "out", BOTH_FOLDS, say=silent)
    first, second = fakes.prediction.asked[:2]
    assert list(first) == ["case_2", "case_3"]
    assert list(second) == ["case_0", "case_1", "case_3"]
    assert first["case_3"] == ["case_3_0000.nii.gz", "case_3_0001.nii.gz"]


def test_what_is_finished_is_not_done_again(fakes, tmp_path):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    trained, planned = list(fakes.training.done), list(fakes.nnunet.lines)
    said = []
    run_benchmark(tmp_path / "out", SETTINGS, say=said.append)
    assert fakes.training.done == trained
    assert fakes.nnunet.lines == planned
    assert said == ["vanilla, seed 0, fold 0: finished before", "ours, seed 0, fold 0: finished before"]


def test_a_fold_that_was_interrupted_is_done_and_no_other(fakes, tmp_path):
    run_benchmark(tmp_path / "out", BOTH_FOLDS, say=silent)
    (tmp_path / "out" / "ours" / "seed_3" / "fold_0" / "cost.json").unlink()
    fakes.training.done.clear()
    run_benchmark(tmp_path / "out", BOTH_FOLDS, say=silent)
    assert fakes.training.done == ["ours/seed_3/fold_0"]


def test_a_failed_training_costs_the_others_nothing_and_is_done_the_next_time(fakes, tmp_path):
    fakes.training.fail.add("vanilla")
    _, (failure,) = run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    assert failure.training == Training("vanilla", 0, 0)
    assert "out of memory" in failure.sentence
    assert fakes.training.done == ["ours/seed_0/fold_0"]
    fakes.training.fail.clear()
    assert run_benchmark(tmp_path / "out", SETTINGS, say=silent)[1] == []
    assert fakes.training.done == ["ours/seed_0/fold_0", "vanilla/seed_0/fold_0"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"budget": Budget(minutes=4)}, r"another budget \(epochs=4, now minutes=4\)"),
        ({"iterations": 3}, r"another iterations \(2, now 3\)"),
        ({"mirroring": False}, r"another mirroring \(True, now False\)"),
        ({"step_size": 0.75}, r"another step size \(0.5, now 0.75\)"),
        ({"dataset": DATASET}, "another dataset"),
    ],
)
def test_a_folder_begun_with_other_settings_is_refused(fakes, tmp_path, changed, said):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    with pytest.raises(InputError, match=said):
        run_benchmark(tmp_path / "out", replace(SETTINGS, **changed), say=silent)


def test_a_folder_from_before_a_setting_was_there_has_its_old_value(fakes, tmp_path):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    note = tmp_path / "out" / "settings.json"
    older = json.loads(note.read_text())
    del older["step_size"]
    note.write_text(json.dumps(older))
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    with pytest.raises(InputError, match=r"another step size \(0.5, now 1\)"):
        run_benchmark(tmp_path / "out", replace(SETTINGS, step_size=1), say=silent)


def test_a_folder_grows_by_contestants_seeds_and_folds(fakes, tmp_path):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    fakes.training.done.clear()
    plan, _ = run_benchmark(
        tmp_path / "out", replace(SETTINGS, contestants=("focal",), folds=(1,), seeds=(2,)), say=silent
    )
    assert fakes.training.done == ["focal/seed_2/fold_1"]
    assert (plan.contestants, plan.folds, plan.seeds) == (("vanilla", "ours", "focal"), (0, 1), (0, 2))
    assert set(plan.places) == {"focal", "vanilla", "ours"}


def test_contestants_asked_for_but_never_trained_leave_the_plan(fakes, tmp_path):
    prepare(tmp_path / "out", replace(SETTINGS, contestants=("vanilla", "ours", "dice")), say=silent)
    assert prepare(tmp_path / "out", SETTINGS, say=silent).contestants == ("vanilla", "ours")


def test_a_dataset_that_has_changed_is_refused(fakes, tmp_path):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    labels = fakes.root / "nnUNet_raw" / DATASET / "labelsTr"
    shutil.copyfile(labels / "case_0.nii.gz", labels / "case_1.nii.gz")
    with pytest.raises(InputError, match="has changed since"):
        run_benchmark(tmp_path / "out", SETTINGS, say=silent)


def test_the_cost_is_what_training_and_prediction_measured(fakes, tmp_path):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    cost = read_cost(tmp_path / "out", Training("ours", 0, 0))
    assert (cost.parameters, cost.gmac, cost.epochs) == (10, 0.5, 4)
    assert (cost.seconds_per_step, cost.peak_memory_mib) == (0.5, 123.0)
    assert cost.seconds_per_case == 0.5  # the median of 0 and 1
    assert cost.train_losses[0] == 1.0
    assert math.isnan(cost.train_losses[1])


def test_a_prediction_of_another_cut_lies_where_it_was_found(fakes, tmp_path):
    fakes.prediction.cut = 1
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    truth = sitk.ReadImage(str(truth_file(tmp_path / "out", "case_3")))
    found = sitk.ReadImage(str(prediction_file(tmp_path / "out", Training("ours", 0, 0), "case_3")))
    assert found.GetSize() == truth.GetSize()
    bright = fakes.root / "nnUNet_raw" / DATASET / "imagesTs" / "case_3_0001.nii.gz"
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(bright)) > 100)
    expected[:, :, [0, -1]] = 0  # not in the cut
    assert np.array_equal(sitk.GetArrayFromImage(found), expected)


def test_what_was_run_can_be_judged(fakes, tmp_path):
    run_benchmark(tmp_path / "out", BOTH_FOLDS, say=silent)
    results = evaluate_benchmark(tmp_path / "out")
    assert results.unfinished == ()
    assert {name: part.cases for name, part in results.parts.items()} == {
        "validation": ("case_0", "case_1", "case_2"),
        "test": ("case_3",),
    }
    dice = results.parts["test"].comparison.standings["ours"].values["dice"].value
    assert dice > 0.8  # the fake finds the box but for the noise


def test_the_folder_may_be_moved(fakes, tmp_path):
    run_benchmark(tmp_path / "out", replace(SETTINGS, contestants=("single_phase",)), say=silent)
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "single_phase" / "seed_0" / "fold_0" / "cost.json").unlink()
    run_training(tmp_path / "elsewhere", Training("single_phase", 0, 0), silent)
    assert len(fakes.training.done) == 2


def test_a_training_that_the_plan_does_not_name_is_refused(fakes, tmp_path):
    prepare(tmp_path / "out", SETTINGS, say=silent)
    with pytest.raises(InputError, match="is none of the trainings"):
        run_training(tmp_path / "out", Training("ours", 7, 0), silent)


def test_a_training_that_another_process_is_at_is_left_to_it(fakes, tmp_path):
    from nnunet_multiphase.alone import alone

    prepare(tmp_path / "out", SETTINGS, say=silent)
    folder = tmp_path / "out" / "ours" / "seed_0" / "fold_0"
    folder.mkdir(parents=True)
    with (
        alone(folder / LOCK, "busy"),
        pytest.raises(InputError, match=r"is being trained .* by another process"),
    ):
        run_training(tmp_path / "out", Training("ours", 0, 0), silent)
    assert fakes.training.done == []


def test_a_missing_gpu_is_said_before_anything_is_made_but_preparing_needs_none(fakes, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    settings = replace(SETTINGS, device="cuda")
    with pytest.raises(InputError, match="no CUDA device is there"):
        run_benchmark(tmp_path / "out", settings, say=silent)
    assert not (tmp_path / "out").exists()
    assert prepare(tmp_path / "out", settings, say=silent).device == "cuda"
    with pytest.raises(InputError, match="no CUDA device is there"):
        run_training(tmp_path / "out", Training("ours", 0, 0), silent)


def test_the_users_results_folder_is_left_alone(fakes, tmp_path):
    run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    assert list((fakes.root / "nnUNet_results").iterdir()) == []


def test_a_folder_with_other_things_in_it_is_refused(fakes, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        run_benchmark(tmp_path / "thesis", SETTINGS, say=silent)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dataset": 978}, "expected one dataset 978"),
        ({"dataset": None}, "either the folder of the raw cases or -d"),
        ({"folds": (2,)}, "--folds 2: expected folds from 0 to 1"),
        ({"folds": (0, 0)}, "each once"),
        ({"seeds": (-1,)}, "numbers from 0 on"),
        ({"configuration": "4d"}, "no configuration 4d"),
        ({"configuration": "3d_cascade_fullres"}, "second stage"),
    ],
)
def test_what_cannot_be_compared_is_named(fakes, tmp_path, wrong, said):
    with pytest.raises(InputError, match=said):
        run_benchmark(tmp_path / "out", replace(SETTINGS, **wrong), say=silent)


def test_an_unset_folder_variable_is_named(fakes, tmp_path, monkeypatch):
    monkeypatch.delenv("nnUNet_raw")
    with pytest.raises(InputError, match="nnUNet_raw is not set"):
        run_benchmark(tmp_path / "out", SETTINGS, say=silent)


def test_the_plan_names_patients_and_images(fakes, tmp_path):
    raw = fakes.root / "nnUNet_raw" / DATASET
    (raw / "quality.csv").write_text("case,patient,phase\ncase_0,A,art\ncase_1,A,art\ncase_9,B,art\n")
    prepare(tmp_path / "out", SETTINGS, say=silent)
    plan = read_plan(tmp_path / "out")
    assert plan.patients == {"case_0": "A", "case_1": "A", "case_2": "case_2", "case_3": "case_3"}
    assert plan.images["case_1"] == str(raw / "imagesTr" / "case_1_0000.nii.gz")
    assert plan.images["case_2"] == str(raw / "imagesTr" / "case_2_0001.nii.gz")
    assert json.loads((tmp_path / "out" / "truth" / "dataset.json").read_text())["labels"]["lesion"] == 1


@pytest.mark.parametrize("left", ["", '{"configurations": {"3d_full'])
def test_what_nnunet_was_writing_when_it_was_killed_is_made_again(fakes, tmp_path, left):
    settings = replace(SETTINGS, contestants=("ours",))
    preprocessed = fakes.root / "nnUNet_preprocessed" / DATASET
    files = preprocessed / "nnUNetMultiPhaseSCAMPlans.json", preprocessed / "dataset_fingerprint.json"
    for file in files:
        file.write_text(left)
    prepare(tmp_path / "out", settings, say=silent)
    assert [line[0] for line in fakes.nnunet.lines] == [
        "nnUNetv2_plan_and_preprocess",
        "nnUNetv2_preprocess",
    ]
    assert json.loads(files[0].read_text())
    assert not files[1].exists()


@pytest.mark.parametrize("kept", [0, 10])
def test_a_case_whose_preprocessing_was_cut_off_is_preprocessed_again(fakes, tmp_path, kept):
    settings = replace(SETTINGS, contestants=("ours",))
    prepare(tmp_path / "out", settings, say=silent)
    data = fakes.root / "nnUNet_preprocessed" / DATASET / "nnUNetMultiPhaseSCAMPlans_3d_fullres"
    fakes.nnunet.lines.clear()
    prepare(tmp_path / "out", settings, say=silent)
    assert fakes.nnunet.lines == []
    whole = pickle.dumps({"class_locations": {1: list(range(1000))}})
    (data / "case_1.pkl").write_bytes(whole[: len(whole) * kept // 20])
    assert not is_preprocessed(place_of(tmp_path / "out", read_plan(tmp_path / "out"), "ours"), data)
    (data / "case_1.pkl").write_bytes(whole)
    assert is_preprocessed(place_of(tmp_path / "out", read_plan(tmp_path / "out"), "ours"), data)
