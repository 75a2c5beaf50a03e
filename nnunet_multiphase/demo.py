"""The whole chain on the phantom, in one folder: cohort, registration, dataset, plans, training, prediction, report.

Every step is the function behind one of our commands. nnU-Net's own command plans and preprocesses; the training is
nnU-Net's with a fixed, small number of steps (`training.budget`), which `nnUNetv2_train` has no option for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnunet_multiphase.device import choose_device
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

if TYPE_CHECKING:
    import SimpleITK as sitk

    from nnunet_multiphase.dataset.build import DatasetSummary
    from nnunet_multiphase.evaluation.scores import Scores
    from nnunet_multiphase.phantom.registration_error import RegistrationError
    from nnunet_multiphase.prediction import CasePrediction
    from nnunet_multiphase.training.budget import TrainingRecord

DATASET_ID = 501
DATASET_NAME = "MultiPhaseDemo"
PLANS = "nnUNetMultiPhaseSCAMPlans"
TRAINER = "MultiPhaseSCAMTrainer"
PATCH_GB = 0.25
"""Tells the planner to keep the patch small: a step then takes about a second on two CPU cores."""
MARKER = "made_by_nnunet-multiphase_demo.txt"


@dataclass(frozen=True)
class DemoSettings:
    """How large a demo to run; the defaults take some 16 minutes on two CPU cores."""

    cases: int = 24
    seed: int = 0
    epochs: int = 11
    iterations_per_epoch: int = 50
    val_iterations_per_epoch: int = 6
    device: str = "cpu"
    jobs: int = 2


def run_demo(folder: Path, settings: DemoSettings | None = None) -> Path:
    """Run the chain and write the report.

    Args:
        folder: Receives everything. An earlier demo's folder is replaced; any other non-empty one is refused.
        settings: Size of the cohort and of the training, seed, device.

    Returns:
        The report page.

    Raises:
        InputError: The folder holds something else, or a step of nnU-Net failed.
    """
    settings = settings or DemoSettings()
    check_settings(settings)
    started = time.perf_counter()
    folder = _fresh_folder(Path(folder))
    raw = folder / "raw"
    # nnU-Net finds its folders through these three; its commands below inherit them.
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (folder / name).mkdir()
        os.environ[name] = str(folder / name)

    _step(1, f"make {settings.cases} synthetic patients with four phases each (nnunet-multiphase phantom)")
    from nnunet_multiphase.phantom.cohort import make_cohort

    make_cohort(raw, cases=settings.cases, seed=settings.seed)

    _step(2, "register the phases and make the nnU-Net dataset (setup_dataset.py)")
    from nnunet_multiphase.dataset.build import build_dataset
    from nnunet_multiphase.dataset.options import DatasetOptions
    from nnunet_multiphase.report.cohort_page import write_cohort_page

    # A validation fold of a quarter: with a handful of patients one of five would be one or two.
    options = DatasetOptions(test_fraction=0.25, folds=4, seed=settings.seed)
    dataset = build_dataset(raw, DATASET_ID, DATASET_NAME, options, jobs=settings.jobs)
    write_cohort_page(dataset.folder)
    if dataset.failures:
        raise InputError("; ".join(dataset.failures))

    _step(3, "plan and preprocess")
    planning = _plan(settings)

    _step(4, f"train {TRAINER}: {settings.epochs} epochs of {settings.iterations_per_epoch} steps")
    record = _train(settings)

    tests = dataset.test
    _step(5, f"predict the {len(tests)} test patients from their raw phases (nnunet-multiphase predict)")
    predictions = _predict(record, raw, tests, folder, settings.device)

    _step(6, "evaluate on the reference phase's own grid (nnunet-multiphase evaluate)")
    truth = _test_truth(raw, tests, folder / "truth")
    scores, scores_untrained = _scores(folder, truth)
    errors = _registration_errors(raw, dataset)

    _step(7, "write the report")
    from nnunet_multiphase.report.demo_page import DemoOutcome, write_demo_page

    seconds = time.perf_counter() - started
    outcome = DemoOutcome(
        dataset.folder,
        record,
        predictions,
        truth,
        scores,
        scores_untrained,
        errors,
        commands=[planning],
        command=f"nnunet-multiphase demo --cases {settings.cases} --epochs {settings.epochs} "
        f"--iterations {settings.iterations_per_epoch} --seed {settings.seed} --device {settings.device}",
        seed=settings.seed,
        seconds=seconds,
    )
    page = write_demo_page(folder / "report.html", outcome)
    dice, before = scores.summary()["dice_mean"], scores_untrained.summary()["dice_mean"]
    print(f"\ntest Dice {dice:.3f} (untrained network {before:.3f}), {seconds / 60:.1f} minutes")
    if not dice > before:
        print("the network learned nothing yet: give it more with --epochs")
    print(f"report: {page}")
    return page


def _plan(settings: DemoSettings) -> str:
    """Plan and preprocess by nnU-Net's own command, and give it."""
    jobs = str(settings.jobs)
    return _nnunet(
        "nnUNetv2_plan_and_preprocess",
        *["-d", str(DATASET_ID), "-pl", "MultiPhaseSCAMPlanner", "-c", "3d_fullres"],
        *["-fpe", "MultiPhaseFingerprintExtractor"],  # nnU-Net's takes 5 GB for four phases
        # For the fingerprint nnU-Net starts eight otherwise, each of which imports torch.
        *["-np", jobs, "-npfp", jobs],
        *["--verify_dataset_integrity", "-gpu_memory_target", str(PATCH_GB)],
    )


def _train(settings: DemoSettings) -> TrainingRecord:
    """Train the first fold."""
    from nnunet_multiphase.training.budget import train_with_budget

    return train_with_budget(
        DATASET_ID,
        "3d_fullres",
        0,
        trainer=TRAINER,
        plans=PLANS,
        epochs=settings.epochs,
        iterations_per_epoch=settings.iterations_per_epoch,
        val_iterations_per_epoch=settings.val_iterations_per_epoch,
        device=settings.device,
        seed=settings.seed,
        workers=0,  # augmentation in this process: the seed then decides all of it
    )


def _scores(folder: Path, truth: Path) -> tuple[Scores, Scores]:
    """Score the trained network's predictions, and keep that; and the untrained one's."""
    from nnunet_multiphase.evaluation.folders import evaluate_folders
    from nnunet_multiphase.evaluation.scores import write_scores

    trained = evaluate_folders(folder / "predictions", truth)
    write_scores(trained, folder / "evaluation")
    return trained, evaluate_folders(folder / "predictions_untrained", truth)


def _registration_errors(raw: Path, dataset: DatasetSummary) -> list[RegistrationError]:
    """Compare every registration with the phantom's truth."""
    from nnunet_multiphase.phantom.registration_error import registration_errors

    return [
        error
        for case in (*dataset.train, *dataset.test)
        for error in registration_errors(raw / case, _transforms(dataset.folder, case))
    ]


def check_settings(settings: DemoSettings) -> None:
    """Refuse what cannot work, before an earlier demo is replaced.

    Raises:
        InputError: A number is too small, or the device is not there.
    """
    least = {
        "cases": 6,
        "seed": 0,
        "epochs": 1,
        "iterations_per_epoch": 1,
        "val_iterations_per_epoch": 1,
        "jobs": 1,
    }
    for name, value in least.items():
        if getattr(settings, name) < value:
            why = ": fewer cannot be split into training, validation and test" if name == "cases" else ""
            raise InputError(f"demo: {name} is {getattr(settings, name)}, expected at least {value}{why}")
    choose_device(settings.device)


def _fresh_folder(folder: Path) -> Path:
    """Make the folder, replacing only what an earlier demo left there."""
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: expected a folder for the demo; name another")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise InputError(f"{folder} is not empty and no earlier demo made it: name a new folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("The next demo in this folder replaces everything in it.\n")
    return folder


def _step(number: int, what: str) -> None:
    print(f"\n[{number}/7] {what}", flush=True)


def _nnunet(command: str, *arguments: str) -> str:
    """Run one of nnU-Net's commands in this environment; show it and return it."""
    line = " ".join([command, *arguments])
    print("$", line, flush=True)
    script = Path(sys.executable).with_name(command)
    # The console script, as users type it; where there is none (pip --target), the same through our launcher.
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "nnunet_multiphase.launch", command]
    done = subprocess.run([*start, *arguments])
    if done.returncode != 0:
        raise InputError(f"{command} failed with exit status {done.returncode}: its own message stands above")
    return line


def _predict(
    record: TrainingRecord, raw: Path, tests: Sequence[str], folder: Path, device: str
) -> list[CasePrediction]:
    """Predict the test patients with the trained network, then with an untrained one for comparison."""
    from nnunet_multiphase.prediction import (
        load_model,
        model_phases,
        prediction_summary,
        prepare_case,
        restart_from_initial_weights,
        segment_case,
        write_prediction,
    )
    from nnunet_multiphase.report.patient_index import write_patient_index
    from nnunet_multiphase.report.patient_page import write_patient_page

    # Without mirroring: on a CPU it would cost as much again as a third of the training.
    model = load_model(
        record.output_folder.parent, [record.fold], device=device, mirroring=False, progress=False
    )
    prepared = [prepare_case(raw / name, model_phases(model)) for name in tests]
    output, trained = folder / "predictions", []
    for case in prepared:
        found = segment_case(model, case)
        trained.append(write_prediction(case, found, output, model=model.identity))
        write_patient_page(trained[-1], case, found, output / f"{case.case.name}.html")
        print(prediction_summary(trained[-1]), flush=True)
    write_patient_index(output)
    restart_from_initial_weights(model, seed=record.seed)
    for case in prepared:
        found = segment_case(model, case)
        write_prediction(case, found, folder / "predictions_untrained", model=model.identity)
    return trained


def _transforms(dataset: Path, case: str) -> dict[str, sitk.Transform]:
    """Read a case's transforms, as the dataset keeps them."""
    import SimpleITK as sitk

    found = {phase: dataset / "registration" / f"{case}_{phase}.tfm" for phase in PHASES}
    return {phase: sitk.ReadTransform(str(path)) for phase, path in found.items() if path.is_file()}


def _test_truth(raw: Path, tests: Sequence[str], out: Path) -> Path:
    """Copy the test patients' lesion masks, as drawn on their own grid, under the predictions' names."""
    out.mkdir()
    for name in tests:
        (mask,) = (raw / name).glob("lesions_*.nii.gz")
        shutil.copyfile(mask, out / f"{name}.nii.gz")
    return out
