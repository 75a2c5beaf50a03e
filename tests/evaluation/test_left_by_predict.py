"""What lies beside predictions is held against them: other models, other lesion labels, patients who failed since."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.evaluation.folders import evaluate_folders
from nnunet_multiphase.evaluation.label_choice import LabelOptions
from nnunet_multiphase.evaluation.left_by_predict import made_by, noted_failures, told_apart

LABELS = {"labels": {"background": 0, "liver": 1, "lesion": 2}}
MODEL = {"name": "m", "checkpoint": None, "folds": ["0", "1"], "mirroring": True, "runtime": "torch"}


def written(folder: Path) -> Path:
    values = np.zeros((6, 8, 8), np.uint8)
    values[1:5, 1:7, 1:7], values[2:4, 2:4, 2:4] = 1, 2
    folder.mkdir(parents=True)
    for case in ("a", "b", "c"):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / f"{case}.nii.gz"))
    (folder / "dataset.json").write_text(json.dumps(LABELS))
    return folder


def measured(folder: Path, case: str, *, lesion_labels: object = (2,), **model: object) -> None:
    content = {"model": MODEL | model, "lesion_labels": lesion_labels}
    (folder / f"{case}_lesions.json").write_text(json.dumps(content))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return written(tmp_path / "p"), written(tmp_path / "t")


def test_labels_of_two_models_are_told(folders: tuple[Path, Path]) -> None:
    for case, folds in (("a", ["0", "1"]), ("b", ["0"]), ("c", ["0", "1"])):
        measured(folders[0], case, folds=folds)
    said = evaluate_folders(*folders).note
    assert said.endswith("means are of no one model: a, c by folds 0 1; b by folds 0")


def test_grids_of_other_phases_know_the_model_as_well(folders: tuple[Path, Path]) -> None:
    grid = written(folders[0] / "grids" / "pv")
    measured(folders[0], "a")
    measured(folders[0], "b", name="other")
    assert "a by name m; b by name other" in evaluate_folders(grid, folders[1]).note


def test_another_runtime_or_a_model_that_is_not_known_is_no_other_model(folders: tuple[Path, Path]) -> None:
    measured(folders[0], "a")
    measured(folders[0], "b", runtime="onnx")
    (folders[0] / "c_lesions.json").write_text(json.dumps({"model": None}))
    assert "model" not in evaluate_folders(*folders).note


def test_tables_that_count_other_labels_are_told(folders: tuple[Path, Path]) -> None:
    for case in ("a", "b", "c"):
        measured(folders[0], case, lesion_labels=[1, 2])
    assert (
        "the table of a, b, c counts the labels 1 2 as lesions, here 2 count"
        in evaluate_folders(*folders).note
    )
    assert "counts" not in evaluate_folders(*folders, options=LabelOptions((2,))).note


def test_labels_of_a_patient_who_failed_since_are_told(folders: tuple[Path, Path]) -> None:
    notes = folders[0] / "not_predicted"
    notes.mkdir()
    (notes / "b.json").write_text(json.dumps({"case": "b", "why": "cut off"}))
    (notes / "d.json").write_text("{")
    assert noted_failures(folders[0]) == {"b": "cut off", "d": "failed in an earlier run"}
    assert "b could not be predicted in a later run" in evaluate_folders(*folders).note


@pytest.mark.parametrize("content", ["[1]", "{", '{"model": 1, "lesion_labels": {"a": 1}}', "null"])
def test_a_spoilt_record_says_nothing_or_what_it_says(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a_lesions.json"
    path.write_text(content)
    assert told_apart({"a": made_by(path), "b": {}}) == ""
