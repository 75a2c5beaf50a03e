"""Run an exported model: what nnU-Net's predictor does, without nnU-Net and torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.answer import segmented
from nnunet_multiphase.models.description import ExportedNetwork, ModelDescription, read_description
from nnunet_multiphase.models.identity import Identity, name_of, text_or_none
from nnunet_multiphase.models.model import Channels, Segmented, check_record, warn_of_other_axes
from nnunet_multiphase.models.model_folder import Folds, folds_asked_for
from nnunet_multiphase.models.preprocessing import NetworkInput, prepare_input
from nnunet_multiphase.models.session import Networks, choose_runtime
from nnunet_multiphase.models.sliding_window import STEP, window_logits

EXTERNAL = b"location"
"""The key under which ONNX names a file with weights (TensorProto.external_data); no network of ours has the word in it."""


class ExportedModel:
    """A `Model` that ONNX Runtime or OpenVINO answers for.

    Attributes:
        description: Of the model.
        networks: Of the folds that vote.
        mirroring: Whether logits are averaged over mirrored input.
        step_size: From window to window, in patches.
        identity: Which model it is; None: nobody said.
    """

    def __init__(
        self,
        description: ModelDescription,
        networks: Networks,
        *,
        mirroring: bool = True,
        step_size: float = STEP,
        identity: Identity | None = None,
    ) -> None:
        self.description = description
        self.networks = networks
        self.mirroring = mirroring
        self.step_size = step_size
        self.identity = identity

    @property
    def record(self) -> Mapping[str, Any]:
        """Give what is kept of the dataset.json it was trained with."""
        return self.description.record

    @property
    def patch_mm(self) -> tuple[float, float, float]:
        """Give the extent (Z, Y, X) of its patch in mm; 0 across the slices of a network of two axes."""
        told = self.description
        extent = [n * s for n, s in zip(told.patch_size, told.spacing_mm, strict=True)]
        extent = [0.0] * (3 - len(extent)) + extent
        z, y, x = (extent[axis] for axis in np.argsort(told.transpose_forward))
        return z, y, x

    def segment(
        self, phases_hu: Channels, spacing_mm: Sequence[float], lesion_labels: Sequence[int]
    ) -> Segmented:
        """Segment one patient; see `Model.segment`."""
        logits, shown = self.logits(phases_hu, spacing_mm)
        return segmented(logits, shown, self.description, lesion_labels)

    def logits(self, phases_hu: Channels, spacing_mm: Sequence[float]) -> tuple[np.ndarray, NetworkInput]:
        """Give the mean logits on the network's grid, (heads, Z, Y, X) float32, and what the network was shown."""
        shown = prepare_input(phases_hu, spacing_mm, self.description)
        try:
            logits = window_logits(
                self.networks,
                shown.image,
                self.description.patch_size,
                self.description.heads,
                self.description.mirror_axes if self.mirroring else (),
                self.step_size,
            )
        finally:
            self.networks.close()
        return logits, shown


def load_exported_model(
    folder: Path,
    folds: Folds | None = None,
    *,
    runtime: str | None = None,
    mirroring: bool = True,
    step_size: float = STEP,
) -> ExportedModel:
    """Load an exported model; nothing in it can run a program.

    Args:
        folder: With model.json, as `nnunet-multiphase export` writes it.
        folds: Fold or folds whose networks vote, by number, or "all"; None: all that were exported.
        runtime: "onnx", "openvino", or None as `choose_runtime` chooses.
        mirroring: Average over mirrored inputs.
        step_size: From window to window, in patches.

    Raises:
        InputError: The folder is damaged or none of ours, a fold is not in it, or no runtime is installed.
    """
    folder = Path(folder)
    description = read_description(folder)
    compared = description.equality.get("logit_difference")
    chosen = choose_runtime(runtime, compared if isinstance(compared, Mapping) else ())
    voting = _voting(folder, description, folds)
    model = ExportedModel(
        description,
        networks_of(folder, voting, chosen),
        mirroring=mirroring,
        step_size=step_size,
        identity=Identity(
            name=name_of(folder),
            dataset=None,  # an exported model is given away, and does not tell
            trainer=text_or_none(description.origin.get("trainer")),
            plans=text_or_none(description.origin.get("plans")),
            checkpoint=text_or_none(description.origin.get("checkpoint")),
            folds=tuple(network.fold for network in voting),
            mirroring=mirroring and bool(description.mirror_axes),
            step_size=step_size,
            runtime=chosen,
        ),
    )
    for _ in model.networks:  # what cannot be opened is told before a patient is prepared
        pass
    model.networks.close()
    check_record(model)
    warn_of_other_axes(model, folder)
    return model


def networks_of(folder: Path, networks: Sequence[ExportedNetwork], runtime: str) -> Networks:
    """Read networks' files, to be opened when they are needed.

    Raises:
        InputError: As `checked_content`.
    """
    contents = [checked_content(folder, network) for network in networks]
    return Networks(contents, runtime, [folder / network.file for network in networks])


def checked_content(folder: Path, network: ExportedNetwork) -> bytes:
    """Read a network's file.

    Raises:
        InputError: It is missing, not the one that model.json was written for, or has its weights read from other files.
    """
    path = folder / network.file
    if path.exists() and not path.is_file():  # a pipe would be waited for, a device never ends
        raise InputError(f"{path} is no file: export the model again")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): export the model again") from error
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise InputError(
            f"{path} is not the network that model.json tells of (its SHA-256 differs): "
            "copy the folder again, or export the model again"
        )
    if EXTERNAL in content:
        raise InputError(
            f"{path} names other files for its weights, which could be any of this machine: an exported model holds its "
            "own; export it again"
        )
    return content


def _voting(folder: Path, description: ModelDescription, folds: Folds | None) -> list[ExportedNetwork]:
    there = {network.fold: network for network in description.networks}
    wanted = folds_asked_for(folds) or list(there)
    lacking = [fold for fold in wanted if fold not in there]
    if lacking:
        raise InputError(
            f"{folder} has no fold {', '.join(lacking)}: it was exported with {', '.join(there)}; choose of them with -f, "
            "or export the others too"
        )
    return [there[fold] for fold in wanted]
