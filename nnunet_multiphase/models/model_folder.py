"""Find what nnU-Net trained: the folder of a model, and the folds that vote."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path

from nnunet_multiphase.dataset_name import dataset_name
from nnunet_multiphase.errors import InputError, first_of

Folds = int | str | Iterable[int | str]
"""A fold's number or "all", or several of them."""

FOLD = re.compile(r"0|[1-9][0-9]*|all")
"""As nnU-Net calls folds; a folder of another name is a copy that somebody kept."""

ALL = "fold_all"


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
    if configuration.startswith("ensemble"):
        raise InputError(
            f"-c {configuration}: an ensemble of nnUNetv2_find_best_configuration is no model: name one of its models, such "
            "as -c 3d_fullres, or predict with nnUNetv2_predict and nnUNetv2_ensemble"
        )
    if not results:
        raise InputError(
            "nnUNet_results is not set: export it to the folder nnU-Net trained into, or pass -m MODEL_FOLDER"
        )
    if not Path(results).is_dir():
        raise InputError(
            f"nnUNet_results is {results}, and there is no such folder"
            + (" (a ~ in quotes is not expanded)" if results.startswith("~") else "")
            + ": correct it, or pass -m MODEL_FOLDER"
        )
    name = f"{trainer}__{plans}__{configuration}"
    dataset = dataset_name(dataset_id)
    found = Path(results) / str(dataset) / name
    if dataset is None or not found.is_dir():
        there = (
            sorted(path.parent.name for path in found.parent.glob("*__*__*/plans.json")) if dataset else []
        )
        others = f"; trained are {first_of(there)}: to take one of them, name it with -tr, -p and -c" * bool(
            there
        )
        raise InputError(
            f"no trained model {name} for dataset {dataset_id} under {results}: train it with "
            f"`nnUNetv2_train {dataset_id} {configuration} 0 -tr {trainer} -p {plans}` or pass -m MODEL_FOLDER{others}"
        )
    return found


def folds_asked_for(folds: Folds | None) -> list[str] | None:
    """Name the folds that a user means, once each; None: those that are there.

    Args:
        folds: A fold's number or "all", or several of them. A text is one fold: "12" is the thirteenth.

    Raises:
        InputError: One is no fold, is there twice (its network would have two votes), or there is none.
    """
    if folds is None:
        return None
    given = [folds] if isinstance(folds, str) or not isinstance(folds, Iterable) else list(folds)
    if not given:
        raise InputError(
            "no fold is given: expected folds' numbers or all, or none of it for all that are there"
        )
    for fold in given:
        if isinstance(fold, bool) or not isinstance(fold, str | Integral) or not FOLD.fullmatch(str(fold)):
            raise InputError(f"fold {fold!r}: expected a fold's number or all, such as 0")
    named = [str(fold) for fold in given]
    twice = next((fold for fold in named if named.count(fold) > 1), None)
    if twice is not None:
        raise InputError(f"fold {twice} is given twice, and would have two votes: leave it out once")
    return named


def trained_folds(model_folder: Path, folds: Folds | None, checkpoint: str) -> list[str]:
    """Name the folds whose networks vote; arguments and errors as in `load_model`. A warning tells which do not."""
    asked = folds_asked_for(folds)
    if asked is not None:
        lacking = [
            f"fold_{fold}" for fold in asked if not (model_folder / f"fold_{fold}" / checkpoint).is_file()
        ]
        if lacking:
            raise _untrained(model_folder, checkpoint, ", ".join(sorted(lacking)))
        return asked
    there = sorted(path.name for path in model_folder.glob("fold_*") if path.is_dir())
    kept_out: dict[str, str] = {}
    for name in there:
        if not FOLD.fullmatch(name.removeprefix("fold_")):
            kept_out[name] = "no fold's name"
        elif not (model_folder / name / checkpoint).is_file():
            kept_out[name] = f"no {checkpoint}"
    ready = [name for name in there if name not in kept_out]
    if len(ready) > 1 and ALL in ready:  # as nnU-Net
        ready.remove(ALL)
        kept_out[ALL] = "trained on the others' cases"
    if not there:
        raise InputError(
            f"{model_folder} has no fold_0 or other fold in it, and is no trained model: give the folder that holds fold_0"
        )
    told = ", ".join(f"{name} ({why})" for name, why in sorted(kept_out.items()))
    if not ready:
        raise _untrained(model_folder, checkpoint, f"any fold (there: {told})" if told else "any fold")
    voting = [name.removeprefix("fold_") for name in ready]
    if told:
        logging.getLogger(__name__).warning(
            "warning: fold%s %s of %s vote%s; not %s; choose with -f",
            "s" * (len(voting) > 1),
            ", ".join(voting),
            model_folder.name,
            "s" * (len(voting) == 1),
            told,
        )
    return voting


def _untrained(model_folder: Path, checkpoint: str, lacking: str) -> InputError:
    return InputError(
        f"{model_folder} has no {checkpoint} for {lacking}: finish that training, or name another with --checkpoint"
    )
