"""Describe an exported model: model.json, which holds all that is needed beside the networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json, write_json
from nnunet_multiphase.label_classes import classes_of_record
from nnunet_multiphase.models.resampling import Resampling

FILE = "model.json"
FORMAT = "nnunet-multiphase exported model"
VERSION = 1
"""Raised when an older program could not read a folder, or would read it wrongly."""
SPACING_MM = (0.05, 50.0)
"""Smaller voxels would fill any memory with one patient."""
MOST_HEADS = 256
"""Labels are written in 8 bits."""
MOST_VOXELS = 1 << 28
"""Of a patch: a whole scan of 512 x 512 x 1024."""


@dataclass(frozen=True)
class CTNormalisation:
    """Hold how a channel is normalised: clipped, centred, scaled."""

    low_hu: float
    high_hu: float
    mean_hu: float
    sd_hu: float


@dataclass(frozen=True)
class ExportedNetwork:
    """Hold one fold's network.

    Attributes:
        fold: As nnU-Net calls it: 0..4 or all.
        file: Name in the folder.
        sha256: Of the file.
    """

    fold: str
    file: str
    sha256: str


@dataclass(frozen=True)
class ModelDescription:
    """Hold an exported model but for its weights.

    Attributes:
        record: What of the dataset.json it was trained with is needed: phases, labels, axes, registration, reference phases.
        spacing_mm: Of the network's input, two or three axes, in the network's order.
        patch_size: Of the network's input, two or three axes.
        transpose_forward: Order of the network's axes among Z, Y, X.
        normalisation: Of each channel.
        image_resampling: Splines to the network's spacing.
        logit_resampling: Splines back.
        mirror_axes: Axes of the patch that test-time mirroring may turn.
        heads: Channels of the network's answer.
        region_values: Label that each head sets where it is a region; empty: the heads are labels, background first.
        networks: One a fold.
        origin: Trainer, plans, configuration, checkpoint and versions, for people.
        equality: What was found when the networks were compared with torch's, for people.
    """

    record: Mapping[str, Any]
    spacing_mm: tuple[float, ...]
    patch_size: tuple[int, ...]
    transpose_forward: tuple[int, ...]
    normalisation: tuple[CTNormalisation, ...]
    image_resampling: Resampling
    logit_resampling: Resampling
    mirror_axes: tuple[int, ...]
    heads: int
    region_values: tuple[int, ...]
    networks: tuple[ExportedNetwork, ...]
    origin: Mapping[str, Any] = field(default_factory=dict)
    equality: Mapping[str, Any] = field(default_factory=dict)


def is_exported(folder: Path) -> bool:
    """Tell whether a folder is an exported model, whole or damaged, and not one nnU-Net trained."""
    return (folder / FILE).is_file() or any(folder.glob("fold_*.onnx"))


def write_description(folder: Path, description: ModelDescription) -> Path:
    """Write model.json."""
    return write_json(folder / FILE, {"format": FORMAT, "version": VERSION, **asdict(description)})


def read_description(folder: Path) -> ModelDescription:
    """Read model.json.

    Raises:
        InputError: There is none, it is another program's or a later version's, or it is damaged.
    """
    path = folder / FILE
    try:
        content = load_json(path)
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is no exported model: expected {FILE} in it; make one with `nnunet-multiphase export MODEL -o DIR`"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): export the model again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(
            f'{path} is not of an exported model: expected "format": "{FORMAT}"; make one with `nnunet-multiphase export`'
        )
    if content.get("version") != VERSION:
        raise InputError(
            f"{path} is of version {content.get('version')}, and this program reads {VERSION}: "
            "export the model again, or use the program that made it"
        )
    try:
        description = _described(content)
        _check(description)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{path} is damaged ({type(error).__name__}: {error}): export the model again"
        ) from error
    return description


def _described(content: Mapping[str, Any]) -> ModelDescription:
    return ModelDescription(
        record=dict(content["record"]),
        spacing_mm=_floats(content["spacing_mm"]),
        patch_size=_integers(content["patch_size"]),
        transpose_forward=_integers(content["transpose_forward"]),
        normalisation=tuple(CTNormalisation(**scheme) for scheme in content["normalisation"]),
        image_resampling=Resampling(**content["image_resampling"]),
        logit_resampling=Resampling(**content["logit_resampling"]),
        mirror_axes=_integers(content["mirror_axes"]),
        heads=_integers([content["heads"]])[0],
        region_values=_integers(content["region_values"]),
        networks=tuple(ExportedNetwork(**network) for network in content["networks"]),
        origin=dict(content["origin"]),
        equality=dict(content["equality"]),
    )


def _check(description: ModelDescription) -> None:
    """Raise ValueError where the parts do not fit each other, or a file's name leads out of the folder."""
    _check_record(description)
    axes = len(description.patch_size)
    if axes not in (2, 3) or len(description.spacing_mm) != axes:
        raise ValueError("spacing_mm and patch_size need two or three axes each")
    if sorted(description.transpose_forward) != [0, 1, 2]:
        raise ValueError("transpose_forward is no order of three axes")
    mirrored = description.mirror_axes
    if not set(mirrored) <= set(range(axes)) or len(set(mirrored)) < len(mirrored):
        raise ValueError("mirror_axes are none of the patch's, or there twice")
    if len(description.normalisation) != len(description.record["phases"]):
        raise ValueError("normalisation and phases differ in number")
    if description.region_values and len(description.region_values) != description.heads:
        raise ValueError("region_values and heads differ in number")
    if min(description.patch_size) < 1 or math.prod(description.patch_size) > MOST_VOXELS:
        raise ValueError(f"patch_size is no network's: 1 to {MOST_VOXELS} voxels are expected")
    if not all(SPACING_MM[0] <= value <= SPACING_MM[1] for value in description.spacing_mm):
        raise ValueError(f"spacing_mm is no scan's: {SPACING_MM[0]} to {SPACING_MM[1]} mm are expected")
    for how in (description.image_resampling, description.logit_resampling):
        if {how.order, how.order_z} - set(range(4)) or how.force_separate_z not in (None, True, False):
            raise ValueError("a resampling is none: splines of order 0 to 3 are expected")
    for scheme in description.normalisation:
        values = (scheme.low_hu, scheme.high_hu, scheme.mean_hu, scheme.sd_hu)
        if (
            not all(math.isfinite(value) for value in values)
            or scheme.sd_hu <= 0
            or scheme.low_hu >= scheme.high_hu
        ):
            raise ValueError("a channel's normalisation is none: low below high and sd above 0 are expected")
    if not description.networks:
        raise ValueError("it has no networks")
    if len({network.fold for network in description.networks}) < len(description.networks):
        raise ValueError("a fold is there twice")
    for network in description.networks:
        plain = Path(network.file).name == network.file and network.file.isprintable()
        if not plain or "\\" in network.file:
            raise ValueError(f"{network.file} is not a file's name")


def _check_record(description: ModelDescription) -> None:
    """Raise ValueError where the labels that the record knows are not those that the heads set."""
    if not 1 <= description.heads <= MOST_HEADS:
        raise ValueError(f"heads is {description.heads}: 1 to {MOST_HEADS} are expected")
    classes = classes_of_record(description.record, FILE, lesion_labels=())
    values = classes.known - {classes.ignore}
    heads = {0, *description.region_values} if description.region_values else set(range(description.heads))
    # A region may hold values that no region sets.
    fits = heads <= values if description.region_values else heads == values
    if not fits or max(values) > 255:
        raise ValueError(f"its labels are {sorted(values)[:9]}, and its heads set {sorted(heads)[:9]}")


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _integers(values: Sequence[int]) -> tuple[int, ...]:
    if not all(type(value) is int for value in values):
        raise TypeError("whole numbers are expected")
    return tuple(values)
