"""The benchmark on a tiny dataset, for real: trains both models, predicts, scores, and goes on where it stopped."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.benchmark.run import run_benchmark
from nnunet_multiphase.benchmark.settings import BenchmarkSettings
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_folders

DATASET = "Dataset977_Tiny"
SETTINGS = BenchmarkSettings(977, epochs=1, iterations=2, val_iterations=1, mirroring=False)


def silent(line):
    """Say nothing."""


def write(path, array):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 2.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def write_raw(folder):
    """Three training cases and a test case of two phases with one box that stands out in both."""
    rng = np.random.default_rng(0)
    for i, part in enumerate(("Tr", "Tr", "Tr", "Ts")):
        mask = np.zeros((8, 16, 16), np.uint8)
        z, y, x = rng.integers((1, 2, 2), (4, 8, 8))
        mask[z : z + 3, y : y + 6, x : x + 6] = 1
        for channel, contrast_hu in enumerate((-80.0, 80.0)):
            hu = rng.normal(60, 15, mask.shape) + mask * contrast_hu
            write(folder / f"images{part}" / f"case_{i}_{channel:04d}.nii.gz", hu.astype(np.int16))
        write(folder / f"labels{part}" / f"case_{i}.nii.gz", mask)
    description = {
        "channel_names": {"0": "CT", "1": "CT"},
        "phases": ["art", "pv"],
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 3,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description))


def plan_and_preprocess(raw, preprocessed):
    """Do what nnUNetv2_plan_and_preprocess does, without its worker processes, which take seconds to start."""
    from batchgenerators.utilities.file_and_folder_operations import load_json, save_json
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import (
        DatasetFingerprintExtractor,
    )
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner

    cases = {
        name: [str(raw / "imagesTr" / f"{name}_{c:04d}.nii.gz") for c in range(2)]
        for name in ("case_0", "case_1", "case_2")
    }
    labels = {name: str(raw / "labelsTr" / f"{name}.nii.gz") for name in cases}
    analysed = [
        DatasetFingerprintExtractor.analyze_case(cases[c], labels[c], SimpleITKIO, 1000) for c in cases
    ]
    channels = {}
    for channel in range(2):
        values = np.concatenate([case[2][channel] for case in analysed])
        low, median, high = np.percentile(values, (0.5, 50, 99.5))
        channels[str(channel)] = {
            "mean": float(values.mean()),
            "std": float(values.std()),
            "min": float(values.min()),
            "max": float(values.max()),
            "median": float(median),
            "percentile_00_5": float(low),
            "percentile_99_5": float(high),
        }
    preprocessed.mkdir(parents=True)
    fingerprint = {
        "spacings": [list(case[1]) for case in analysed],
        "shapes_after_crop": [list(map(int, case[0])) for case in analysed],
        "foreground_intensity_properties_per_channel": channels,
        "median_relative_size_after_cropping": 1.0,
    }
    save_json(fingerprint, str(preprocessed / "dataset_fingerprint.json"))
    save_json([{"train": ["case_0", "case_1"], "val": ["case_2"]}], str(preprocessed / "splits_final.json"))
    for planner in (ExperimentPlanner, MultiPhaseSCAMPlanner):
        planned = planner(977)
        planned.plan_experiment()
        plans = PlansManager(load_json(str(preprocessed / f"{planned.plans_identifier}.json")))
        plan = plans.get_configuration("3d_fullres")
        description = load_json(str(preprocessed / "dataset.json"))
        for name in cases:
            target = str(preprocessed / plan.data_identifier / name)
            Path(target).parent.mkdir(exist_ok=True)
            DefaultPreprocessor(verbose=False).run_case_save(
                target, cases[name], labels[name], plans, plan, description
            )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Set nnU-Net's folders to a planned and preprocessed tiny dataset."""
    root = tmp_path_factory.mktemp("nnunet")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
            (root / name).mkdir()
            patch.setenv(name, str(root / name))
        patch.setenv("OMP_NUM_THREADS", "1")
        write_raw(root / "nnUNet_raw" / DATASET)
        plan_and_preprocess(root / "nnUNet_raw" / DATASET, root / "nnUNet_preprocessed" / DATASET)
        yield root


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("benchmark") / "out"
    return output, run_benchmark(output, SETTINGS, say=silent)


@pytest.mark.slow
def test_both_models_are_trained_for_the_same_steps(finished):
    _, result = finished
    assert [m.model.trainer for m in result.models] == ["nnUNetTrainer", "MultiPhaseSCAMTrainer"]
    for model in result.models:
        (training,) = model.trainings
        assert training["steps"] == 2
        assert len(training["train_losses"]) == len(training["val_losses"]) == 1


@pytest.mark.slow
def test_scores_are_those_of_the_predictions_written(finished, dataset):
    output, result = finished
    for model in result.models:
        predictions = output / "predictions" / model.model.trainer
        for part, labels in (("validation", "labelsTr"), ("test", "labelsTs")):
            truth = dataset / "nnUNet_raw" / DATASET / labels
            again = evaluate_folders(predictions / part, truth, partial=True)
            assert [c.case for c in again.cases] == (["case_2"] if part == "validation" else ["case_3"])
            assert again.cases[0].dice == model.scores[part].cases[0].dice


@pytest.mark.slow
def test_parameters_are_those_of_the_checkpoint(finished):
    import torch

    _, result = finished
    for model in result.models:
        checkpoint = Path(model.trainings[0]["output_folder"]) / "checkpoint_final.pth"
        weights = torch.load(checkpoint, weights_only=False)["network_weights"]
        # a vanilla decoder holds its encoder, so the same tensors are listed under two names
        unique = {w.data_ptr(): w.numel() for w in weights.values()}
        assert model.inference["parameters"] == sum(unique.values())


@pytest.mark.slow
def test_the_table_has_a_column_a_model_and_a_row_a_measure(finished):
    _, result = finished
    header, rows = result.table()
    assert header == ["", "nnU-Net", "ours"]
    values = {row[0]: row[1:] for row in rows}
    assert values["test: Dice"] == [f"{m.scores['test'].summary()['dice_mean']:.3f}" for m in result.models]
    assert values["validation: cases"] == ["1", "1"]
    assert all(float(s) > 0 for s in values["seconds per step (median)"])
    assert all(float(s) > 0 for s in values["inference seconds per case"])


@pytest.mark.slow
def test_the_users_results_folder_is_left_alone(finished, dataset):
    assert list((dataset / "nnUNet_results").iterdir()) == []


@pytest.mark.slow
def test_finished_trainings_are_not_done_again(finished):
    output, result = finished
    checkpoints = sorted(output.rglob("checkpoint_final.pth"))
    before = [c.stat().st_mtime_ns for c in checkpoints]
    said = []
    again = run_benchmark(output, SETTINGS, say=said.append)
    assert [c.stat().st_mtime_ns for c in checkpoints] == before
    assert sum("trained before" in line for line in said) == 2
    assert again.table() == result.table()


@pytest.mark.slow
def test_a_folder_begun_with_another_budget_is_refused(finished):
    output, _ = finished
    with pytest.raises(InputError, match=r"begun with another epochs \(1, now 3\)"):
        run_benchmark(output, BenchmarkSettings(977, epochs=3, iterations=2, mirroring=False), say=silent)


@pytest.mark.slow
def test_the_page_and_the_json_hold_the_table(finished):
    from nnunet_multiphase.report.benchmark_page import write_benchmark_page

    output, result = finished
    html = write_benchmark_page(
        output / "benchmark.html", result, output=output, command="benchmark -d 977"
    ).read_text()
    assert "benchmark -d 977" in html
    assert "ours minus nnU-Net" in html
    assert html.count("<img ") == 3  # curves, and the test case by two models
    written = json.loads((output / "benchmark.json").read_text())
    for model in result.models:
        dice = written["models"][model.model.name]["scores"]["test"]["dice_mean"]
        assert dice == model.scores["test"].summary()["dice_mean"]


def test_missing_plans_name_the_command(dataset, tmp_path):
    plans = dataset / "nnUNet_preprocessed" / DATASET / "nnUNetMultiPhaseSCAMPlans.json"
    hidden = plans.rename(plans.with_suffix(".hidden"))
    try:
        with pytest.raises(
            InputError, match=r"nnUNetv2_plan_and_preprocess -d 977 .*-pl MultiPhaseSCAMPlanner"
        ):
            run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    finally:
        hidden.rename(plans)
    assert not (tmp_path / "out").exists()


def test_missing_preprocessed_cases_name_the_command(dataset, tmp_path):
    data = dataset / "nnUNet_preprocessed" / DATASET / "nnUNetPlans_3d_fullres"
    hidden = data.rename(data.with_name("hidden"))
    try:
        with pytest.raises(InputError, match=r"nnUNetv2_preprocess -d 977 .*-plans_name nnUNetPlans$"):
            run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    finally:
        hidden.rename(data)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dataset_id": 978}, "expected one dataset 978"),
        ({"dataset_id": 977, "folds": (3,)}, "fold 3 must be one of 0 to 0"),
        ({"dataset_id": 977, "folds": (0, 0)}, "named once"),
        ({"dataset_id": 977, "configuration": "4d"}, "no configuration 4d"),
    ],
)
def test_what_does_not_exist_is_named(dataset, tmp_path, wrong, said):
    with pytest.raises(InputError, match=said):
        run_benchmark(tmp_path / "out", BenchmarkSettings(**wrong), say=silent)


def test_a_folder_with_other_things_in_it_is_refused(dataset, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        run_benchmark(tmp_path, SETTINGS, say=silent)


def test_an_unset_folder_variable_is_named(dataset, tmp_path, monkeypatch):
    monkeypatch.delenv("nnUNet_raw")
    with pytest.raises(InputError, match="nnUNet_raw is not set"):
        run_benchmark(tmp_path / "out", SETTINGS, say=silent)
