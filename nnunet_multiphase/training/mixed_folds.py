"""Say which folds of a model folder are not of one model: nnU-Net asks the first alone how all are to predict."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.trained_with import Held, arguments_in

MIRRORED = "inference_allowed_mirroring_axes"


def refuse_mixed_folds(model_folder: Path, held: Mapping[str, Held], *, mirroring: bool) -> tuple[str, ...]:
    """Refuse folds of several configurations, or that may be mirrored along other axes; warn of several trainers.

    Args:
        model_folder: Named in messages.
        held: Name of each fold that votes, without fold_ -> what its checkpoint holds (`held_by`).
        mirroring: Whether predictions are averaged over mirrored inputs at all.

    Returns:
        The trainers' names, each once, in the folds' order.

    Raises:
        InputError: It names the folds, and those that go together.
    """
    _refuse_several("configurations", model_folder, {fold: _configuration(of) for fold, of in held.items()})
    if mirroring:
        axes = {fold: _axes(of) for fold, of in held.items()}
        _refuse_several("axes that may be mirrored", model_folder, axes)
    trainers = {fold: str(of["trainer_name"]) for fold, of in held.items() if of.get("trainer_name")}
    if len(set(trainers.values())) > 1:
        logging.getLogger(__name__).warning(
            "warning: the folds of %s were trained by several trainers: %s; choose with -f",
            model_folder,
            ", ".join(f"{fold} by {name}" for fold, name in trainers.items()),
        )
    return tuple(dict.fromkeys(trainers.values()))


def _refuse_several(what: str, model_folder: Path, told: Mapping[str, str | None]) -> None:
    known = {fold: value for fold, value in told.items() if value is not None}
    if len(set(known.values())) < 2:
        return
    first = next(iter(known.values()))
    alike = [fold for fold, value in told.items() if value in (first, None)]
    raise InputError(
        f"{model_folder} holds folds of several {what} ({', '.join(f'fold {f}: {v}' for f, v in known.items())}), as where "
        f"folds of other models were copied into it; all would predict as fold {next(iter(known))} does: leave the others "
        f"out (-f {' '.join(alike)}), or move them to a model folder of their own"
    )


def _configuration(held: Held) -> str | None:
    told = arguments_in(held).get("configuration")
    return None if told is None else str(told)


def _axes(held: Held) -> str | None:
    """Name the axes; None: the checkpoint does not say."""
    if MIRRORED not in held:
        return None
    axes = held[MIRRORED]
    return json.dumps(list(axes), default=str) if axes else "none"
