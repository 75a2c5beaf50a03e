"""Run a trained model through nnU-Net's own predictor."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_object
from nnunet_multiphase.models.identity import UNTRAINED, Identity, name_of, text_or_none
from nnunet_multiphase.models.model import (
    NO_NUMBERS,
    Channels,
    Segmented,
    check_record,
    warn_of_other_axes,
)
from nnunet_multiphase.models.model_folder import Folds, trained_folds
from nnunet_multiphase.models.model_source import check_checkpoints, is_own

if TYPE_CHECKING:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor


KNOWN_CHATTER = "perform_everything_on_device=True is only supported for cuda"
"""nnU-Net says so on every CPU, whatever it was given."""
MOST_SHOWN = 300
WRAPPED = re.compile(r'Unexpected key\(s\) in state_dict: "(_orig_mod\.|module\.)')
OTHER_HEADS = re.compile(
    r"size mismatch for [\w.]*seg_layers\.\d+\.weight: .*?torch\.Size\(\[(\d+).*?torch\.Size\(\[(\d+)"
)


class NnUNetModel:
    """A `Model` that nnU-Net's predictor answers for.

    Attributes:
        predictor: nnU-Net's.
        identity: Which model it is; None: nobody said.
    """

    def __init__(self, predictor: nnUNetPredictor, identity: Identity | None = None) -> None:
        self.predictor = predictor
        self.identity = identity

    @property
    def record(self) -> Mapping[str, Any]:
        """Give the dataset.json it was trained with."""
        return self.predictor.dataset_json

    @property
    def patch_mm(self) -> tuple[float, float, float]:
        """Give the extent (Z, Y, X) of its patch in mm."""
        plan = self.predictor.configuration_manager
        extent = [float(n * s) for n, s in zip(plan.patch_size, plan.spacing, strict=True)]
        extent = [0.0] * (3 - len(extent)) + extent  # a 2D network is shown slices
        backward = self.predictor.plans_manager.transpose_backward
        z, y, x = (extent[axis] for axis in backward)
        return z, y, x

    def segment(
        self, phases_hu: Channels, spacing_mm: Sequence[float], lesion_labels: Sequence[int]
    ) -> Segmented:
        """Segment one patient; see `Model.segment`."""
        labels, probabilities = self.predictor.predict_single_npy_array(
            np.stack([phase.astype(np.float32, copy=False) for phase in phases_hu]),
            {"spacing": [float(s) for s in spacing_mm]},
            save_or_return_probabilities=True,
        )
        manager = self.predictor.label_manager
        if manager.has_regions:  # each head is a region, named by the label that it sets
            heads = [n for n, label in enumerate(manager.regions_class_order) if label in lesion_labels]
            lesion = np.max(probabilities[heads], axis=0)
        else:
            lesion = np.sum(probabilities[list(lesion_labels)], axis=0)
        if not np.isfinite(lesion).all():
            raise InputError(NO_NUMBERS)
        return Segmented(np.asarray(labels).astype(np.uint8), lesion.astype(np.float32))


def load_model(
    model_folder: Path,
    folds: Folds | None = None,
    *,
    device: str = "cpu",
    checkpoint: str = "checkpoint_final.pth",
    mirroring: bool = True,
    step_size: float = 0.5,
    progress: bool = True,
    trusted: bool = False,
) -> NnUNetModel:
    """Load a trained model.

    Args:
        model_folder: Folder with dataset.json, plans.json and fold_* folders.
        folds: Fold or folds whose networks vote, by number, or "all"; None takes every fold that holds `checkpoint`, but
            fold_all only if it is alone.
        device: "cpu", "cuda" or "mps".
        checkpoint: Checkpoint file name inside the fold folders.
        mirroring: Average predictions over mirrored inputs (nnU-Net's default; 2 to 8 times slower).
        step_size: From window to window, in patches.
        progress: Show nnU-Net's progress bar.
        trusted: Load it whatever it holds; else checkpoints that do not lie in nnUNet_results must hold weights alone.

    Returns:
        The model, its networks in memory.

    Raises:
        InputError: Something of the model is missing, loading it could run a program, it was not trained on a multi-phase
            dataset of ours, a fold was trained with other plans than lie beside it, or the folds are not of one model.
    """
    model_folder = Path(model_folder)
    for name in ("dataset.json", "plans.json"):
        if not (model_folder / name).is_file():
            raise InputError(
                f"{model_folder} is no trained model: expected {name} in it; give the folder that holds fold_0"
            )
        # nnU-Net takes what is no record for a file to open: a 0 for the standard input, which it would wait for.
        load_object(model_folder / name, "restore what nnU-Net wrote")
    ready = trained_folds(model_folder, folds, checkpoint)
    if not trusted and not is_own(model_folder):
        check_checkpoints(model_folder, ready, checkpoint)
    predictor = _predictor(device, mirroring=mirroring, step_size=step_size, progress=progress)
    _read_weights(predictor, model_folder, ready, checkpoint)
    from nnunet_multiphase.training.mixed_folds import refuse_mixed_folds  # with torch, as late as that
    from nnunet_multiphase.training.trained_with import held_by, refuse_misfit_folds

    _refuse_no_numbers(predictor, model_folder, ready, checkpoint)
    held = {fold: held_by(model_folder / f"fold_{fold}" / checkpoint) for fold in ready}
    trainers = refuse_mixed_folds(model_folder, held, mirroring=mirroring)
    if predictor.configuration_manager.previous_stage_name is not None:
        raise InputError(
            f"{model_folder} is a cascade, which needs the low-resolution prediction first: "
            "use nnUNetv2_predict, or a 3d_fullres model"
        )
    refuse_misfit_folds(model_folder, held, predictor.plans_manager.plans, predictor.dataset_json)
    model = NnUNetModel(predictor, _identity(predictor, model_folder, ready, checkpoint))
    if len(trainers) > 1 and model.identity is not None:
        model.identity = replace(model.identity, trainer=text_or_none(" and ".join(trainers)))
    check_record(model)
    warn_of_other_axes(model, model_folder)
    return model


def _predictor(device: str, *, mirroring: bool, step_size: float, progress: bool) -> nnUNetPredictor:
    """Make nnU-Net's predictor, which prints what it always prints."""
    # Imported here: torch and nnU-Net take seconds, and wrong input should be said at once.
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from nnunet_multiphase.autoload import make_findable

    make_findable()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        predictor = nnUNetPredictor(
            tile_step_size=step_size,
            use_mirroring=mirroring,
            perform_everything_on_device=device.startswith("cuda"),
            device=torch.device(device),
            allow_tqdm=progress,
        )
    for line in said.getvalue().splitlines():
        if not line.startswith(KNOWN_CHATTER):
            logging.getLogger(__name__).warning("nnU-Net: %s", line)
    return predictor


def _read_weights(
    predictor: nnUNetPredictor, model_folder: Path, ready: Sequence[str], checkpoint: str
) -> None:
    try:
        predictor.initialize_from_trained_model_folder(str(model_folder), ready, checkpoint)
    except InputError as error:  # our network's
        raise InputError(f"{model_folder}, {checkpoint} of fold {ready[0]}: {error}") from error
    except Exception as error:  # torch and nnU-Net raise many kinds
        lines = [line.strip() for line in str(error).strip().splitlines()] or [""]
        first = " ".join(lines[:2] if "loading state_dict" in lines[0] else lines[:1])[:MOST_SHOWN]
        missing = _trainer_not_found(model_folder / f"fold_{ready[0]}" / checkpoint)
        if missing:
            raise InputError(
                f"{model_folder} cannot be loaded: nnU-Net does not find the trainer {missing} it was made with "
                f"({type(error).__name__}: {first}); set nnUNet_extTrainer to the folder that holds {missing} "
                f"(it is {os.environ.get('nnUNet_extTrainer') or 'not set'}), and see that the file can be imported"
            ) from error
        wrapped = WRAPPED.search(str(error))
        if wrapped:
            raise InputError(
                f"{model_folder}: names of the weights in {checkpoint} begin with {wrapped[1]}, as of a network that "
                "torch.compile or DDP has wrapped: save them again without it, as nnU-Net does"
            ) from error
        heads = OTHER_HEADS.search(str(error))
        if heads:
            raise InputError(
                f"{model_folder}: the network in {checkpoint} has {heads[1]} outputs, and dataset.json asks for {heads[2]}: "
                "restore the dataset.json of its training, labels as they were"
            ) from error
        raise InputError(
            f"{model_folder} cannot be loaded ({type(error).__name__}: {first}): plans.json, dataset.json and "
            f"{checkpoint} do not fit one another or are damaged; restore what nnU-Net wrote"
        ) from error


def _refuse_no_numbers(
    predictor: nnUNetPredictor, model_folder: Path, folds: Sequence[str], checkpoint: str
) -> None:
    """Raise InputError where a fold's training has diverged; of any network, not ours alone."""
    from nnunet_multiphase.network.finite_weights import told_of_no_numbers

    told = {
        fold: said
        for fold, weights in zip(folds, predictor.list_of_parameters, strict=True)
        if (said := told_of_no_numbers(weights))
    }
    if told:
        left = [fold for fold in folds if fold not in told]
        raise InputError(
            f"{model_folder}, {checkpoint} of fold {', '.join(told)}: {next(iter(told.values()))}, as of a training "
            "that has diverged: train it anew with a lower learning rate, or name --checkpoint checkpoint_best.pth"
            + (f", or leave it out (-f {' '.join(left)})" if left else "")
        )


def _trainer_not_found(checkpoint: Path) -> str | None:
    """Name the trainer of a checkpoint that could not be loaded, if it is that which nnU-Net does not find."""
    import torch
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    name = None
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            # As nnU-Net has just loaded it, or failed to; what may not be loaded was refused before.
            name = torch.load(checkpoint, map_location="cpu", weights_only=False)["trainer_name"]
            recursive_find_trainer_class_by_name(name)
        except Exception:  # the search imports every trainer there is, which may raise anything
            return text_or_none(name)
    return None


def _identity(
    predictor: nnUNetPredictor, model_folder: Path, folds: Sequence[str], checkpoint: str
) -> Identity:
    return Identity(
        name=name_of(model_folder),
        dataset=text_or_none(predictor.plans_manager.plans.get("dataset_name")),
        trainer=text_or_none(predictor.trainer_name),
        plans=text_or_none(predictor.plans_manager.plans.get("plans_name")),
        checkpoint=checkpoint,
        folds=tuple(folds),
        mirroring=bool(predictor.use_mirroring and predictor.allowed_mirroring_axes),
        step_size=float(predictor.tile_step_size),
        runtime="torch",
    )


def restart_from_initial_weights(model: NnUNetModel, *, seed: int = 0) -> None:
    """Replace the trained network by the same architecture, built anew and never trained, for comparison.

    Args:
        model: From `load_model`; changed in place.
        seed: Of the initial weights.
    """
    import torch
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels

    predictor = model.predictor
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
    if model.identity is not None:
        model.identity = replace(model.identity, checkpoint=UNTRAINED)
