"""Predict a new patient: raw phases in, segmentation on the reference phase's own grid and a lesion table out."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment import AlignedPhases, align_phases, crop
from nnunet_multiphase.data.case_folder import CaseFolder, read_case_folder
from nnunet_multiphase.data.check import check_case
from nnunet_multiphase.data.dataset_name import dataset_name
from nnunet_multiphase.data.mask_file import read_mask
from nnunet_multiphase.data.orientation import AXES, StoredGrid, as_stored, stored_grid, turned, upright
from nnunet_multiphase.data.overview import draw_overview
from nnunet_multiphase.data.quality import PhaseQuality, centre_of, measure_phase, shown_by, write_quality
from nnunet_multiphase.data.volume_file import read_volume
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.files import write_json
from nnunet_multiphase.evaluation.lesions import Lesion, lesion_image, lesion_table, write_lesion_csv
from nnunet_multiphase.label_classes import classes_of_record, read_record
from nnunet_multiphase.phases import FILL_HU, PHASES

if TYPE_CHECKING:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from registration import RegistrationSettings


LABEL_KEYS = ("labels", "regions_class_order", "file_ending")
"""What of a dataset.json says what labels mean; the rest is of the training data."""


@dataclass(frozen=True)
class PreparedCase:
    """One patient's phases, registered and ready for a network."""

    case: CaseFolder
    channels: tuple[str, ...]
    filled: tuple[str, ...]  # channels the case lacks: air
    images: dict[str, sitk.Image]  # upright, not yet moved
    stored: StoredGrid  # of the reference, as its file has it
    liver: sitk.Image | None
    aligned: AlignedPhases
    accepted: tuple[str, ...] = ()
    """What is implausible of it and was accepted."""


@dataclass(frozen=True)
class CasePrediction:
    """What was written for one patient."""

    case: str
    segmentation: Path
    lesion_csv: Path
    lesions: tuple[Lesion, ...]
    aligned: AlignedPhases
    filled: tuple[str, ...]
    warnings: tuple[str, ...]
    """What the registration's figures give reason to look at, phase by phase."""
    accepted: tuple[str, ...] = ()
    """What is implausible of the input and was accepted."""


def find_model_folder(dataset_id: int | str, trainer: str, plans: str, configuration: str) -> Path:
    """Find the folder nnU-Net trained into.

    Args:
        dataset_id: The number given to `setup_dataset.py --dataset-id`, or the whole name, such as Dataset501_X.
        trainer: Trainer class name.
        plans: Plans identifier.
        configuration: nnU-Net configuration, such as 3d_fullres.

    Returns:
        `$nnUNet_results/Dataset<ID>_<name>/<trainer>__<plans>__<configuration>`.

    Raises:
        InputError: nnUNet_results is unset, no such model was trained, or several datasets have the number.
    """
    results = os.environ.get("nnUNet_results")
    if not results:
        raise InputError(
            "nnUNet_results is not set: export it to the folder nnU-Net trained into, or pass -m MODEL_FOLDER"
        )
    name = f"{trainer}__{plans}__{configuration}"
    dataset = dataset_name(dataset_id)
    found = Path(results) / str(dataset) / name
    if dataset is None or not found.is_dir():
        raise InputError(
            f"no trained model {name} for dataset {dataset_id} under {results}: train it with "
            f"`nnUNetv2_train {dataset_id} {configuration} 0 -tr {trainer} -p {plans}` or pass -m MODEL_FOLDER"
        )
    return found


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
        folds: Folds whose networks vote; None takes every fold that holds `checkpoint`, but fold_all only if it is alone.
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
    ready = trained_folds(model_folder, folds, checkpoint)
    # Imported here: torch and nnU-Net take seconds, and wrong input should be said at once.
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from nnunet_multiphase.autoload import register

    register()
    predictor = nnUNetPredictor(
        use_mirroring=mirroring,
        perform_everything_on_device=device.startswith("cuda"),
        device=torch.device(device),
        allow_tqdm=progress,
    )
    predictor.initialize_from_trained_model_folder(str(model_folder), ready, checkpoint)
    if predictor.configuration_manager.previous_stage_name is not None:
        raise InputError(
            f"{model_folder} is a cascade, which needs the low-resolution prediction first: "
            "use nnUNetv2_predict, or a 3d_fullres model"
        )
    model_phases(predictor)
    if predictor.dataset_json.get("axes") != AXES:
        logging.getLogger(__name__).warning(
            "warning: %s was trained on references in the axis order of their files; patients are shown to it in %s order "
            "(x to the left, y to the back, z to the head): set the dataset up again if its references lie otherwise",
            model_folder,
            AXES,
        )
    return predictor


def trained_registration_model(predictor: nnUNetPredictor) -> Literal["rigid", "deformable", "auto"]:
    """Tell how the phases of a model's training data were moved; what does not say so was made rigidly."""
    model = predictor.dataset_json.get("registration", {}).get("model")
    return model if model in ("deformable", "auto") else "rigid"


def trained_folds(model_folder: Path, folds: Sequence[int | str] | None, checkpoint: str) -> list[str]:
    """Name the folds whose networks vote; arguments and errors as in `load_predictor`."""
    wanted = (
        [f"fold_{fold}" for fold in folds] if folds else sorted(p.name for p in model_folder.glob("fold_*"))
    )
    ready = [name for name in wanted if (model_folder / name / checkpoint).is_file()]
    if not folds and len(ready) > 1:
        ready = [
            name for name in ready if name != "fold_all"
        ]  # as nnU-Net: it was trained on all the others' cases
    if not ready or (folds and len(ready) < len(wanted)):
        lacking = ", ".join(sorted(set(wanted) - set(ready))) or "any fold"
        raise InputError(
            f"{model_folder} has no {checkpoint} for {lacking}: finish that training, or name another with --checkpoint"
        )
    return [name.removeprefix("fold_") for name in ready]


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


def model_lesion_labels(
    predictor: nnUNetPredictor, lesion_labels: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Tell which labels of the model are lesion.

    Args:
        predictor: From `load_predictor`.
        lesion_labels: The user's word; None: the class of its dataset.json whose name says so.

    Raises:
        InputError: No class is called lesion or tumour, or the user's labels are none of the model's.
    """
    return classes_of_record(predictor.dataset_json, "the model's dataset.json", lesion_labels).lesion


def refuse_other_labels(predictor: nnUNetPredictor, output: Path) -> None:
    """Raise InputError where the folder for the results holds predictions with other labels than the model's."""
    found = read_record(output)
    labels = predictor.dataset_json["labels"]
    if found is not None and found[1]["labels"] != labels:
        raise InputError(
            f"{found[0]} says that predictions with other labels lie there ({json.dumps(found[1]['labels'])}, now "
            f"{json.dumps(labels)}); choose another -o"
        )


def write_label_record(predictor: nnUNetPredictor, output: Path) -> Path:
    """Write beside the predictions what their labels mean, as nnU-Net does: `evaluate` reads it."""
    record = {key: predictor.dataset_json[key] for key in LABEL_KEYS if key in predictor.dataset_json}
    path = output / "dataset.json"
    return path if path.exists() else write_json(path, record)


def restart_from_initial_weights(predictor: nnUNetPredictor, *, seed: int = 0) -> None:
    """Replace the trained network by the same architecture, built anew and never trained, for comparison.

    Args:
        predictor: From `load_predictor`; changed in place.
        seed: Of the initial weights.
    """
    import torch
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels

    trainer = recursive_find_trainer_class_by_name(predictor.trainer_name)
    inputs = determine_num_input_channels(
        predictor.plans_manager, predictor.configuration_manager, predictor.dataset_json
    )
    outputs = predictor.label_manager.num_segmentation_heads
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        predictor.network = trainer.build_network_architecture(
            predictor.plans_manager,
            predictor.configuration_manager,
            inputs,
            outputs,
            enable_deep_supervision=False,
        )
    predictor.list_of_parameters = [predictor.network.state_dict()]


def predict_case(
    predictor: nnUNetPredictor,
    case_folder: Path,
    output: Path,
    *,
    reference: str | None = None,
    missing: str = "error",
    lesion_labels: Sequence[int] | None = None,
    settings: RegistrationSettings | None = None,
    accept: Collection[str] = (),
) -> CasePrediction:
    """Register one patient's raw phases, segment them, write the result on the reference phase's original grid.

    Args:
        predictor: From `load_predictor`.
        case_folder: Holds nc/art/pv/dl.nii.gz (those the model was trained on) and, if known, liver_<phase>.nii.gz.
        output: Receives <case>.nii.gz, <case>_lesions.csv and, in registration/, the transforms, a quality table
            and a before/after picture.
        reference: Phase to bring the others to; default: the masks' phase, else pv, else the first.
        missing: "error", or "fill" to give the model air where a phase is absent.
        lesion_labels: Labels that are lesion: these are measured and drawn; None: as the model's dataset.json says.
        settings: How to register; the defaults are those of setup_dataset.py.
        accept: Names of the checks of plausibility (`check_names.CHECKS`) that are overruled; what they find is recorded.

    Returns:
        The paths and the lesions. Voxels outside `aligned.box`, where some phase has no data, are background.

    Raises:
        InputError: A phase is missing, unreadable or not a volume.
    """
    prepared = prepare_case(
        case_folder,
        model_phases(predictor),
        reference=reference,
        missing=missing,
        settings=settings,
        accept=accept,
    )
    lesions = model_lesion_labels(predictor, lesion_labels)
    return write_prediction(prepared, segment_case(predictor, prepared), output, lesion_labels=lesions)


def prepare_case(
    case_folder: Path,
    channels: Sequence[str],
    *,
    reference: str | None = None,
    missing: str = "error",
    settings: RegistrationSettings | None = None,
    accept: Collection[str] = (),
) -> PreparedCase:
    """Check and register one patient's phases; arguments and errors as in `predict_case`."""
    case = read_case_folder(Path(case_folder), reference=reference, require_lesions=False)
    filled = _absent_phases(case, channels, missing)
    report = check_case(case, accept)
    if report.problems:
        raise InputError("; ".join(report.problems))
    images = {phase: read_volume(case.images[phase]) for phase in channels if phase not in filled}
    stored = stored_grid(images[case.reference])
    own_grid = turned(images[case.reference])
    images = {phase: upright(image) for phase, image in images.items()}
    liver = None
    if case.liver is not None:
        liver = read_mask(case.liver, images[case.reference], case.images[case.reference].name)
    aligned = align_phases(images, case.reference, liver_mask=liver, settings=settings, case=case.name)
    # What is computed rests on rounded headers; what is told of places rests on the file's own.
    own = crop(own_grid, aligned.box)
    for image in aligned.images.values():
        image.SetOrigin(own.GetOrigin())
        image.SetDirection(own.GetDirection())
    return PreparedCase(case, tuple(channels), filled, images, stored, liver, aligned, report.implausible)


def segment_case(predictor: nnUNetPredictor, prepared: PreparedCase) -> sitk.Image:
    """Run the model through nnU-Net's predictor.

    Returns:
        uint8 labels on the grid of `prepared.aligned`.
    """
    aligned = prepared.aligned
    grid = aligned.images[aligned.reference]
    fill = np.full(grid.GetSize()[::-1], FILL_HU, np.float32)
    stack = np.stack(
        [
            fill
            if phase in prepared.filled
            else sitk.GetArrayFromImage(aligned.images[phase]).astype(np.float32)
            for phase in prepared.channels
        ]
    )  # (C, Z, Y, X)
    labels = predictor.predict_single_npy_array(
        stack, {"spacing": [float(s) for s in grid.GetSpacing()[::-1]]}
    )
    segmentation = sitk.GetImageFromArray(np.asarray(labels).astype(np.uint8))
    segmentation.CopyInformation(grid)
    return segmentation


def write_prediction(
    prepared: PreparedCase, segmentation: sitk.Image, output: Path, *, lesion_labels: Sequence[int] = (1,)
) -> CasePrediction:
    """Write everything of a case beside its final place, then move it there: all labels, and a table of lesions."""
    case, aligned, output = prepared.case, prepared.aligned, Path(output)
    only_lesions = lesion_image(segmentation, lesion_labels)
    lesions = tuple(lesion_table(only_lesions, aligned.images))
    full_grid = prepared.images[aligned.reference]
    whole = sitk.Image(full_grid.GetSize(), sitk.sitkUInt8)
    whole.CopyInformation(full_grid)
    index, size = aligned.box
    whole = sitk.Paste(whole, segmentation, list(size), [0, 0, 0], list(index))
    whole = as_stored(whole, prepared.stored)
    centre_mm = centre_of(prepared.liver, full_grid)
    rows = [
        measure_phase(aligned, phase, case=case.name, patient=case.patient, split="new", centre_mm=centre_mm)
        for phase in aligned.images
    ]

    partial = output / f".{case.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    placed: list[Path] = []
    try:
        (partial / "registration").mkdir(parents=True)
        sitk.WriteImage(whole, str(partial / f"{case.name}.nii.gz"), True)
        phases = [phase for phase in PHASES if phase in aligned.images]
        write_lesion_csv(lesions, partial / f"{case.name}_lesions.csv", phases=phases)
        for phase in aligned.results:
            target = partial / "registration" / f"{case.name}_{phase}.tfm"
            sitk.WriteTransform(aligned.transforms[phase], str(target))
        write_quality(_with_accepted(rows, prepared), partial / "registration" / f"{case.name}_quality.csv")
        draw_overview(
            aligned,
            prepared.images,
            partial / "registration" / f"{case.name}.png",
            centre_mm=centre_mm,
            lesions=only_lesions,
            title=f"{case.name}: phases over the reference ({aligned.reference}, magenta; moving green); "
            "prediction yellow",
        )
        for source in sorted(p for p in partial.rglob("*") if p.is_file()):
            final = output / source.relative_to(partial)
            final.parent.mkdir(parents=True, exist_ok=True)
            source.replace(final)
            placed.append(final)
    except BaseException:
        for path in placed:  # half a patient's files would be taken for all of them
            path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return CasePrediction(
        case.name,
        output / f"{case.name}.nii.gz",
        output / f"{case.name}_lesions.csv",
        lesions,
        aligned,
        prepared.filled,
        tuple(f"{row.phase}: {row.warnings}" for row in rows if row.warnings),
        prepared.accepted,
    )


def _with_accepted(rows: Sequence[PhaseQuality], prepared: PreparedCase) -> list[PhaseQuality]:
    """Add what was accepted of a case to the line of its reference phase."""
    said = [text.removeprefix(f"case {prepared.case.name}") for text in prepared.accepted]
    accepted = "; ".join(f"accepted: {text.lstrip(',: ')}" for text in said)
    return [
        replace(row, warnings="; ".join(filter(None, [row.warnings, accepted])))
        if row.phase == prepared.case.reference
        else row
        for row in rows
    ]


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


def _fitted(regions: Collection[str]) -> str:
    """Say what the registration held on to, by the least certain of the phases."""
    if "body" in regions:
        return "the whole body, where no liver was found: the liver may be off"
    return "the liver, found without a mask" if "liver" in regions else "the liver mask"


def prediction_summary(prediction: CasePrediction) -> str:
    """Tell the result in a few lines for the terminal."""
    aligned = prediction.aligned
    lines = [f"{prediction.case}: {len(prediction.lesions)} lesion(s) -> {prediction.segmentation}"]
    for lesion in prediction.lesions:
        shown = ", ".join(f"{phase} {value:.0f}" for phase, value in lesion.mean_hu.items())
        lines.append(
            f"  lesion {lesion.id}: {lesion.volume_ml:.2f} ml, {lesion.diameter_mm:.1f} mm, mean HU {shown}"
        )
    if aligned.results:
        regions = {result.region for result in aligned.results.values()}
        lines.append(f"  registered to {aligned.reference} on {_fitted(regions)}")
    lines += [f"  accepted: {text}" for text in prediction.accepted]
    lines += [f"  look at the registration of {warning}" for warning in prediction.warnings]
    if prediction.filled:
        lines.append(
            f"  without {', '.join(prediction.filled)}: filled with air, expect a less certain result"
        )
    outside, partly = coverage_shares(aligned)
    if outside >= 0.005:
        lines.append(
            f"  {100 * outside:.0f} % of the {aligned.reference} volume lies beyond what {shown_by(aligned)} show: "
            "not looked at, background"
        )
    if partly >= 0.005:
        lines.append(f"  {100 * partly:.0f} % was looked at without the phases that have no data there")
    return "\n".join(lines)


def failed_phases(prediction: CasePrediction) -> list[str]:
    """List the phases whose registration judged itself failed."""
    results = prediction.aligned.results
    return [phase for phase, result in results.items() if result.verdict == "failed"]


def coverage_shares(aligned: AlignedPhases) -> tuple[float, float]:
    """Tell what share of the reference volume was not looked at, and what share lacked some phase.

    Returns:
        Share outside the crop box; share inside it where not every phase has data. Both 0..1.
    """
    full = float(np.prod(aligned.full_size))
    inside = float(np.prod(aligned.box[1])) / full
    return 1.0 - inside, inside - aligned.covered_fraction
