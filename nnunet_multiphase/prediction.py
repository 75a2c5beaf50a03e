"""Predict a new patient: raw phases in, segmentation on the reference phase's own grid and a lesion table out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment import AlignedPhases, align_phases
from nnunet_multiphase.data.case_folder import CaseFolder, check_case, read_case_folder
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.lesions import Lesion, lesion_table, write_lesion_csv
from nnunet_multiphase.phases import FILL_HU, PHASES

if TYPE_CHECKING:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from registration import RegistrationSettings


@dataclass(frozen=True)
class CasePrediction:
    """What `predict_case` wrote for one patient."""

    case: str
    segmentation: Path
    lesion_csv: Path
    lesions: tuple[Lesion, ...]
    aligned: AlignedPhases
    filled: tuple[str, ...]


def find_model_folder(dataset_id: int, trainer: str, plans: str, configuration: str) -> Path:
    """Find the folder nnU-Net trained into.

    Args:
        dataset_id: The number given to `setup_dataset.py --dataset-id`.
        trainer: Trainer class name.
        plans: Plans identifier.
        configuration: nnU-Net configuration, such as 3d_fullres.

    Returns:
        `$nnUNet_results/Dataset<ID>_<name>/<trainer>__<plans>__<configuration>`.

    Raises:
        InputError: nnUNet_results is unset, or no such model was trained.
    """
    results = os.environ.get("nnUNet_results")
    if not results:
        raise InputError(
            "nnUNet_results is not set: export it to the folder nnU-Net trained into, or pass -m MODEL_FOLDER"
        )
    name = f"{trainer}__{plans}__{configuration}"
    found = sorted(Path(results).glob(f"Dataset{dataset_id:03d}_*/{name}"))
    if len(found) != 1:
        what = "no trained model" if not found else "more than one trained model"
        raise InputError(
            f"{what} {name} for dataset {dataset_id} under {results}: train it with "
            f"`nnUNetv2_train {dataset_id} {configuration} 0 -tr {trainer} -p {plans}` or pass -m MODEL_FOLDER"
        )
    return found[0]


def load_predictor(
    model_folder: Path,
    folds: Sequence[int | str] | None = None,
    *,
    device: str = "cpu",
    checkpoint: str = "checkpoint_final.pth",
    mirroring: bool = True,
    progress: bool = True,
) -> nnUNetPredictor:
    """Load a trained model into nnU-Net's own predictor.

    Args:
        model_folder: Folder with dataset.json, plans.json and fold_* folders.
        folds: Folds whose networks vote; None takes every fold that holds `checkpoint`.
        device: "cpu", "cuda" or "mps".
        checkpoint: Checkpoint file name inside the fold folders.
        mirroring: Average predictions over mirrored inputs (nnU-Net's default; 2 to 8 times slower).
        progress: Show nnU-Net's progress bar.

    Returns:
        The initialised predictor.

    Raises:
        InputError: Something of the model is missing, or it was not trained on a multi-phase dataset of ours.
    """
    model_folder = Path(model_folder)
    for name in ("dataset.json", "plans.json"):
        if not (model_folder / name).is_file():
            raise InputError(
                f"{model_folder} is no trained model: expected {name} in it; give the folder that holds fold_0"
            )
    wanted = (
        [f"fold_{fold}" for fold in folds] if folds else sorted(p.name for p in model_folder.glob("fold_*"))
    )
    ready = [name for name in wanted if (model_folder / name / checkpoint).is_file()]
    if not ready or (folds and len(ready) < len(wanted)):
        lacking = ", ".join(sorted(set(wanted) - set(ready))) or "any fold"
        raise InputError(
            f"{model_folder} has no {checkpoint} for {lacking}: finish that training, or name another with --checkpoint"
        )
    # Imported here: torch and nnU-Net take seconds, and wrong input should be said at once.
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from nnunet_multiphase.autoload import register

    register()
    # perform_everything_on_device is a CUDA matter; passing it elsewhere makes nnU-Net print a correction.
    predictor = nnUNetPredictor(
        use_mirroring=mirroring,
        perform_everything_on_device=device.startswith("cuda"),
        device=torch.device(device),
        allow_tqdm=progress,
    )
    fold_names = [name.removeprefix("fold_") for name in ready]
    predictor.initialize_from_trained_model_folder(str(model_folder), fold_names, checkpoint)
    if predictor.configuration_manager.previous_stage_name is not None:
        raise InputError(
            f"{model_folder} is a cascade, which needs the low-resolution prediction first: "
            "use nnUNetv2_predict, or a 3d_fullres model"
        )
    model_phases(predictor)
    return predictor


def model_phases(predictor: nnUNetPredictor) -> tuple[str, ...]:
    """Tell which phase each input channel of the model is.

    Raises:
        InputError: The model's dataset.json has no `phases`.
    """
    phases = predictor.dataset_json.get("phases")
    if not phases:
        raise InputError(
            "the model's dataset.json has no `phases`: it was not made by setup_dataset.py; use nnUNetv2_predict"
        )
    return tuple(phases)


def predict_case(
    predictor: nnUNetPredictor,
    case_folder: Path,
    output: Path,
    *,
    reference: str | None = None,
    missing: str = "error",
    settings: RegistrationSettings | None = None,
) -> CasePrediction:
    """Register one patient's raw phases, segment them, write the result on the reference phase's original grid.

    Args:
        predictor: From `load_predictor`.
        case_folder: Holds nc/art/pv/dl.nii.gz (those the model was trained on) and, if known, liver_<phase>.nii.gz.
        output: Receives <case>.nii.gz, <case>_lesions.csv and registration/<case>_<phase>.tfm.
        reference: Phase to bring the others to; default: the liver mask's phase, else pv, else the first.
        missing: "error", or "fill" to give the model air where a phase is absent.
        settings: How to register; the defaults are those of setup_dataset.py.

    Returns:
        The paths and the lesions. Voxels outside `aligned.box`, where some phase has no data, are background.

    Raises:
        InputError: A phase is missing, unreadable or not a volume.
    """
    case = read_case_folder(Path(case_folder), reference=reference, require_lesions=False)
    channels = model_phases(predictor)
    filled = _absent_phases(case, channels, missing)
    problems = check_case(case)
    if problems:
        raise InputError("; ".join(problems))

    images = {phase: sitk.ReadImage(str(case.images[phase])) for phase in channels if phase not in filled}
    full_grid = images[case.reference]
    liver_mask = sitk.ReadImage(str(case.liver)) if case.liver is not None else None
    aligned = align_phases(images, case.reference, liver_mask=liver_mask, settings=settings, case=case.name)

    grid = aligned.images[case.reference]
    fill = np.full(grid.GetSize()[::-1], FILL_HU, np.float32)
    stack = np.stack(
        [
            fill if phase in filled else sitk.GetArrayFromImage(aligned.images[phase]).astype(np.float32)
            for phase in channels
        ]
    )  # (C, Z, Y, X)
    labels = predictor.predict_single_npy_array(
        stack, {"spacing": [float(s) for s in grid.GetSpacing()[::-1]]}
    )
    segmentation = sitk.GetImageFromArray(np.asarray(labels).astype(np.uint8))
    segmentation.CopyInformation(grid)
    lesions = tuple(lesion_table(segmentation, aligned.images))
    return _write(case, Path(output), aligned, filled, segmentation, full_grid, lesions)


def _absent_phases(case: CaseFolder, channels: Sequence[str], missing: str) -> tuple[str, ...]:
    """List the model's phases the case lacks, or refuse them."""
    absent = tuple(phase for phase in channels if phase not in case.images)
    if case.reference not in channels:
        raise InputError(
            f"case {case.name}: the reference phase {case.reference} is none of the model's ({', '.join(channels)}); "
            "choose one of them with --reference"
        )
    if absent and missing != "fill":
        raise InputError(
            f"case {case.name}: the model expects {', '.join(channels)}, {case.path} lacks {', '.join(absent)}; "
            "add the file or pass --missing fill"
        )
    return absent


def _write(
    case: CaseFolder,
    output: Path,
    aligned: AlignedPhases,
    filled: tuple[str, ...],
    segmentation: sitk.Image,
    full_grid: sitk.Image,
    lesions: tuple[Lesion, ...],
) -> CasePrediction:
    """Write everything of a case beside its final place, then move it there."""
    whole = sitk.Image(full_grid.GetSize(), sitk.sitkUInt8)
    whole.CopyInformation(full_grid)
    index, size = aligned.box
    whole = sitk.Paste(whole, segmentation, list(size), [0, 0, 0], list(index))

    partial = output / f".{case.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / "registration").mkdir(parents=True)
        sitk.WriteImage(whole, str(partial / f"{case.name}.nii.gz"), True)
        phases = [phase for phase in PHASES if phase in aligned.images]
        write_lesion_csv(lesions, partial / f"{case.name}_lesions.csv", phases=phases)
        for phase, transform in aligned.transforms.items():
            if phase != aligned.reference:
                sitk.WriteTransform(transform, str(partial / "registration" / f"{case.name}_{phase}.tfm"))
        for source in sorted(p for p in partial.rglob("*") if p.is_file()):
            target = output / source.relative_to(partial)
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return CasePrediction(
        case.name,
        output / f"{case.name}.nii.gz",
        output / f"{case.name}_lesions.csv",
        lesions,
        aligned,
        filled,
    )


def prediction_summary(prediction: CasePrediction) -> str:
    """Tell the result in a few lines for the terminal."""
    lines = [f"{prediction.case}: {len(prediction.lesions)} lesion(s) -> {prediction.segmentation}"]
    for lesion in prediction.lesions:
        means: dict[str, Any] = {
            phase: lesion.mean_hu.get(phase) for phase in PHASES if phase in lesion.mean_hu
        }
        shown = ", ".join(f"{phase} {value:.0f}" for phase, value in means.items())
        lines.append(
            f"  lesion {lesion.id}: {lesion.volume_ml:.2f} ml, {lesion.diameter_mm:.1f} mm, mean HU {shown}"
        )
    if prediction.filled:
        lines.append(
            f"  without {', '.join(prediction.filled)}: filled with air, expect a less certain result"
        )
    if prediction.aligned.covered_fraction < 0.95:
        share = 100 * (1 - prediction.aligned.covered_fraction)
        lines.append(
            f"  {share:.0f} % of the reference volume lies outside another phase and was not looked at"
        )
    return "\n".join(lines)
