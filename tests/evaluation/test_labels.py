"""Which labels are lesion: said by dataset.json, by an option, or by the files where there is no second reading."""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.benchmark.layout import TRUTH as TRUTH_FOLDER
from nnunet_multiphase.benchmark.layout import (
    Cost,
    Plan,
    Training,
    prediction_file,
    truth_file,
    write_cost,
    write_plan,
)
from nnunet_multiphase.benchmark.results import evaluate_benchmark
from nnunet_multiphase.cli.main import main
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_folders
from nnunet_multiphase.evaluation.label_choice import LabelOptions
from nnunet_multiphase.evaluation.scores import evaluate_case
from nnunet_multiphase.label_classes import LabelClasses, classes_of_record

CLASSES = {"background": 0, "liver": 1, "lesion": 2}
REGIONS = {"background": 0, "liver": [1, 2], "lesion": 2}


def box(value: float, *corner: int, size: tuple[int, int, int] = (2, 4, 4)) -> np.ndarray:
    array = np.zeros((8, 12, 16), np.float32)
    z, y, x = corner
    array[z : z + size[0], y : y + size[1], x : x + size[2]] = value
    return array


# The liver is found to the voxel, its tumour of 32 voxels is not: the 32 predicted ones lie elsewhere in the liver.
LIVER = box(1, 0, 0, 0, size=(8, 12, 12))  # 1152 voxels
TRUTH = np.maximum(LIVER, box(2, 1, 1, 1))
PREDICTION = np.maximum(LIVER, box(2, 5, 6, 6))
FOUND = np.maximum(LIVER, box(2, 1, 1, 2))  # a quarter beside: Dice 24 / 32


def write(path: Path, values: np.ndarray, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(values.astype(dtype)), str(path))
    return path


def write_pair(
    folder: Path, prediction: np.ndarray, truth: np.ndarray, dtype: type = np.uint8
) -> tuple[Path, Path]:
    write(folder / "p" / "a.nii.gz", prediction, dtype)
    write(folder / "t" / "a.nii.gz", truth, dtype)
    return folder / "p", folder / "t"


def record(folder: Path, labels: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "regions_class_order": [1, 2]}))


@pytest.mark.parametrize(
    ("prediction", "truth", "said"),
    [
        (PREDICTION, TRUTH, "holds the labels 1, 2"),  # as LiTS
        (PREDICTION > 1, TRUTH, "holds the labels 1, 2"),
        (PREDICTION, TRUTH > 1, "holds the labels 1, 2"),
        ((PREDICTION > 1) * 255, TRUTH > 1, "marked by 1, the predictions by 255"),
        (PREDICTION > 1, (TRUTH > 1) * 2, "marked by 2, the predictions by 1"),
        (TRUTH > 1, np.where(LIVER == 0, 255, TRUTH > 1), "holds the labels 1, 255"),  # an ignore label
    ],
)
def test_labels_with_two_readings_are_refused(tmp_path: Path, prediction, truth, said: str) -> None:
    with pytest.raises(InputError, match=rf"{said}.* and no dataset.json .*--lesion-labels"):
        evaluate_folders(*write_pair(tmp_path, prediction, truth))


def test_one_value_on_both_sides_is_lesion_whatever_it_is(tmp_path: Path) -> None:
    scores = evaluate_folders(*write_pair(tmp_path, (FOUND > 1) * 255, (TRUTH > 1) * 255))
    assert scores.cases[0].dice == 0.75
    assert scores.classes == []


@pytest.mark.parametrize("place", ["t", "p", "."])
@pytest.mark.parametrize("labels", [CLASSES, {"0": "background", "1": "liver", "2": "cancer"}])
def test_dataset_json_says_which_label_is_lesion(tmp_path: Path, labels: dict, place: str) -> None:
    folders = write_pair(tmp_path, FOUND, TRUTH)
    record(tmp_path / place, labels)
    scores = evaluate_folders(*folders)
    assert scores.cases[0].dice == 0.75
    assert (scores.cases[0].found, scores.cases[0].missed, scores.cases[0].false) == (1, 0, 0)
    (liver,) = scores.classes
    # 1152 - 32 voxels on both sides, of which 2 * 4 * 1 differ each way.
    assert (liver.name, liver.dice) == ("liver", pytest.approx((1120 - 8) / 1120))
    assert scores.labels == {"lesion": [2], "liver": [1]}


def test_a_classs_name_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = write_pair(tmp_path, PREDICTION, TRUTH)
    record(folders[1], {"background": 0, "organ\x1b[2J": 1, "lesion": 2})
    assert main(["evaluate", *map(str, folders)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "organ\\x1b[2J" in said


def test_a_region_holds_its_lesions(tmp_path: Path) -> None:
    folders = write_pair(tmp_path, PREDICTION, TRUTH)
    record(tmp_path / "t", REGIONS)
    scores = evaluate_folders(*folders)
    assert [(score.name, score.dice) for score in scores.classes] == [("liver", 1.0)]
    assert (scores.cases[0].dice, scores.cases[0].missed, scores.cases[0].false) == (0.0, 1, 1)


def test_each_side_is_read_by_its_own_record(tmp_path: Path) -> None:
    # A model of lesions alone against a truth that has the liver too.
    folders = write_pair(tmp_path, FOUND > 1, TRUTH)
    record(tmp_path / "p", {"background": 0, "lesion": 1})
    record(tmp_path / "t", CLASSES)
    scores = evaluate_folders(*folders)
    assert scores.cases[0].dice == 0.75
    assert scores.classes == []


def test_an_option_says_which_label_is_lesion(tmp_path: Path) -> None:
    scores = evaluate_folders(*write_pair(tmp_path, PREDICTION, TRUTH), options=LabelOptions(lesion=(2,)))
    assert scores.cases[0].dice == 0.0
    assert [score.name for score in scores.classes] == ["label 1"]


def test_predictions_may_be_numbered_otherwise(tmp_path: Path) -> None:
    options = LabelOptions(lesion=(2,), prediction_lesion=(1,))
    scores = evaluate_folders(*write_pair(tmp_path, FOUND > 1, TRUTH), options=options)
    assert scores.cases[0].dice == 0.75


def test_predictions_without_any_lesion_are_told_as_a_doubt(tmp_path: Path, capsys) -> None:
    # Nothing found, or the model's only label is lesion: the user knows, and can say so.
    folders = write_pair(tmp_path, FOUND > 1, TRUTH)
    command = ["evaluate", *map(str, folders), "--lesion-labels", "2"]
    assert main(command) == 0
    assert (
        "no prediction holds a lesion (2), only 1; if that is lesion there, pass" in capsys.readouterr().err
    )
    assert main([*command, "--prediction-lesion-labels", "2"]) == 0
    assert "no prediction holds" not in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".NII.GZ", ".mhd", ".nhdr", ".hdr"])
def test_every_volume_format_is_found(tmp_path: Path, ending: str) -> None:
    folders = write_pair(tmp_path, FOUND > 1, TRUTH > 1)
    (folders[0] / "a.nii.gz").unlink()
    write(folders[0] / f"a{ending.lower()}", FOUND > 1)
    if ending != ending.lower():
        (folders[0] / f"a{ending.lower()}").rename(folders[0] / f"a{ending}")
    assert evaluate_folders(*folders).cases[0].dice == 0.75


def test_several_lesion_labels_count_as_one_class(tmp_path: Path) -> None:
    truth = np.where(box(1, 1, 1, 1) > 0, 3, TRUTH)
    prediction = np.where(
        box(1, 1, 1, 1, size=(2, 4, 2)) > 0, 2, np.where(box(1, 1, 1, 3, size=(2, 4, 2)) > 0, 3, LIVER)
    )
    options = LabelOptions(lesion=(2, 3), liver=(1, 2, 3))
    scores = evaluate_folders(*write_pair(tmp_path, prediction, truth), options=options)
    assert (scores.cases[0].dice, scores.cases[0].found) == (1.0, 1)
    assert [(score.name, score.dice) for score in scores.classes] == [("liver", 1.0)]


def test_a_label_that_no_file_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--lesion-labels 4: no file holds such a label, found 1, 2"):
        evaluate_folders(*write_pair(tmp_path, PREDICTION, TRUTH), options=LabelOptions(lesion=(4,)))


@pytest.mark.parametrize("source", ["option", "record"])
def test_ignored_voxels_count_on_neither_side(tmp_path: Path, source: str) -> None:
    # A false lesion lies where the truth says nothing, and a part of the true one.
    truth = (TRUTH > 1).astype(int)
    truth[:, 8:] = 3
    truth[:, :, 3:][truth[:, :, 3:] == 1] = 3  # leaves 2 x 4 x 2 voxels of the lesion
    prediction = (TRUTH > 1) | (box(1, 2, 8, 8) > 0)
    options = LabelOptions(lesion=(1,), ignore=3) if source == "option" else None
    folders = write_pair(tmp_path, prediction, truth)
    if source == "record":
        record(tmp_path / "t", {"background": 0, "lesion": 1, "ignore": 3})
    scores = evaluate_folders(*folders, options=options)
    (case,) = scores.cases
    assert (case.dice, case.false, case.hd95_mm) == (1.0, 0, 0.0)
    assert case.prediction_ml == pytest.approx(16 / 1000)
    assert scores.labels["ignore"] == [3]


@pytest.mark.parametrize(
    ("labels", "options", "prediction"),
    [
        (CLASSES, None, np.where(PREDICTION == 2, 3, PREDICTION)),
        ({**CLASSES, "ignore": 3}, None, np.where(LIVER == 0, 3, PREDICTION)),  # of a truth alone
        (None, LabelOptions(lesion=(2,)), np.where(PREDICTION == 2, 3, PREDICTION)),
        ({"background": 0, "lesion": 1}, None, TRUTH),
    ],
)
def test_labels_that_nothing_explains_are_refused(tmp_path: Path, labels, options, prediction) -> None:
    truth = TRUTH > 1 if labels and len(labels) == 2 else TRUTH
    folders = write_pair(tmp_path, prediction, truth)
    if labels:
        record(tmp_path / "t", labels)
    with pytest.raises(
        InputError, match=r"case a: the prediction holds the label [23], expected only 0 and those of"
    ):
        evaluate_folders(*folders, options=options)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.where(PREDICTION > 1, 0.7, 0.0), "expected whole numbers, found 0.7 .*as of probabilities"),
        (np.where(PREDICTION > 1, -1, 0), "expected 0 and above, found -1"),
        (np.where(PREDICTION > 1, np.nan, 1), "not numbers"),
        (np.where(PREDICTION > 1, np.inf, 1), "not numbers"),
    ],
)
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_what_is_no_label_file_is_refused_by_name(tmp_path: Path, values, said: str, ending: str) -> None:
    write(tmp_path / "p" / f"a{ending}", values, np.float32)
    write(tmp_path / "t" / f"a{ending}", TRUTH > 1)
    with pytest.raises(InputError, match=rf"case a: .*p/a{ending}.*{said}"):
        evaluate_folders(tmp_path / "p", tmp_path / "t")


def test_whole_numbers_in_a_float_file_are_labels(tmp_path: Path) -> None:
    folders = write_pair(tmp_path, (FOUND > 1) * 0.99999994, TRUTH > 1, np.float32)
    assert evaluate_folders(*folders).cases[0].dice == 0.75


@pytest.mark.parametrize("axes", ["RAS", "LPI", "PSL"])
def test_the_order_a_truth_is_stored_in_changes_no_score(tmp_path: Path, axes: str) -> None:
    folders = write_pair(tmp_path, FOUND > 1, TRUTH > 1)
    before = evaluate_folders(*folders)
    path = folders[1] / "a.nii.gz"
    sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(path)), axes), str(path))
    assert evaluate_folders(*folders) == before


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    folders = write_pair(tmp_path, TRUTH > 1, TRUTH > 1)
    path = folders[0] / "a.nii.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-400]))
    with pytest.raises(InputError, match=r"case a: .*p/a.nii.gz is cut off"):
        evaluate_folders(*folders)


def test_two_images_with_two_labels_are_refused_without_a_word_on_them() -> None:
    truth, prediction = (sitk.GetImageFromArray(values.astype(np.uint8)) for values in (TRUTH, PREDICTION))
    with pytest.raises(InputError, match="holds the labels 1, 2"):
        evaluate_case(prediction, truth, case="a")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder of case folders: lesions and whole liver, 0/1 each."""
    write(tmp_path / "raw" / "a" / "lesions_pv.nii.gz", TRUTH > 1)
    write(tmp_path / "raw" / "a" / "liver_pv.nii.gz", LIVER)
    (tmp_path / "raw" / "a" / "pv.nii.gz").touch()
    write(tmp_path / "p" / "a.nii.gz", FOUND)
    return tmp_path / "raw"


@pytest.mark.parametrize(("labels", "liver"), [(CLASSES, (1120 - 8) / 1120), (REGIONS, 1.0)])
def test_case_folders_are_the_truth_of_two_classes(
    raw: Path, tmp_path: Path, labels: dict, liver: float
) -> None:
    record(tmp_path / "p", labels)
    scores = evaluate_folders(tmp_path / "p", raw)
    assert scores.cases[0].dice == 0.75
    assert [(score.name, score.dice) for score in scores.classes] == [("liver", pytest.approx(liver))]


def test_case_folders_are_a_truth_with_an_option_too(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p/a.nii.gz holds the labels 1, 2, and no dataset.json"):
        evaluate_folders(tmp_path / "p", raw)
    assert evaluate_folders(tmp_path / "p", raw, options=LabelOptions(lesion=(2,))).cases[0].dice == 0.75


def test_a_lesion_mask_of_two_labels_is_refused(raw: Path, tmp_path: Path) -> None:
    record(tmp_path / "p", CLASSES)
    write(raw / "a" / "lesions_pv.nii.gz", TRUTH)
    with pytest.raises(
        InputError, match=r"lesions_pv.nii.gz holds the labels 1, 2, expected 1 = lesion alone"
    ):
        evaluate_folders(tmp_path / "p", raw)


def test_the_command_shows_and_writes_every_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions, truth = write_pair(tmp_path, PREDICTION, TRUTH)
    command = [
        "evaluate",
        str(predictions),
        str(truth),
        "-o",
        str(tmp_path / "o"),
        "--html",
        "--lesion-labels",
        "2",
    ]
    assert main([*command, "--liver-labels", "1", "2"]) == 0
    said = capsys.readouterr().out
    assert "Dice 0.000 (mean of 1 cases" in said
    assert "labels: lesion 2, liver 1 2" in said
    with (tmp_path / "o" / "classes.csv").open(newline="") as stream:
        assert [(row["name"], float(row["dice"])) for row in csv.DictReader(stream)] == [("liver", 1.0)]
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert (summary["dice_mean"], summary["classes"]["liver"]["dice_mean"]) == (0.0, 1.0)
    assert "Class liver" in (tmp_path / "o" / "evaluation.html").read_text()


@pytest.mark.parametrize(
    ("labels", "lesion"),
    [
        ({"background": 0, "lesion": 1}, (1,)),
        ({"background": 0, "foreground": 1}, (1,)),  # nothing else to find
        ({"background": 0, "Liver": 1, "Liver_Tumour": 2}, (2,)),
        ({"background": 0, "liver and tumor": [1, 2], "tumor": 2}, (2,)),
        ({"background": 0, "liver": 1, "HCC": 2, "metastasis": 3}, (2, 3)),
        ({"0": "background", "1": "liver", "2": "cancer"}, (2,)),
        ({"0": "background", "1": "tumour", "2": "tumour"}, (1, 2)),  # one class, numbered twice
    ],
)
def test_the_lesion_is_found_by_its_name(labels: dict, lesion: tuple) -> None:
    assert classes_of_record({"labels": labels}, "x").lesion == lesion


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0, "liver": 1},
        {"background": 0, "organ": 1, "finding": 2},
        {"background": 0, "liver": 1, "liver_without_tumor": 2},
    ],
)
def test_a_record_that_names_no_lesion_is_refused(labels: dict) -> None:
    with pytest.raises(InputError, match=r"names no class lesion or tumour .*--lesion-labels"):
        classes_of_record({"labels": labels}, "x")
    assert classes_of_record({"labels": labels}, "x", (1,)).lesion == (1,)


def test_undefined_scores_of_a_class_are_nan(tmp_path: Path) -> None:
    empty = np.zeros_like(LIVER)
    folders = write_pair(tmp_path, empty, empty)
    record(tmp_path / "t", CLASSES)
    (liver,) = evaluate_folders(*folders).classes
    assert math.isnan(liver.dice)
    assert LabelClasses().known == {0, 1}


@pytest.mark.parametrize("labels", [CLASSES, REGIONS])
def test_the_benchmark_scores_lesions_by_its_truths_record(tmp_path: Path, labels: dict) -> None:
    training = Training("ours", 0, 0)
    write(truth_file(tmp_path, "a"), TRUTH)
    record(tmp_path / TRUTH_FOLDER, labels)
    write(prediction_file(tmp_path, training, "a"), FOUND)
    write_cost(tmp_path, training, Cost(1, 1.0, 1.0, 1.0, 1.0, 1, 1.0, (1, 1, 1), (1.0, 1.0, 1.0)))
    plan = Plan(
        *(
            ("ours",),
            (0,),
            (0,),
            "epochs=1",
            1,
            1,
            "3d_fullres",
            "cpu",
            False,
            "Dataset501_X",
            "",
            (("a",),),
            (),
        )
    )
    write_plan(tmp_path, plan)
    scores = evaluate_benchmark(tmp_path).parts["validation"].scores["ours"][training]
    assert scores.cases[0].dice == 0.75
