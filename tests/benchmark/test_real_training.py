"""A training and its predictions for real, by nnU-Net in processes of their own, on a tiny dataset."""

from pathlib import Path

import numpy as np
import pytest
from tiny_raw import DATASET, write_raw, write_splits

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.benchmark.layout import Training, prediction_file, read_cost
from nnunet_multiphase.benchmark.run import run_benchmark
from nnunet_multiphase.benchmark.settings import BenchmarkSettings

pytestmark = pytest.mark.slow

SETTINGS = BenchmarkSettings(
    contestants=("ours",),
    dataset=977,
    budget=Budget(epochs=1),
    iterations=2,
    val_iterations=1,
    mirroring=False,
)


def plan_and_preprocess(raw: Path, preprocessed: Path) -> None:
    """Do what nnUNetv2_plan_and_preprocess does, without its worker processes, which take seconds to start."""
    from batchgenerators.utilities.file_and_folder_operations import load_json, save_json
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import (
        DatasetFingerprintExtractor,
    )
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
    fingerprint = {
        "spacings": [list(case[1]) for case in analysed],
        "shapes_after_crop": [list(map(int, case[0])) for case in analysed],
        "foreground_intensity_properties_per_channel": channels,
        "median_relative_size_after_cropping": 1.0,
    }
    save_json(fingerprint, str(preprocessed / "dataset_fingerprint.json"))
    planned = MultiPhaseSCAMPlanner(977)
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
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run one step of the benchmark with our network."""
    root = tmp_path_factory.mktemp("nnunet")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
            (root / name).mkdir()
            patch.setenv(name, str(root / name))
        patch.setenv("OMP_NUM_THREADS", "1")
        write_raw(root / "nnUNet_raw" / DATASET)
        write_splits(root / "nnUNet_preprocessed" / DATASET)
        plan_and_preprocess(root / "nnUNet_raw" / DATASET, root / "nnUNet_preprocessed" / DATASET)
        _, failures = run_benchmark(root / "out", SETTINGS, say=lambda line: None)
    assert not failures
    return root / "out"


def test_every_case_is_predicted_and_the_steps_are_those_asked_for(finished: Path) -> None:
    import json

    training = Training("ours", 0, 0)
    assert all(prediction_file(finished, training, case).is_file() for case in ("case_2", "case_3"))
    record = json.loads((finished / training.folder / "training.json").read_text())
    assert (record["steps"], record["epochs"]) == (2, 1)
    assert not (finished / training.folder / "on_the_datasets_grid").exists()


def test_parameters_are_those_of_the_checkpoint(finished: Path) -> None:
    import torch

    (checkpoint,) = finished.rglob("checkpoint_final.pth")
    weights = torch.load(checkpoint, weights_only=False)["network_weights"]
    assert read_cost(finished, Training("ours", 0, 0)).parameters == sum(w.numel() for w in weights.values())


def test_the_trained_folder_is_one_that_nnunet_predicts_with(finished: Path) -> None:
    (model,) = (finished / "ours" / "seed_0" / "nnUNet_results" / DATASET).iterdir()
    assert model.name == "MultiPhaseSCAMTrainer__nnUNetMultiPhaseSCAMPlans__3d_fullres"
    assert {"plans.json", "dataset.json", "fold_0"} <= {file.name for file in model.iterdir()}
