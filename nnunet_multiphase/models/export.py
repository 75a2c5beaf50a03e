"""Write a trained model as ONNX networks and one description, and keep nothing that does not answer as torch does."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import platform
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunet_multiphase.alone import alone
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.description import (
    CTNormalisation,
    ExportedNetwork,
    ModelDescription,
    write_description,
)
from nnunet_multiphase.models.equality import Equality, check_equality
from nnunet_multiphase.models.identity import text_or_none
from nnunet_multiphase.models.resampling import Resampling
from nnunet_multiphase.whole_file import naming

if TYPE_CHECKING:
    from nnunet_multiphase.models.nnunet_model import NnUNetModel

OPSET = 18
KEPT_OF_RECORD = (
    "name",
    "licence",
    "converted_by",
    "channel_names",
    "labels",
    "regions_class_order",
    "file_ending",
    "phases",
    "axes",
    "registration",
)
"""What of dataset.json travels along; names of training cases stay at home."""


def export_model(
    model: NnUNetModel,
    folds: Sequence[str],
    output: Path,
    *,
    checks: Sequence[tuple[np.ndarray, Sequence[float]]] = (),
    seed: int = 0,
    origin: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Equality:
    """Export a model, compare it with torch's, and only then give it its name.

    Args:
        model: As `load_model` gives it.
        folds: Names of its folds, in its order.
        output: Folder to be made.
        checks: Registered phases (C, Z, Y, X) in HU and their spacing in mm to compare on; none: noise with structure.
        seed: Of that noise.
        origin: More about where it comes from, for people.
        say: Takes a line of progress.

    Returns:
        What the comparison found.

    Raises:
        InputError: The folder exists, a package is missing, the model does something that is not exported, or the exported
            networks do not answer as torch's.
    """
    require_exporter()
    output = Path(os.path.abspath(output))
    _refuse_taken(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    busy = f"{output} is being made by another export right now; wait for it, or name another folder with -o"
    with alone(output.with_name(f".{output.name}.lock"), busy):
        return _export_model(model, folds, output, checks, seed, origin or {}, say)


def _refuse_taken(output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} exists already: remove it, or name another folder with -o")


def _export_model(
    model: NnUNetModel,
    folds: Sequence[str],
    output: Path,
    checks: Sequence[tuple[np.ndarray, Sequence[float]]],
    seed: int,
    origin: Mapping[str, Any],
    say: Callable[[str], None],
) -> Equality:
    _refuse_taken(output)
    description = describe(model, origin)
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        networks = []
        predictor = model.predictor
        for fold, parameters in zip(folds, predictor.list_of_parameters, strict=True):
            predictor.network.load_state_dict(parameters)
            content = onnx_of(predictor.network, (1, len(description.normalisation), *description.patch_size))
            file = f"fold_{fold}.onnx"
            with naming(partial / file):
                (partial / file).write_bytes(content)
            networks.append(ExportedNetwork(fold, file, hashlib.sha256(content).hexdigest()))
            say(f"{file}: {len(content) / 1e6:.1f} MB")
        description = replace(description, networks=tuple(networks))
        equality = check_equality(model, description, partial, checks=checks, seed=seed, say=say)
        write_description(partial, replace(description, equality=equality.told()))
        if output.exists():
            output.rmdir()
        partial.replace(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return equality


def require_exporter() -> None:
    """Raise InputError where what writes and checks ONNX is not installed."""
    lacking = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if lacking:
        raise InputError(
            f"export needs {', '.join(lacking)}, not installed here: pip install 'nnunet-multiphase[onnx]'"
        )


def describe(model: NnUNetModel, origin: Mapping[str, Any]) -> ModelDescription:
    """Gather what predicting needs of plans, configuration, dataset.json and checkpoint; no networks yet.

    Raises:
        InputError: The plans ask for a step that the exported form does not have.
    """
    predictor = model.predictor
    plans, configuration, labels = (
        predictor.plans_manager,
        predictor.configuration_manager,
        predictor.label_manager,
    )
    told = configuration.configuration
    _refuse_unless(
        told["preprocessor_name"] == "DefaultPreprocessor", f"preprocessor {told['preprocessor_name']}"
    )
    _refuse_unless(not any(told["use_mask_for_norm"]), "use_mask_for_norm")
    properties = plans.foreground_intensity_properties_per_channel
    normalisation = []
    for channel, scheme in enumerate(told["normalization_schemes"]):
        _refuse_unless(scheme == "CTNormalization", f"normalisation {scheme}")
        values = properties[str(channel)]
        normalisation.append(
            CTNormalisation(
                values["percentile_00_5"], values["percentile_99_5"], values["mean"], values["std"]
            )
        )
    logits = _resampling(told, "probabilities")
    _refuse_unless(
        max(logits.order, logits.order_z) <= 1, "logits resampled by splines of a higher order than 1"
    )
    record = {key: predictor.dataset_json[key] for key in KEPT_OF_RECORD if key in predictor.dataset_json}
    references = sorted((predictor.dataset_json.get("reference_phase") or {}).values())
    record["reference_phase"] = {str(number): phase for number, phase in enumerate(references)}
    return ModelDescription(
        record=record,
        spacing_mm=tuple(float(s) for s in configuration.spacing),
        patch_size=tuple(int(n) for n in configuration.patch_size),
        transpose_forward=tuple(int(a) for a in plans.transpose_forward),
        normalisation=tuple(normalisation),
        image_resampling=_resampling(told, "data"),
        logit_resampling=logits,
        mirror_axes=tuple(int(a) for a in predictor.allowed_mirroring_axes or ()),
        heads=int(labels.num_segmentation_heads),
        region_values=tuple(int(v) for v in labels.regions_class_order) if labels.has_regions else (),
        networks=(),
        origin={
            "trainer": predictor.trainer_name,
            "plans": text_or_none(plans.plans.get("plans_name")),
            **origin,
            "versions": _versions(),
        },
    )


def onnx_of(network: Any, shape: Sequence[int]) -> bytes:
    """Write one network as ONNX for input of one shape; nothing of this machine is in it.

    Raises:
        InputError: torch cannot write it.
    """
    import torch

    from nnunet_multiphase.models.exact_means import exact_program, with_written_out_norms

    network = with_written_out_norms(network).eval()
    # Structure makes no difference to the graph; values that are no constant keep every branch as it is on a patient.
    example = torch.linspace(-1, 1, int(np.prod(shape)), dtype=torch.float32).reshape(tuple(shape))
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                exact_program(network, example),
                (example,),
                input_names=["phases"],
                output_names=["logits"],
                opset_version=OPSET,
                dynamo=True,
            )
    except Exception as error:  # the exporter raises many kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"torch {torch.__version__} cannot write this network as ONNX ({first}): update torch and onnxscript"
        ) from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    assert program is not None  # with dynamo it is never None
    proto = program.model_proto
    _forget_this_machine(proto)
    return proto.SerializeToString(deterministic=True)


def _forget_this_machine(proto: Any) -> None:
    """Clear what the exporter notes of source files and call stacks."""
    for owner in (proto, proto.graph, *proto.functions):
        owner.doc_string = ""
        del owner.metadata_props[:]
    for part in (proto.graph, *proto.functions):
        for node in part.node:
            node.doc_string = ""
            del node.metadata_props[:]
    values = (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer)
    for value in values:
        value.doc_string = ""
        del value.metadata_props[:]


def _resampling(told: Mapping[str, Any], what: str) -> Resampling:
    function, options = told[f"resampling_fn_{what}"], dict(told[f"resampling_fn_{what}_kwargs"])
    _refuse_unless(function == "resample_data_or_seg_to_shape", f"resampling by {function}")
    _refuse_unless(not options.pop("is_seg", False), f"is_seg for {what}")
    how = Resampling(
        int(options.pop("order", 3)), int(options.pop("order_z", 0)), options.pop("force_separate_z", False)
    )
    _refuse_unless(not options, f"resampling with {', '.join(options)}")
    return how


def _refuse_unless(known: bool, what: str) -> None:
    if not known:
        raise InputError(
            f"the model's plans have {what}, which an exported model cannot do: predict with --runtime torch"
        )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("nnunet-multiphase", "nnunetv2", "torch", "onnx", "onnxscript", "onnxruntime", "openvino"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
