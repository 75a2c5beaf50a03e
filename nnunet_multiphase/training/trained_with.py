"""Say with what a checkpoint was trained, and what of the plans and dataset.json beside it would let it predict otherwise.

nnU-Net keeps one plans.json for all folds of a model and writes it at the start of every training, so that folds that were
trained before predict with the plans of the last. Each checkpoint holds its own.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.label_classes import regions_of_record, told_of_lost_labels
from nnunet_multiphase.network.architecture import ArchitectureSettings

SAME_FUNCTION = ("deep_supervision", "channels_last_on_cpu")
"""Arguments of the network that change nothing of what it computes."""
PREPARED_BY = (
    *("spacing", "patch_size", "preprocessor_name", "normalization_schemes", "use_mask_for_norm"),
    *("resampling_fn_data", "resampling_fn_data_kwargs"),
    *("resampling_fn_probabilities", "resampling_fn_probabilities_kwargs"),
)
"""Of a configuration, what predictions depend on beside the network."""
OWN_INTENSITIES = {
    *("ZScoreNormalization", "NoNormalization"),
    *("RescaleTo01Normalization", "RGBTo01Normalization"),
}
"""Normalisations that do not look at the intensities in the plans."""
TRANSPOSED = ("transpose_forward", "transpose_backward")
INTENSITIES = ("mean", "std", "percentile_00_5", "percentile_99_5")
OF_PHASES = tuple(f"{name} of " for name in INTENSITIES)
CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth", "checkpoint_latest.pth")
FOLD = re.compile(r"fold_([0-9]+|all)")
MOST_SHOWN = 2
Held = Mapping[str, Any]
"""What a checkpoint holds."""
Arguments = Mapping[str, Any]
"""nnU-Net's `init_args`: plans, configuration, dataset_json and more."""


def held_by(checkpoint: Path) -> Held:
    """Read what a checkpoint that may be trusted holds, weights only when they are used; empty where it cannot be read."""
    try:
        # Of torch's present form, a zip, no more than what is asked for is read.
        held = torch.load(
            checkpoint, map_location="cpu", weights_only=False, mmap=zipfile.is_zipfile(checkpoint)
        )
    except Exception:  # torch raises many kinds; whoever needs the weights says what is wrong with them
        return {}
    return held if isinstance(held, Mapping) else {}


def arguments_in(held: Held) -> Arguments:
    """Give nnU-Net's `init_args` of what a checkpoint holds; empty where it has none."""
    arguments = held.get("init_args")
    return arguments if isinstance(arguments, Mapping) else {}


def told_of_other_plans(before: Arguments, now: Arguments) -> str:
    """Say in what plans and dataset.json differ of all that predictions depend on; empty where in nothing.

    Args:
        before: Of a training.
        now: Of another one; or what lies beside the model. The configuration is that of `before`.

    Returns:
        Such as "mean of nc 30.7, now 90.7". What one of the two does not tell is not compared.
    """
    try:
        one, other = (_facts(of, before["configuration"]) for of in (before, now))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        return ""
    # Intensities are called by their phases: of other phases they would be compared under exchanged names.
    moved = one.get("phases") != other.get("phases")
    told = [
        f"{name} {_shown(value)}, now {_shown(other[name])}"
        for name, value in one.items()
        if name in other and not _alike(value, other[name]) and not (moved and name.startswith(OF_PHASES))
    ]
    more = f" and {len(told) - MOST_SHOWN} more" if len(told) > MOST_SHOWN else ""
    return "; ".join(told[:MOST_SHOWN]) + more


def refuse_folds_of_other_plans(model_folder: Path, fold: int | str, now: Arguments) -> None:
    """Refuse to train a fold beside folds of other plans, which would predict with those of this one from then on.

    Args:
        model_folder: With fold_* in it.
        fold: That is to be trained; its own checkpoints are not looked at.
        now: This training's `init_args`.

    Raises:
        InputError: Of the first such fold.
    """
    for folder in sorted(model_folder.glob("fold_*")):
        name = FOLD.fullmatch(folder.name)
        there = next((folder / file for file in CHECKPOINTS if (folder / file).is_file()), None)
        if name is None or there is None or name[1] == str(fold):
            continue
        told = told_of_other_plans(arguments_in(held_by(there)), now)
        if told:
            raise InputError(
                f"fold {name[1]} in {model_folder} was trained with other plans or another dataset.json ({told}), and would "
                f"predict with those of this training: {_remedy(model_folder)}"
            )


def refuse_other_plans(name: str, model_folder: Path, before: Arguments, now: Arguments) -> None:
    """Refuse to go on with, or validate, weights whose images would be prepared otherwise than in their training.

    Args:
        name: What the weights are called.
        model_folder: Whose plans.json nnU-Net would write over.
        before: `init_args` of their checkpoint.
        now: The same of this training.

    Raises:
        InputError: Predictions depend on something that has changed.
    """
    told = told_of_other_plans(before, now)
    if told:
        raise InputError(
            f"{name} were trained with other plans or another dataset.json ({told}), and all folds of the model would "
            f"predict with those of today: {_remedy(model_folder)}"
        )


def _remedy(model_folder: Path) -> str:
    return (
        "put back plans and dataset.json as the model folder has them, and preprocess again; or plan under another name "
        f"(-overwrite_plans_name), or move {model_folder} away, and train all folds anew"
    )


def refuse_misfit_folds(
    model_folder: Path,
    held: Mapping[str, Held],
    plans: Mapping[str, Any],
    record: Mapping[str, Any],
) -> None:
    """Refuse folds that were trained with other plans than those that they would predict with.

    Args:
        model_folder: Named in messages.
        held: Name of each fold that votes, without fold_ -> what its checkpoint holds (`held_by`).
        plans: The content of plans.json.
        record: The content of dataset.json.

    Raises:
        InputError: It names them, and the folds that fit.
    """
    now = {"plans": plans, "dataset_json": record}
    told = {fold: told_of_other_plans(arguments_in(of), now) for fold, of in held.items()}
    misfit = [fold for fold in held if told[fold]]
    if not misfit:
        return
    fitting = [fold for fold in held if not told[fold]]
    remedy = (
        f"leave them out (-f {' '.join(fitting)}), or train them again"
        if fitting
        else "put back plans.json and dataset.json of the training; the checkpoint's init_args holds them"
    )
    raise InputError(
        f"{model_folder}: fold{'s' * (len(misfit) > 1)} {', '.join(misfit)} {'were' if len(misfit) > 1 else 'was'} trained "
        f"with other plans or another dataset.json than the model folder has now ({told[misfit[0]]}), as where another fold "
        f"was trained after the dataset was planned again: {remedy}"
    )


def network_arguments(arguments: Arguments, configuration: str) -> dict[str, Any]:
    """Give what the plans say of the network, what they leave out with its default; nothing where they cannot be read."""
    try:
        plan = PlansManager(dict(arguments["plans"])).get_configuration(configuration)
        told = {"network_class_name": plan.network_arch_class_name, **plan.network_arch_init_kwargs}
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        return {}
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(ArchitectureSettings)
        if field.default is not dataclasses.MISSING
    }
    return {
        key: json.loads(json.dumps(value, default=str))  # lists and tuples are the same there
        for key, value in (defaults | told).items()
        if key not in SAME_FUNCTION
    }


def _facts(arguments: Arguments, configuration: str) -> dict[str, Any]:
    """List what predictions depend on, by a name for a message."""
    plans = arguments["plans"]
    settings = PlansManager(dict(plans)).get_configuration(configuration).configuration
    facts = {name.replace("_", " "): settings[name] for name in PREPARED_BY if name in settings}
    facts |= {f"the network's {name}": of for name, of in network_arguments(arguments, configuration).items()}
    facts |= {name.replace("_", " "): plans[name] for name in TRANSPOSED if name in plans}
    record = arguments.get("dataset_json") or {}
    phases = list(record.get("phases") or ())
    if phases:
        facts["phases"] = phases
    if "axes" in record:
        facts["axes"] = record["axes"]
    regions = list(regions_of_record(record).values())
    if regions:
        facts["order of the regions"] = regions
        # One that loses labels must be corrected before the model may predict.
        if "regions_class_order" in record and not told_of_lost_labels(record):
            facts["regions class order"] = record["regions_class_order"]
    # A name that stands for another value; one that was spelt anew is the same class.
    facts |= {f"label {name}": value for name, value in (record.get("labels") or {}).items()}
    known = plans.get("foreground_intensity_properties_per_channel") or {}
    for channel, scheme in enumerate(settings.get("normalization_schemes") or ()):
        if scheme not in OWN_INTENSITIES and str(channel) in known:
            of = known[str(channel)]
            phase = phases[channel] if channel < len(phases) else f"channel {channel}"
            facts |= {f"{name} of {phase}": of[name] for name in INTENSITIES if name in of}
    return json.loads(json.dumps(facts, default=str))


def _alike(one: Any, other: Any) -> bool:
    """Compare values, numbers to what a file that was written anew may lose."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"({', '.join(map(_shown, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
