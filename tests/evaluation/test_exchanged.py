"""Labels that are numbered otherwise than is said are told of, where exchanging them fits far better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp
from nnunet_multiphase.evaluation.folders import evaluate_folders

LABELS = {"labels": {"background": 0, "liver": 1, "lesion": 2}}


def drawn(lesion_at: int = 8, *, lesion: int = 2, around: int = 1, size: int = 4) -> np.ndarray:
    """Draw a liver of 6 x 16 x 16 voxels with a lesion of `size` voxels a side."""
    values = np.zeros((12, 24, 24), np.uint8)
    values[2:10, 4:20, 4:20] = around
    values[3 : 3 + size, 5 : 5 + size, lesion_at : lesion_at + size] = lesion
    return values


def written(folder: Path, cases: list[np.ndarray], labels: dict | None = LABELS) -> Path:
    folder.mkdir()
    for n, values in enumerate(cases):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / f"case_{n}.nii.gz"))
    if labels is not None:
        (folder / "dataset.json").write_text(json.dumps(labels))
    return folder


def note(tmp_path: Path, predicted: list[np.ndarray], truth: list[np.ndarray]) -> str:
    return evaluate_folders(written(tmp_path / "p", predicted), written(tmp_path / "t", truth)).note


def test_labels_exchanged_in_the_predictions_are_told(tmp_path: Path) -> None:
    exchanged = [drawn(lesion=1, around=2)] * 2
    said = note(tmp_path, exchanged, [drawn(), drawn(9)])
    assert "with lesions and liver exchanged the predictions fit the truth better in 2 of 2 cases" in said
    assert f"{tmp_path / 'p' / 'dataset.json'}" in said


def test_a_region_that_holds_the_lesions_is_exchanged_too(tmp_path: Path) -> None:
    regions = {"labels": {"background": 0, "liver": [1, 2], "lesion": 2}, "regions_class_order": [1, 2]}
    predicted = written(tmp_path / "p", [drawn(lesion=1, around=2)], regions)
    said = evaluate_folders(predicted, written(tmp_path / "t", [drawn()], regions)).note
    assert "with lesions and liver exchanged" in said


def test_one_pair_with_named_labels_is_told_as_well() -> None:
    pair = [sitk.GetImageFromArray(values) for values in (drawn(lesion=1, around=2), drawn())]
    with pytest.warns(UserWarning, match="with lesions and label 1 exchanged"):
        mp.evaluate(*pair, lesion_labels=[2])


@pytest.mark.parametrize(
    "predicted",
    [
        [drawn(8), drawn(8)],
        [drawn(13), drawn(13)],  # lesions that miss
        [drawn(8, lesion=1, around=2), drawn(8), drawn(8)],  # one of three
        [drawn(8, lesion=1, around=0)] * 2,  # no lesion found
    ],
)
def test_right_and_merely_bad_predictions_are_not(tmp_path: Path, predicted: list[np.ndarray]) -> None:
    assert "exchanged" not in note(tmp_path, predicted, [drawn()] * len(predicted))


def test_a_large_tumour_taken_for_liver_is_no_exchange(tmp_path: Path) -> None:
    missed, truth = drawn(lesion=1), drawn(lesion=1)
    missed[9, 18:20, 18:20] = 2  # a false one
    truth[3:10, 5:19, 5:19] = 2  # two thirds of the liver
    assert "exchang" not in note(tmp_path, [missed] * 3, [truth] * 3)
