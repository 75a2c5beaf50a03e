"""Models from elsewhere: what a zip holds, and what a checkpoint would run."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.model_source import check_checkpoints, opened_model
from nnunet_multiphase.models.nnunet_model import load_model

NAME = "MultiPhaseSCAMTrainer__nnUNetMultiPhaseSCAMPlans__3d_fullres"
CHECKPOINT = "checkpoint_final.pth"
NETWORK = {
    "network_class_name": "nnunet_multiphase.network.dilated_scam_unet.DilatedSCAMUNet",
    "arch_kwargs": {"conv_op": "torch.nn.modules.conv.Conv3d", "norm_op": None},
    "_kw_requires_import": ["conv_op", "norm_op"],
}


class Program:
    """What a pickle of it does when it is loaded: make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def write_model(
    folder: Path, checkpoint: object = None, architecture: dict[str, object] | None = None
) -> Path:
    """Write what nnU-Net writes, as far as it is looked at here."""
    (folder / "fold_0").mkdir(parents=True)
    (folder / "dataset.json").write_text("{}")
    plans = {"configurations": {"3d_fullres": {"architecture": architecture or NETWORK}}}
    (folder / "plans.json").write_text(json.dumps(plans))
    logged = {
        "network_weights": {"w": torch.ones(2)},
        "logging": {"dice": [np.float64(0.5), np.float32(0.25)]},
    }
    torch.save(checkpoint if checkpoint is not None else logged, folder / "fold_0" / CHECKPOINT)
    return folder


def zipped(root: Path, out: Path) -> Path:
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(root))
    return out


def test_weights_and_numpys_numbers_pass(tmp_path: Path) -> None:
    check_checkpoints(write_model(tmp_path / NAME), ["0"], CHECKPOINT)


def test_a_checkpoint_that_runs_a_program_is_refused_before_it_runs(tmp_path: Path) -> None:
    made = tmp_path / "made_by_the_checkpoint"
    model = write_model(tmp_path / NAME, {"network_weights": Program(made)})
    with pytest.raises(
        InputError, match=r"fold_0.checkpoint_final\.pth cannot be read as weights alone.*--trust-model"
    ):
        check_checkpoints(model, ["0"], CHECKPOINT)
    assert not made.exists()
    torch.load(model / "fold_0" / CHECKPOINT, weights_only=False)
    assert made.exists()  # it would have


OTHERS = [
    "subprocess.Popen",
    "torch.nn.functional.torch.os.system",  # a module's attribute is another module
    "torch.nn.functional.relu",
    "torch.nn.modules.module.torch",
    "torch.hub.load",
    "exec",
    "dynamic_network_architectures.architectures.unet.nn.functional.torch.os.system",
    "nnunet_multiphase.network.nowhere.Net",
]


@pytest.mark.parametrize("key", ["network_class_name", "conv_op"])
@pytest.mark.parametrize("other", OTHERS)
def test_plans_that_name_another_class_are_refused(tmp_path: Path, key: str, other: str) -> None:
    architecture = json.loads(json.dumps(NETWORK))
    (architecture if key in architecture else architecture["arch_kwargs"])[key] = other
    model = write_model(tmp_path / NAME, architecture=architecture)
    with pytest.raises(InputError, match=rf"plans\.json builds its network of {re.escape(other)}"):
        check_checkpoints(model, ["0"], CHECKPOINT)


@pytest.mark.parametrize("content", ["0", "1", "true", '"plans.json"', "[]"])
@pytest.mark.parametrize("name", ["plans.json", "dataset.json"])
def test_what_nnunet_would_take_for_a_file_to_open_is_refused(
    tmp_path: Path, name: str, content: str
) -> None:
    """A 0 is the standard input to `open`, which waits for it; a 1 the standard output, which is closed afterwards."""
    model = write_model(tmp_path / NAME)
    (model / name).write_text(content)
    with pytest.raises(InputError, match=rf"{name} holds no record .*: restore what nnU-Net wrote"):
        load_model(model, trusted=True)


def test_predict_does_not_load_a_strangers_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("nnUNet_results", raising=False)
    made = tmp_path / "made_by_the_checkpoint"
    model = write_model(tmp_path / NAME, {"network_weights": Program(made)})
    (tmp_path / "patient").mkdir()
    assert main(["predict", str(tmp_path / "patient"), "-m", str(model), "-o", str(tmp_path / "out")]) == 2
    assert "cannot be read as weights alone" in capsys.readouterr().err
    assert not made.exists()
    assert not (tmp_path / "out").exists()


def test_a_zip_needs_trust(tmp_path: Path) -> None:
    write_model(tmp_path / "results" / "Dataset501_A" / NAME)
    archive = zipped(tmp_path / "results", tmp_path / "model.zip")
    with (
        pytest.raises(InputError, match=r"model\.zip holds checkpoints, which are pickles .*--trust-model"),
        opened_model(archive, NAME, trusted=False),
    ):
        pass


def test_a_trusted_zip_is_unpacked_for_as_long_as_it_is_needed(tmp_path: Path) -> None:
    model = write_model(tmp_path / "results" / "Dataset501_A" / NAME)
    archive = zipped(tmp_path / "results", tmp_path / "model.zip")
    with opened_model(archive, NAME, trusted=True) as folder:
        found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
        assert found == ["dataset.json", f"fold_0/{CHECKPOINT}", "plans.json"]
        assert (folder / "fold_0" / CHECKPOINT).read_bytes() == (model / "fold_0" / CHECKPOINT).read_bytes()
    assert not folder.exists()


def test_of_several_models_in_a_zip_the_named_one_is_taken(tmp_path: Path) -> None:
    other = "nnUNetTrainer__nnUNetPlans__3d_fullres"
    for name in (NAME, other):
        write_model(tmp_path / "results" / "Dataset501_A" / name)
    archive = zipped(tmp_path / "results", tmp_path / "model.zip")
    with opened_model(archive, other, trusted=True) as folder:
        assert (folder / "plans.json").is_file()
    with (
        pytest.raises(
            InputError, match=r"holds 2 models .* 0 of them called X__Y__Z: name one with -tr, -p and -c"
        ),
        opened_model(archive, "X__Y__Z", trusted=True),
    ):
        pass


def test_a_zip_writes_nothing_outside_and_nothing_but_a_model(tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in (
            "dataset.json",
            "plans.json",
            "run.py",
            "../../../../escaped/plans.json",
            "fold_0/x.pth",
        ):
            file.writestr(f"Dataset501_A/{NAME}/{name}", "{}")
    with opened_model(archive, NAME, trusted=True) as folder:
        assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == ["dataset.json", "plans.json"]
    assert not list(tmp_path.rglob("escaped"))


def test_a_zip_whose_packing_is_spoilt_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "results" / "Dataset501_A" / NAME)
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("dataset.json", "plans.json"):
            file.writestr(f"Dataset501_A/{NAME}/{name}", json.dumps(list(range(999))))
    content = bytearray(archive.read_bytes())
    content[200:300] = b"\xff" * 100
    archive.write_bytes(content)
    with (
        pytest.raises(InputError, match=r"is damaged or encrypted at .*dataset\.json"),
        opened_model(archive, NAME, trusted=True),
    ):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("again", ["plans.json", "plans.json/"])
def test_a_file_that_is_there_twice_is_refused(tmp_path: Path, again: str) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("dataset.json", "plans.json", again):
            file.writestr(f"Dataset501_A/{NAME}/{name}", "{}")
    with (
        pytest.raises(InputError, match=r"holds .*plans\.json/? twice"),
        opened_model(archive, NAME, trusted=True),
    ):
        pass


@pytest.mark.parametrize(
    "plans", ['"configurations"', "[]", "7", '{"configurations": {"a": []}}', "[" * 100_000]
)
def test_plans_of_another_form_are_refused(tmp_path: Path, plans: str) -> None:
    model = write_model(tmp_path / NAME)
    (model / "plans.json").write_text(plans)
    with pytest.raises(InputError, match=r"plans\.json cannot be read as nnU-Net's plans"):
        check_checkpoints(model, ["0"], CHECKPOINT)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "no such file or folder"), (b"no zip", "it is neither"), ("empty", "holds no model")],
)
def test_what_is_no_model_is_said(tmp_path: Path, content: bytes | str | None, sentence: str) -> None:
    path = tmp_path / "model.zip"
    if content == "empty":
        zipfile.ZipFile(path, "w").close()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InputError, match=sentence), opened_model(path, NAME, trusted=True):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("outside", [None, "elsewhere"])
def test_a_trainer_that_nnunet_does_not_find_is_named(
    tmp_path: Path, outside: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("nnUNet_extTrainer", raising=False)
    if outside:
        monkeypatch.setenv("nnUNet_extTrainer", str(tmp_path / outside))
    made = {"trainer_name": "OwnTrainer", "init_args": {"configuration": "3d_fullres"}, "network_weights": {}}
    model = write_model(tmp_path / NAME, made)
    said = rf"does not find the trainer OwnTrainer .* set nnUNet_extTrainer .*it is .*{outside or 'not set'}"
    with pytest.raises(InputError, match=said):
        load_model(model, trusted=True)


@pytest.mark.slow
def test_a_model_whose_trainer_is_found_is_still_called_damaged(tmp_path: Path) -> None:
    made = {"trainer_name": "MultiPhaseSCAMTrainer", "init_args": {"configuration": "3d_fullres"}}
    model = write_model(tmp_path / NAME, made)
    with pytest.raises(InputError, match="do not fit one another or are damaged"):
        load_model(model, trusted=True)
