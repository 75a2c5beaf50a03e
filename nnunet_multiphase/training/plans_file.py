"""Say whether plans lie in the file of their name: nnU-Net finds them by the file, and calls the model by what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json

NO_PLANS = ("dataset.json", "dataset_fingerprint.json", "splits_final.json")
OF_A_RUN = ("continue_training",)
"""What nnU-Net adds to the plans that it has read."""


def refuse_plans_under_another_name(preprocessed: Path, plans: Mapping[str, Any]) -> None:
    """Refuse plans that lie in files of other names alone, and would be trained into the model folder of other plans.

    nnU-Net hands the plans to a trainer without the name of their file, so that they are looked for by what they hold; plans
    that no file holds, as of a program, are taken.

    Args:
        preprocessed: The dataset's folder in nnUNet_preprocessed.
        plans: As nnU-Net has read them.

    Raises:
        InputError: It names the file and the folder.
    """
    name = str(plans.get("plans_name"))
    wanted = {key: value for key, value in plans.items() if key not in OF_A_RUN}
    files = [path for path in sorted(preprocessed.glob("*.json")) if path.name not in NO_PLANS]
    holding = [path for path in files if _content(path) == wanted]
    if not holding or any(path.stem == name for path in holding):
        return
    file = holding[0]
    raise InputError(
        f"{file} says plans_name {name}, by which the model's folder is called: it would be trained into the folder of "
        f'{name}.json, over its folds; write "plans_name": "{file.stem}" into {file.name}'
    )


def told_of_other_network(plans: Mapping[str, Any], network: nn.Module) -> str:
    """Say that plans are for another network than the method's, as nnU-Net's own are, which a training without -p takes."""
    return (
        f"The plans {plans.get('plans_name')} are for {type(network).__name__}, which is not the method's network: that is "
        "trained with the plans of MultiPhaseSCAMPlanner (-p nnUNetMultiPhaseSCAMPlans)."
    )


def _content(path: Path) -> object:
    try:
        return load_json(path)
    except (OSError, ValueError):
        return None
