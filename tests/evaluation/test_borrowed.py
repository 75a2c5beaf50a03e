"""A truth of lesions alone is not read by the dataset.json of predictions that hold a liver too, nor the other way round."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_folders
from nnunet_multiphase.evaluation.label_choice import LabelOptions

CLASSES = {"background": 0, "liver": 1, "lesion": 2}
REGIONS = {"background": 0, "liver": [1, 2], "lesion": 2}


def liver(shift: int = 0, lesions: bool = True) -> np.ndarray:
    """Draw a liver of 16 x 20 x 20 voxels of 27 cubic mm, 173 ml, with two lesions of 64 and 27 voxels."""
    values = np.zeros((20, 24, 24), np.uint8)
    values[2:18, 2:22, 2:22] = 1
    if lesions:
        values[4:8, 4:8, 4 + shift : 8 + shift] = 2
        values[12:15, 14:17, 14 + shift : 17 + shift] = 2
    return values


def numbered(values: np.ndarray) -> np.ndarray:
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((values == 2).astype(np.uint8)))
    return sitk.GetArrayFromImage(parts).astype(np.uint8)


def image(values: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(values.astype(np.uint8))
    made.SetSpacing((3.0, 3.0, 3.0))
    return made


def written(folder: Path, *cases: np.ndarray, labels: dict | None = None) -> Path:
    folder.mkdir(parents=True)
    for n, values in enumerate(cases):
        sitk.WriteImage(image(values), str(folder / f"case_{n}.nii.gz"))
    if labels is not None:
        (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return folder


@pytest.mark.parametrize("labels", [CLASSES, REGIONS])
@pytest.mark.parametrize("truth", [liver() == 2, numbered(liver())])
def test_a_truth_of_lesions_is_not_read_as_livers(tmp_path: Path, truth: np.ndarray, labels: dict) -> None:
    predicted = written(tmp_path / "p", liver(1), liver(), labels=labels)
    with pytest.raises(
        InputError, match=r"of the truth alone.*no liver in 2 of 2 cases \(case_0 .* ml"
    ) as said:
        evaluate_folders(predicted, written(tmp_path / "t", truth, truth))
    marks = (1,) if truth.max() == 1 else (1, 2)
    shown = " ".join(map(str, marks))
    assert f"--lesion-labels {shown} --prediction-lesion-labels 2" in str(said.value)
    scores = evaluate_folders(predicted, tmp_path / "t", options=LabelOptions(marks, prediction_lesion=(2,)))
    # A shift of one voxel takes a quarter of 4 x 4 x 4 and a third of 3 x 3 x 3 voxels.
    assert [case.dice for case in scores.cases] == [pytest.approx((48 + 18) / 91), 1.0]
    assert scores.classes == []


def test_more_lesions_than_the_predictions_have_labels_can_be_named(tmp_path: Path) -> None:
    truth = numbered(liver())
    truth[truth == 2] = 5
    predicted = written(tmp_path / "p", liver(), labels=CLASSES)
    truths = written(tmp_path / "t", truth)
    with pytest.raises(InputError, match=r"holds the label 5.*--lesion-labels.*--prediction-lesion-labels"):
        evaluate_folders(predicted, truths)
    with pytest.raises(InputError, match=r"correct the option, or say with --prediction-lesion-labels"):
        evaluate_folders(predicted, truths, options=LabelOptions((1, 5)))
    options = LabelOptions((1, 5), prediction_lesion=(2,))
    assert evaluate_folders(predicted, truths, options=options).cases[0].dice == 1.0


def test_one_record_above_both_is_held_against_both(tmp_path: Path) -> None:
    out = written(tmp_path / "out", liver(), labels=CLASSES)
    with pytest.raises(InputError, match="of the truth alone"):
        evaluate_folders(out, written(out / "truth", liver() == 2))


def test_predictions_of_lesions_are_not_read_as_livers(tmp_path: Path) -> None:
    truth = written(tmp_path / "t", liver(), labels=CLASSES)
    with pytest.raises(
        InputError, match=r"of the prediction alone.*--lesion-labels 2 --prediction-lesion-labels 1"
    ):
        evaluate_folders(written(tmp_path / "p", liver(1) == 2), truth)


def test_a_single_image_is_not_read_by_the_other_files_record(tmp_path: Path) -> None:
    predicted = written(tmp_path / "p", liver(), labels=CLASSES) / "case_0.nii.gz"
    with pytest.raises(InputError, match="of the truth alone"):
        mp.evaluate(predicted, image(liver() == 2))


def test_a_truth_whose_only_other_label_is_no_lesion_is_asked_about(tmp_path: Path) -> None:
    labels = {"background": 0, "cyst": 1, "lesion": 2}
    predicted = written(tmp_path / "p", np.where(liver() == 2, 2, 0), labels=labels)
    with pytest.raises(InputError, match=r"label 1 is cyst.*no truth holds a lesion \(2\)"):
        evaluate_folders(predicted, written(tmp_path / "t", liver() == 2))
    options = LabelOptions(lesion=(2,))
    assert evaluate_folders(predicted, tmp_path / "t", options=options).cases[0].false == 2


@pytest.mark.parametrize("side", ["p", "t"])
@pytest.mark.parametrize(
    ("predicted", "truth"),
    [
        ([liver(1), liver(1)], [liver(), liver()]),
        ([liver(1), liver(1)], [liver(lesions=False)] * 2),  # patients without lesions
        ([liver(lesions=False)] * 2, [liver(), liver()]),  # nothing found
        ([np.zeros_like(liver())] * 2, [liver(), liver()]),
        ([np.where(np.indices(liver().shape)[2] > 16, liver(), 0)] * 2, [liver()] * 2),  # a poor model
        ([liver(), liver()], [liver(), np.zeros_like(liver())]),
    ],
)
def test_livers_are_taken_whoever_says_what_they_are(tmp_path: Path, predicted, truth, side: str) -> None:
    for name, cases in (("p", predicted), ("t", truth)):
        written(tmp_path / name, *cases, labels=CLASSES if name == side else None)
    assert "exchang" not in evaluate_folders(tmp_path / "p", tmp_path / "t").note
