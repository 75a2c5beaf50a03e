"""`mp.evaluate` of two single segmentations knows as much of their labels as of two folders of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp

LABELS = {"labels": {"background": 0, "liver": 1, "lesion": 2}}


def volume(values: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.0, 1.0, 2.0))
    return image


def liver(lesion_at: int | None = None, size: int = 4) -> np.ndarray:
    values = np.zeros((10, 24, 24), np.uint8)
    values[2:8, 4:20, 4:20] = 1
    if lesion_at is not None:
        values[4 : 4 + size, 8:12, lesion_at : lesion_at + 4] = 2
    return values


def files(folder: Path, **sides: np.ndarray) -> dict[str, Path]:
    paths = {}
    for name, values in sides.items():
        (folder / name).mkdir()
        (folder / name / "dataset.json").write_text(json.dumps(LABELS))
        paths[name] = folder / name / "a.nii.gz"
        sitk.WriteImage(volume(values), str(paths[name]))
    return paths


def test_a_dataset_json_beside_the_files_says_what_is_lesion(tmp_path: Path) -> None:
    pair = files(tmp_path, predicted=liver(8), truth=liver(9))
    scores = mp.evaluate(pair["predicted"], pair["truth"])
    assert scores.cases[0].dice == pytest.approx(0.75)
    assert scores.labels == mp.evaluate(tmp_path / "predicted", tmp_path / "truth").labels
    assert [(row.name, row.dice) for row in scores.classes] == [
        (row.name, row.dice) for row in mp.evaluate(tmp_path / "predicted", tmp_path / "truth").classes
    ]


def test_livers_without_lesions_are_a_patient_without_lesions(tmp_path: Path) -> None:
    pair = files(tmp_path, predicted=liver(), truth=liver())
    summary = mp.evaluate(pair["predicted"], pair["truth"]).summary()
    assert (summary["true_negative_cases"], summary["lesions"]) == (1, 0)


def test_a_predicted_liver_is_no_lesion_beside_a_drawn_mask(tmp_path: Path) -> None:
    predicted = files(tmp_path, predicted=liver())["predicted"]
    drawn = tmp_path / "lesions_pv.nii.gz"
    sitk.WriteImage(volume((liver(8) == 2).astype(np.uint8)), str(drawn))
    score = mp.evaluate(predicted, drawn).cases[0]
    assert (score.found, score.missed, score.false, score.prediction_ml) == (0, 1, 0, 0.0)


def test_an_image_is_understood_by_what_lies_beside_the_other_file(tmp_path: Path) -> None:
    truth = files(tmp_path, truth=liver(9))["truth"]
    assert mp.evaluate(volume(liver(8)), truth).cases[0].dice == pytest.approx(0.75)


def test_labels_that_neither_side_holds_are_told_of() -> None:
    with pytest.warns(UserWarning, match="neither holds a voxel of lesion_labels 7, only 1, 2"):
        scores = mp.evaluate(volume(liver(8)), volume(liver(9)), lesion_labels=[7])
    assert "lesion_labels 7" in scores.note
    with pytest.warns(UserWarning, match="holds no voxel of lesion_labels 7, only 1, 2"):
        assert mp.lesion_table(volume(liver(8)), lesion_labels=[7]).lesions == ()


def test_what_is_noted_of_folders_is_a_warning_as_of_a_pair(tmp_path: Path) -> None:
    for side, values in (("predicted", liver(8)), ("truth", liver(8)[:, :, ::-1].copy())):
        (tmp_path / side).mkdir()
        sitk.WriteImage(volume((values == 2).astype(np.uint8)), str(tmp_path / side / "a.nii.gz"))
    with pytest.warns(UserWarning, match="mirrored from left to right the predictions fit the truth better"):
        mp.evaluate(tmp_path / "predicted", tmp_path / "truth")


def test_the_labels_given_are_lesion_and_a_single_one_may_be_a_number() -> None:
    for labels in ([2], 2):
        assert mp.evaluate(volume(liver(8)), volume(liver(9)), lesion_labels=labels).cases[
            0
        ].dice == pytest.approx(0.75)
        assert len(mp.lesion_table(volume(liver(8)), lesion_labels=labels).lesions) == 1


def test_probabilities_are_refused_whatever_is_called_lesion() -> None:
    probable = sitk.Cast(volume(liver(8)), sitk.sitkFloat32) * 0.6
    for labels in (None, [1]):
        with pytest.raises(mp.InputError, match="prediction is no label file"):
            mp.evaluate(probable, volume(liver(9)), lesion_labels=labels)
