"""Spoilt models: exported folders (ONNX), and what nnU-Net trained, as folders of strangers and as zips."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mutations
import numpy as np
from mutations import Rng

from nnunet_multiphase.label_classes import classes_of_record
from nnunet_multiphase.models.description import read_description
from nnunet_multiphase.models.load import load_for_runtime
from nnunet_multiphase.models.model import model_lesion_labels, model_phases

PATCH = (4, 8, 8)
HEADS = 3
PATIENT = np.random.default_rng(0).normal(60, 60, (2, 6, 12, 12)).astype(np.float32)
SPACING_MM = (2.5, 0.8, 0.8)
SPLINES = {"order": 3, "order_z": 0, "force_separate_z": None}
TOLD: dict[str, Any] = {
    "format": "nnunet-multiphase exported model",
    "version": 1,
    "record": {
        "phases": ["art", "pv"],
        "labels": {"background": 0, "liver": 1, "lesion": 2},
        "axes": "LPS",
        "registration": {"model": "rigid"},
    },
    "spacing_mm": [2.5, 1.0, 1.0],
    "patch_size": list(PATCH),
    "transpose_forward": [0, 1, 2],
    "normalisation": [{"low_hu": -150.0, "high_hu": 250.0, "mean_hu": 60.0, "sd_hu": 40.0}] * 2,
    "image_resampling": SPLINES,
    "logit_resampling": {"order": 1, "order_z": 0, "force_separate_z": None},
    "mirror_axes": [0],
    "heads": HEADS,
    "region_values": [],
    "origin": {},
    "equality": {},
}
DECIDES = tuple(key for key in TOLD if key not in ("record", "origin", "equality"))


@cache
def network(
    external: str = "", axes: int = 3, heads: int = HEADS, channels: int = 2, op: str = "Conv"
) -> bytes:
    """Make a network of one step; `external` names another file as its weights'."""
    from onnx import TensorProto, helper, numpy_helper

    shape = [1, channels, *PATCH[-axes:]]
    values = np.linspace(-1, 1, heads * channels, dtype=np.float32).reshape(heads, channels, *[1] * axes)
    weights = numpy_helper.from_array(values, "w")
    if external:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in (("location", external), ("offset", "0"), ("length", str(values.nbytes))):
            entry = weights.external_data.add()
            entry.key, entry.value = key, value
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, heads, *PATCH[-axes:]])],
        [weights],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(made.SerializeToString())


def onnx(folder: Path, rng: Rng) -> None:
    """Load one spoilt exported model, and let it segment."""
    model = folder / "model"
    model.mkdir()
    (folder / "secret.bin").write_bytes(np.ones(HEADS * 2, np.float32).tobytes())
    content, told = network(), dict(TOLD)
    way = int(rng.integers(12))
    if way < 2:
        content = [mutations.flipped, mutations.cut][way](content, rng)
    elif way == 2:  # other weights, perhaps none that are numbers
        at = content.index(WEIGHTS)
        content = content[:at] + mutations.flipped(WEIGHTS, rng) + content[at + len(WEIGHTS) :]
    elif way == 3:
        content = OTHER_NETWORKS[int(rng.integers(len(OTHER_NETWORKS)))](folder)
    digest = hashlib.sha256(content if rng.random() < 0.8 else network()).hexdigest()
    told["networks"] = [{"fold": "0", "file": "fold_0.onnx", "sha256": digest}]
    record = json.dumps(told).encode()
    (model / "model.json").write_bytes(mutations.json_text(record, rng) if way in (4, 5, 6) else record)
    (model / "fold_0.onnx").write_bytes(content)
    if way > 7:
        for _ in range(int(rng.integers(1, 3))):
            key, values = OTHERWISE[int(rng.integers(len(OTHERWISE)))]
            told[key] = values[int(rng.integers(len(values)))]
        (model / "model.json").write_text(json.dumps(told))
    if way == 7:
        _misplaced(model, ("model.json", "fold_0.onnx"), rng)
    loaded = load_for_runtime(model, "onnx", wanted="")
    labels = model_lesion_labels(loaded)
    found = loaded.segment(PATIENT[: len(model_phases(loaded))], SPACING_MM, labels)
    assert found.labels.shape == found.lesion_probability.shape == PATIENT.shape[1:]
    assert np.isfinite(found.lesion_probability).all()
    assert -1e-6 <= found.lesion_probability.min() <= found.lesion_probability.max() <= 1 + 1e-6
    known = classes_of_record(loaded.record, "model.json").known
    assert set(np.unique(found.labels).tolist()) <= known, "labels that the model's record does not know"
    description = read_description(model)
    as_it_was = json.loads(json.dumps(TOLD))
    here = json.loads((model / "model.json").read_text())
    if (
        all(here.get(key) == as_it_was[key] for key in DECIDES)
        and content == network()
        and description.networks
    ):
        np.testing.assert_array_equal(found.labels, _right_labels())


OTHER_NETWORKS: tuple[Callable[[Path], bytes], ...] = (
    lambda folder: network(external="../secret.bin"),
    lambda folder: network(external=str(folder / "secret.bin")),
    lambda folder: network(external="fold_0.onnx"),
    lambda folder: network(external="/etc/hostname"),
    lambda folder: network(axes=2),
    lambda folder: network(heads=2),
    lambda folder: network(heads=7),
    lambda folder: network(channels=1),
    lambda folder: network(channels=5),
    lambda folder: network(op="Nonsense"),
    lambda folder: b"",
    lambda folder: b"\0" * 5000,
    lambda folder: pickle.dumps(Program(folder / "ran")),
)


WEIGHTS = np.linspace(-1, 1, HEADS * 2, dtype=np.float32).tobytes()
_SCHEME = TOLD["normalisation"][0]
_RECORD = TOLD["record"]
OTHERWISE: tuple[tuple[str, list[Any]], ...] = (
    ("spacing_mm", [[1e-30, 1, 1], [1e30] * 3, [0.001] * 3, [2.5, 1], [1e-3, 1e-3, 300], ["2", "1", "1"]]),
    ("patch_size", [[10**6] * 3, [1, 1, 1], [4, 8, 9], [4, 8], [2**40, 1, 1], [8, 8, 4], [4.9, 8, 8]]),
    ("transpose_forward", [[2, 1, 0], [0, 2, 1], [0, 0, 1]]),
    ("mirror_axes", [[], [0, 1, 2], [0] * 30, [2, 2], list(range(40))]),
    ("heads", [1, 2, 4, 100, 10**9, 3.7]),
    ("region_values", [[1, 2, 2], [1, 2, 300], [-1, 1, 2], [1], [7, 8, 9], [1, 2, 2.5]]),
    ("image_resampling", [{**SPLINES, "order": value} for value in (0, 1, 9, -1, None, 2.5)]),
    ("logit_resampling", [{**SPLINES, "order": value} for value in (0, 1, 9, -1, "x")]),
    ("image_resampling", [{**SPLINES, "order_z": 7}, {**SPLINES, "force_separate_z": "yes"}]),
    ("normalisation", [[{**_SCHEME, "sd_hu": value}] * 2 for value in (1e-300, 1e300, True, "40", 0)]),
    ("normalisation", [[{**_SCHEME, "mean_hu": value}] * 2 for value in (1e300, float("nan"), None)]),
    ("normalisation", [[_SCHEME], [_SCHEME] * 3, [{**_SCHEME, "low_hu": 1e308, "high_hu": 1.5e308}] * 2]),
    (
        "record",
        [{**_RECORD, "phases": value} for value in (["art", "art"], ["a", "b"], [1, 2], "pv", [[], []])],
    ),
    (
        "record",
        [{**_RECORD, "labels": {"background": 0, "lesion": value}} for value in (1, 2, 3, 255, 256, 10**8)],
    ),
    (
        "record",
        [
            {**_RECORD, "labels": value}
            for value in ({}, [], {"a": 0}, {"lesion": 0}, None, {"lesion": [1, 2]})
        ],
    ),
    ("record", [{**_RECORD, "registration": value} for value in (None, [], "x", {"model": 3})]),
    ("record", [{**_RECORD, "reference_phase": value} for value in ([], "x", {"a": "b"}, {"a": ["pv"]})]),
    (
        "networks",
        [[], [{"fold": "0"}], [{"fold": ["0"], "file": "fold_0.onnx", "sha256": ""}], "fold_0.onnx"],
    ),
    (
        "networks",
        [[{"fold": "0", "file": value, "sha256": ""}] for value in ("..", "", "a/b", 7, "\x1b[2J", "a\x00b")],
    ),
    ("equality", [{"logit_difference": value} for value in (7, "x", None, {"openvino": 1}, {"onnx": 1})]),
)
"""What model.json may say instead, key by key."""


@cache
def _right_labels() -> np.ndarray:
    with tempfile.TemporaryDirectory() as place:
        model = Path(place, "model")
        model.mkdir()
        networks = [{"fold": "0", "file": "fold_0.onnx", "sha256": hashlib.sha256(network()).hexdigest()}]
        (model / "model.json").write_text(json.dumps({**TOLD, "networks": networks}))
        (model / "fold_0.onnx").write_bytes(network())
        return load_for_runtime(model, "onnx", wanted="").segment(PATIENT, SPACING_MM, (2,)).labels


def _misplaced(model: Path, names: tuple[str, ...], rng: Rng) -> None:
    """Put something else in a file's place: nothing, a folder, links, a pipe that nobody writes into."""
    path = model / names[int(rng.integers(len(names)))]
    content = path.read_bytes()
    path.unlink()
    way = int(rng.integers(6))
    if way == 1:
        path.mkdir()
    elif way == 2:
        path.symlink_to(path.name)
    elif way == 3:
        path.symlink_to("/dev/zero")
    elif way == 4:
        os.mkfifo(path)
    elif way == 5:
        (model.parent / path.name).write_bytes(content)
        path.symlink_to(model.parent / path.name)


class Program:
    """What a stranger's pickle may be: it makes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


NAME = "MultiPhaseSCAMTrainer__tiny__3d_fullres"


@cache
def trained() -> dict[str, bytes]:
    """Make what nnU-Net writes of a small network: file names and contents."""
    sys.path.append(str(Path(__file__).parents[1] / "models"))
    import torch
    from tiny_model import network as made_network
    from tiny_model import plans, record

    from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, NETWORK_CLASS, default_arch_kwargs

    kwargs = default_arch_kwargs([[1, 3, 3], *[[3, 3, 3]] * 4], STRIDES, is_2d=False, patch_size=None)
    kwargs |= {"features_per_stage": [4, 4, 6, 6, 8], "decoder_features_per_stage": [2, 4, 4, 6]}
    architecture = {
        "network_class_name": NETWORK_CLASS,
        "arch_kwargs": json.loads(json.dumps(kwargs)),
        "_kw_requires_import": list(ARCH_KWARGS_REQ_IMPORT),
    }
    checkpoint = io.BytesIO()
    torch.save(
        {
            "network_weights": made_network(3).state_dict(),
            "trainer_name": "MultiPhaseSCAMTrainer",
            "init_args": {"configuration": "3d_fullres"},
            "inference_allowed_mirroring_axes": (0, 1, 2),
        },
        checkpoint,
    )
    return {
        "plans.json": json.dumps(plans(architecture=architecture)).encode(),
        "dataset.json": json.dumps(record()).encode(),
        "fold_0/checkpoint_final.pth": checkpoint.getvalue(),
    }


STRIDES = [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2]]


def model(folder: Path, rng: Rng) -> None:
    """Load one spoilt model of a stranger: a folder without trust, or a zip with it."""
    files = dict(trained())
    place = folder / NAME
    as_zip = rng.random() < 0.5
    if not as_zip or rng.random() < 0.3:
        _spoil_files(files, folder, rng, trusted=as_zip)
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    source = place
    if as_zip:
        source = folder / "model.zip"
        source.write_bytes(_zip_of(files, folder, rng))
        shutil.rmtree(place)
    elif rng.random() < 0.2:
        _misplaced(place, tuple(files), rng)
    scratch = folder / "scratch"
    scratch.mkdir()
    before = set(folder.rglob("*"))
    untrusted_zip = as_zip and rng.random() < 0.1
    tempfile.tempdir = str(scratch)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            loaded: Any = load_for_runtime(
                source, wanted=NAME, device="cpu", trusted=as_zip and not untrusted_zip
            )
    finally:
        tempfile.tempdir = None
        for stream in (1, 2):
            os.fstat(stream)  # raises where it was closed
        left = set(folder.rglob("*")) - before
        assert not left, f"left behind: {left}"
        assert not Path("/tmp/nnunet-multiphase-escaped").exists(), "a zip wrote outside of its folder"
    assert not untrusted_zip, "a zip was loaded without trust"
    assert set(model_phases(loaded)) <= {"nc", "art", "pv", "dl"}
    if files == trained():
        weights = _weights()
        (parameters,) = loaded.predictor.list_of_parameters
        assert all((parameters[name] == value).all() for name, value in weights.items())


@cache
def _weights() -> dict[str, Any]:
    import torch

    content = torch.load(io.BytesIO(trained()["fold_0/checkpoint_final.pth"]), weights_only=True)
    return dict(content["network_weights"])


def _spoil_files(files: dict[str, bytes], folder: Path, rng: Rng, *, trusted: bool) -> None:
    name = list(files)[int(rng.integers(len(files)))]
    if rng.random() < 0.1:
        del files[name]
    elif name.endswith(".json"):
        files[name] = mutations.json_text(files[name], rng)
    elif rng.random() < 0.6 or trusted:  # what the user trusts may run what it likes
        files[name] = [mutations.flipped, mutations.cut, mutations.doubled][int(rng.integers(3))](
            files[name], rng
        )
    else:
        files[name] = _program(folder / "ran", rng)


def _program(mark: Path, rng: Rng) -> bytes:
    """Make a checkpoint that runs a program when it is loaded as a pickle: bare, or in torch's zip."""
    import torch

    if rng.random() < 0.5:
        return pickle.dumps({"network_weights": Program(mark)})
    stream = io.BytesIO()
    torch.save({"network_weights": {}, "init_args": Program(mark)}, stream)
    return stream.getvalue()


def _zip_of(files: dict[str, bytes], folder: Path, rng: Rng) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(f"Dataset900_Tiny/{NAME}/{name}", content)
        for _ in range(int(rng.integers(3))):
            odd = ODD_MEMBERS[int(rng.integers(len(ODD_MEMBERS)))]
            entry = zipfile.ZipInfo(odd)
            if rng.random() < 0.3:
                entry.external_attr = 0o120777 << 16  # a link
            with contextlib.suppress(UserWarning):
                archive.writestr(entry, b"/etc/passwd" if rng.random() < 0.5 else b"\0" * 1_000_000)
    content = stream.getvalue()
    way = int(rng.integers(6))
    if way < 3:
        return [mutations.flipped, mutations.cut, mutations.doubled][way](content, rng)
    if way == 3:  # another size than the member has, in the directory at the end
        at = content.rindex(b"PK\x01\x02")
        claimed = int(rng.choice([0, 1, 1 << 31, (1 << 32) - 2])).to_bytes(4, "little")
        return content[: at + 24] + claimed + content[at + 28 :]
    return content


ODD_MEMBERS = (
    "../../../../../../../../tmp/nnunet-multiphase-escaped",
    "/tmp/nnunet-multiphase-escaped",
    f"Dataset900_Tiny/{NAME}/../../../../../tmp/nnunet-multiphase-escaped",
    f"Dataset900_Tiny/{NAME}/fold_0/../../escaped/checkpoint_x.pth",
    f"Dataset900_Tiny/{NAME}\\..\\..\\plans.json",
    f"Dataset900_Tiny/{NAME}/plans.json",
    f"Dataset900_Tiny/{NAME}/fold_1/checkpoint_final.pth",
    f"Dataset900_Tiny/{NAME}/fold_all/checkpoint_final.pth/",
    f"Dataset900_Tiny/{NAME}/dataset.json/plans.json",
    f"../{NAME}/plans.json",
    f"C:\\{NAME}\\plans.json",
    "a__b__c/plans.json",
    "\x1b[2J__b__c/plans.json",
)
