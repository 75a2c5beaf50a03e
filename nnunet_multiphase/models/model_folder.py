"""Find what nnU-Net trained: the folder of a model, and the folds that vote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nnunet_multiphase.dataset_name import dataset_name
from nnunet_multiphase.errors import InputError


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


def trained_folds(model_folder: Path, folds: Sequence[int | str] | None, checkpoint: str) -> list[str]:
    """Name the folds whose networks vote; arguments and errors as in `load_model`."""
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
