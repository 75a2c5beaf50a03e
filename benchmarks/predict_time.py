#!/usr/bin/env python3
"""Time a new patient from files to written results, beside nnU-Net's own network on the same registered images.

    python benchmarks/predict_time.py WORK [--runs torch,everywhere,onnx,openvino] [--vanilla-windows 2] [--threads 2]

WORK is filled once: one phantom patient of four phases, 512 x 512 x 300 voxels each, and untrained networks as our planner
and nnU-Net's plan them for such scans (speed does not depend on the weights; the outputs are shifted so that nothing is
called a lesion). Each run is a whole process of `nnunet-multiphase predict --disable-tta`. For nnU-Net a few windows are
timed and multiplied by their number, because all of them take an hour; what else nnUNetv2_predict does is left out, in its
favour.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.phases import PHASES

SHAPE = (300, 512, 512)  # (z, y, x)
SPACING_MM = (1.0, 0.7, 0.7)
DATASET = "Dataset990_Timing"
OURS, VANILLA = "nnUNetMultiPhaseSCAMPlans", "nnUNetPlans"
TRAINERS = {OURS: "MultiPhaseSCAMTrainer", VANILLA: "nnUNetTrainer"}
COMMAND = "from nnunet_multiphase.cli.main import main; raise SystemExit(main())"


def make_patient(folder: Path) -> None:
    """Render the phantom at half of the resolution, and bring it to the whole one with noise of its own."""
    from nnunet_multiphase.phantom.cohort import SIZES, Size, sample_case
    from nnunet_multiphase.phantom.render import render_hu, to_image

    z, y, x = SHAPE
    SIZES["scan"] = Size((x // 2, y // 2), x * SPACING_MM[2], (2 * SPACING_MM[0],), z * SPACING_MM[0])
    case = sample_case(1, seed=700, size="scan")
    folder.mkdir(parents=True)
    for index, phase in enumerate(PHASES):
        half = to_image(
            render_hu(case.patient, case.motions[phase], phase, case.grids[phase]), case.grids[phase]
        )
        grid = sitk.Image((x, y, z), sitk.sitkInt16)
        spacing = [
            n * s / m for n, s, m in zip(half.GetSize(), half.GetSpacing(), grid.GetSize(), strict=True)
        ]
        grid.SetSpacing(spacing)
        grid.SetDirection(half.GetDirection())
        grid.SetOrigin(half.TransformContinuousIndexToPhysicalPoint((-0.25, -0.25, -0.25)))
        fine = sitk.GetArrayFromImage(sitk.Resample(half, grid, sitk.Transform(), sitk.sitkLinear, -1000.0))
        noise = np.random.default_rng([700, index]).normal(0.0, 12.0, SHAPE)
        image = sitk.GetImageFromArray(np.clip(fine + noise, -1024, 3000).astype(np.int16))
        image.CopyInformation(grid)
        sitk.WriteImage(image, str(folder / f"{phase}.nii.gz"), True)


def make_models(root: Path) -> dict[str, Path]:
    """Plan both networks for scans of this size, and save them untrained as nnU-Net saves trained ones."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (root / name).mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(root / name)
    import torch
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner

    record = {
        "channel_names": {str(n): "CT" for n in range(len(PHASES))},
        "phases": list(PHASES),
        "axes": "LPS",
        "reference_phase": {f"case_{n:03d}": "pv" for n in range(20)},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 20,
        "file_ending": ".nii.gz",
    }
    hu = {
        "mean": 90.0,
        "median": 90.0,
        "std": 35.0,
        "min": -100.0,
        "max": 300.0,
        "percentile_00_5": -10.0,
        "percentile_99_5": 190.0,
    }
    fingerprint = {
        "spacings": [list(SPACING_MM)] * 20,
        "shapes_after_crop": [list(SHAPE)] * 20,
        "foreground_intensity_properties_per_channel": {str(n): hu for n in range(len(PHASES))},
        "median_relative_size_after_cropping": 1.0,
    }
    for part, name, content in (
        ("nnUNet_raw", "dataset.json", record),
        ("nnUNet_preprocessed", "dataset.json", record),
        ("nnUNet_preprocessed", "dataset_fingerprint.json", fingerprint),
    ):
        (root / part / DATASET).mkdir(exist_ok=True)
        (root / part / DATASET / name).write_text(json.dumps(content))
    images = root / "nnUNet_raw" / DATASET / "imagesTr"
    for folder in (images, images.with_name("labelsTr")):
        folder.mkdir(exist_ok=True)
    example = (
        np.random.default_rng(0).normal(90.0, 35.0, (16, 16, 16)).astype(np.int16)
    )  # planners look at one
    for channel in range(len(PHASES)):
        sitk.WriteImage(sitk.GetImageFromArray(example), str(images / f"case_000_{channel:04d}.nii.gz"))
    drawn = sitk.GetImageFromArray((example > 90).astype(np.uint8))
    sitk.WriteImage(drawn, str(images.with_name("labelsTr") / "case_000.nii.gz"))
    ExperimentPlanner(DATASET, gpu_memory_target_in_gb=8).plan_experiment()
    MultiPhaseSCAMPlanner(DATASET).plan_experiment()
    models = {}
    for plans_name, trainer in TRAINERS.items():
        plans = json.loads((root / "nnUNet_preprocessed" / DATASET / f"{plans_name}.json").read_text())
        plan = PlansManager(plans).get_configuration("3d_fullres")
        torch.manual_seed(0)
        network = get_network_from_plans(
            plan.network_arch_class_name,
            plan.network_arch_init_kwargs,
            plan.network_arch_init_kwargs_req_import,
            len(PHASES),
            2,
            allow_init=True,
            deep_supervision=False,
        )
        weights = network.state_dict()
        for key, value in weights.items():
            if key.endswith("bias") and value.shape == (2,):
                weights[key] = torch.tensor([50.0, -50.0])
        folder = root / "nnUNet_results" / DATASET / f"{trainer}__{plans_name}__3d_fullres"
        (folder / "fold_0").mkdir(parents=True, exist_ok=True)
        for name, content in (("plans.json", plans), ("dataset.json", record)):
            (folder / name).write_text(json.dumps(content))
        checkpoint = {
            "network_weights": weights,
            "trainer_name": trainer,
            "init_args": {"configuration": "3d_fullres"},
            "inference_allowed_mirroring_axes": (0, 1, 2),
        }
        torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
        models[plans_name] = folder
    return models


def timed(arguments: Sequence[str], threads: int) -> tuple[float, float]:
    """Run a command of ours as a process; give its wall-clock seconds and its peak memory in GiB."""
    names = (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    )
    environment = os.environ | dict.fromkeys(names, str(threads)) | {"nnUNet_n_proc_DA": "0"}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"predict ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024**2


def stages(patient: Path, model_folder: Path, work: Path) -> dict[str, float]:
    """Time the steps of one patient in this process."""
    from nnunet_multiphase.prediction import (
        liver_window,
        load_model,
        model_phases,
        prepare_case,
        segment_case,
        usual_reference,
        write_prediction,
    )

    seconds: dict[str, float] = {}

    def step(name: str, function: Any, *args: Any, **options: Any) -> Any:
        began = time.perf_counter()
        result = function(*args, **options)
        seconds[name] = time.perf_counter() - began
        return result

    model = step("load the model", load_model, model_folder, mirroring=False, progress=False)
    prepared = step(
        "read, check, register, resample",
        prepare_case,
        patient,
        model_phases(model),
        usual_reference=usual_reference(model),
    )
    window = step("find the window", liver_window, prepared, model.patch_mm[::-1])
    found = step("network", segment_case, model, prepared, window=window)
    step("measure, draw, write", write_prediction, prepared, found, work)
    share = 1.0 if window is None else window.share
    print(f"window: {100 * share:.0f} % of the registered volume")
    return seconds


def vanilla_seconds(
    model_folder: Path, shape_mm: Sequence[float], windows: int, threads: int
) -> tuple[int, float]:
    """Time a few windows of a network; give how many a volume of this extent (z, y, x) needs, and a window's seconds."""
    import torch
    from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

    from nnunet_multiphase.prediction import load_model

    torch.set_num_threads(threads)
    predictor = load_model(model_folder, mirroring=False, progress=False).predictor
    plan = predictor.configuration_manager
    patch = [int(n) for n in plan.patch_size]
    shape = [max(p, round(mm / s)) for p, mm, s in zip(patch, shape_mm, plan.spacing, strict=True)]
    count = math.prod(len(along) for along in compute_steps_for_sliding_window(shape, patch, 0.5))
    network = predictor.network.eval()
    seconds = []
    with torch.inference_mode():
        for _ in range(windows + 1):  # the first warms up
            began = time.perf_counter()
            network(torch.zeros(1, len(PHASES), *patch))
            seconds.append(time.perf_counter() - began)
    print(
        f"{model_folder.name}: patch {patch} at {[round(float(s), 2) for s in plan.spacing]} mm, {count} windows"
    )
    return count, statistics.median(seconds[1:])


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--runs", default="torch,everywhere,onnx,openvino")
    parser.add_argument("--vanilla-windows", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--stages", action="store_true", help="also time the steps in this process")
    options = parser.parse_args()
    patient, root = options.work / "patient", options.work / "models"
    if not (patient / f"{PHASES[-1]}.nii.gz").exists():
        make_patient(patient)
    models = make_models(root)
    exported = options.work / "exported"
    wanted = options.runs.split(",") if options.runs else []
    if {"onnx", "openvino"} & set(wanted) and not exported.exists():
        timed(["export", str(models[OURS]), "-o", str(exported)], options.threads)
    rows = []
    for run in wanted:
        out = options.work / f"out_{run}"
        model = exported if run in ("onnx", "openvino") else models[OURS]
        more = {
            "everywhere": ["--everywhere"],
            "onnx": ["--runtime", "onnx"],
            "openvino": ["--runtime", "openvino"],
        }
        arguments = [
            "predict",
            str(patient),
            "-m",
            str(model),
            "-o",
            str(out),
            "--disable-tta",
            *more.get(run, []),
        ]
        rows.append((run, *timed(arguments, options.threads)))
        print(f"{run}: {rows[-1][1]:.0f} s, {rows[-1][2]:.1f} GiB", flush=True)
    if options.stages:
        for name, seconds in stages(patient, models[OURS], options.work / "out_stages").items():
            print(f"{name}: {seconds:.1f} s", flush=True)
    if options.vanilla_windows:
        extent_mm = [n * s for n, s in zip(SHAPE, SPACING_MM, strict=True)]
        for plans_name in TRAINERS:
            count, each = vanilla_seconds(
                models[plans_name], extent_mm, options.vanilla_windows, options.threads
            )
            print(f"{plans_name}: {each:.2f} s a window, {count * each:.0f} s for all {count}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
