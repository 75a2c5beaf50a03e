"""A refusal names what its reader can change: arguments in Python, options on the command line."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp
from nnunet_multiphase.api.words import in_python

MASK = sitk.GetImageFromArray(np.pad(np.ones((4, 4, 4), np.uint8), 4))


@pytest.mark.parametrize(
    ("said", "in_words"),
    [
        ("add the file or pass --missing fill", "add the file or pass missing='fill'"),
        ("--dataset-id 0 cannot be used", "dataset_id 0 cannot be used"),
        (
            "choose another --dataset-id, or pass --overwrite",
            "choose another dataset_id, or pass overwrite=True",
        ),
        ("leave --runtime torch out", "leave runtime='torch' out"),
        ("pass --device with one of these", "pass device with one of these"),
        ("--device cuda:1: an exported model", "device='cuda:1': an exported model"),
        ("or pass -m MODEL_FOLDER", "or give the folder of a model"),
        ("leave them out (-f 0 all)", "leave them out (folds=[0, 'all'])"),
        ("pass --trust-model if you know", "pass trusted=True if you know"),
        ("name another with -o", "name another with output"),
        ("say which with --lesion-labels", "say which with lesion_labels"),
        ("use fewer --jobs; the same command goes on", "use fewer jobs; the same call goes on"),
        ("it was accepted (--accept hu-offset)", "it was accepted (accept=['hu-offset'])"),
        (
            "pass --lesion-labels 1 --prediction-lesion-labels 2",
            "pass lesion_labels=[1] `nnunet-multiphase evaluate`'s --prediction-lesion-labels 2",
        ),
        # What is to be typed stays.
        (
            "train it with `nnUNetv2_train 501 2d 0 -f 0 -o X`",
            "train it with `nnUNetv2_train 501 2d 0 -f 0 -o X`",
        ),
        ("train with -overwrite_plans_name", "train with -overwrite_plans_name"),
        ("the file /data/a-f/b --c", "the file /data/a-f/b --c"),
    ],
)
def test_options_become_arguments(said: str, in_words: str) -> None:
    assert in_python(said) == in_words


def test_a_function_names_its_argument_and_a_command_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nnunet_multiphase.cli.main import main

    for name in ("nnUNet_raw", "nnUNet_preprocessed"):
        monkeypatch.setenv(name, str(tmp_path / name))
    with pytest.raises(mp.InputError, match=r"^dataset_id 0 cannot be used"):
        mp.build_dataset(tmp_path, 0, "Tiny")
    assert main(["setup", str(tmp_path), "--dataset-id", "0", "--name", "Tiny"]) == 2
    assert "--dataset-id 0 cannot be used" in capsys.readouterr().err


def test_a_warning_points_at_the_line_that_called() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mp.lesion_table(MASK * 2, lesion_labels=[1])
    assert [Path(one.filename).name for one in told] == [Path(__file__).name]


@pytest.mark.parametrize("place", ["pv", "./pv", "link"])
def test_results_do_not_come_into_the_cases_own_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pv").mkdir()
    Path("link").symlink_to("pv")
    phase = Path("pv/pv.nii.gz")  # the labels of a case of that name are called so, too
    sitk.WriteImage(MASK, str(phase))
    before = phase.read_bytes()
    loaded: Any = SimpleNamespace(record={"labels": {}})
    with pytest.raises(mp.InputError, match="is the case's own folder"):
        mp.predict_case(loaded, "pv", place)
    assert [file.name for file in Path("pv").iterdir()] == ["pv.nii.gz"]
    assert phase.read_bytes() == before


def test_results_do_not_come_over_a_file_of_the_case(tmp_path: Path) -> None:
    from nnunet_multiphase.cases.case import CaseFolder

    flat = CaseFolder("p7", tmp_path, "p7", {"pv": tmp_path / "p7.nii.gz"}, "pv", None, None)
    loaded: Any = SimpleNamespace(record={"labels": {}})
    with pytest.raises(mp.InputError, match=r"the labels would be written over .*p7\.nii\.gz, a phase"):
        mp.predict_case(loaded, flat, tmp_path)
    with pytest.raises(mp.InputError, match="is a file: expected a folder"):
        mp.predict_case(loaded, tmp_path / "p7", Path(shutil.copy(__file__, tmp_path)))


def test_options_of_setup_stay_as_they_are() -> None:
    text = "say which label is which (setup's --lesion-labels and --liver-labels)"
    assert in_python(text) == text
