"""What predictions or truths cannot be is told with their scores, in summary.json and on the page, too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.evaluation.doubtful_sides import SideWatch
from nnunet_multiphase.evaluation.folders import evaluate_folders

LESION = np.zeros((20, 30, 30), np.uint8)
LESION[5:9, 5:9, 5:9] = 1


def image(values: np.ndarray, mm: float = 3.0) -> sitk.Image:
    made = sitk.GetImageFromArray(values)
    made.SetSpacing((mm, mm, mm))
    return made


def told(**cases: tuple[sitk.Image, sitk.Image]) -> str:
    watch = SideWatch()
    for case, (prediction, truth) in cases.items():
        watch.look(case, prediction, truth, (1,), (1,))
    return watch.note()


def moved(by: int) -> sitk.Image:
    return image(np.roll(LESION, by, 2))


def test_ordinary_sides_are_not_told() -> None:
    empty = image(0 * LESION)
    assert told(a=(moved(1), moved(0)), b=(moved(2), moved(3)), c=(empty, empty), d=(empty, empty)) == ""


def test_a_size_that_both_sides_lost_is_told() -> None:
    lost, metres = image(LESION, 1.0), image(np.roll(LESION, 1, 2), 0.003)
    said = told(a=(lost, lost), b=(metres, metres))
    assert "case a has voxels of 1 x 1 x 1 mm and its first voxel at 0 0 0" in said
    assert "case b has voxels of 0.003 x 0.003 x 0.003 mm, as no scanner makes" in said
    assert "all that is told in mm and ml is wrong" in said


def test_an_inverted_mask_is_told() -> None:
    said = told(a=(moved(1), image(1 - LESION)))
    assert said.startswith("case a: the truth covers 100 % of the volume and its corners")


def test_one_file_under_two_cases_names_is_told() -> None:
    said = told(a=(moved(1), moved(0)), b=(moved(1), moved(2)))
    assert said.startswith("cases a, b have the same lesions in their predictions")
    assert "truths" not in said


def test_a_prediction_without_a_truth_is_told(tmp_path: Path) -> None:
    for folder, cases in (("p", ("a", "b (1)")), ("t", ("a", "b"))):
        (tmp_path / folder).mkdir()
        for n, case in enumerate(cases):
            sitk.WriteImage(moved(n), str(tmp_path / folder / f"{case}.nii.gz"))
    folders = (tmp_path / "p", tmp_path / "t")
    assert "not scored, for their truth is not there: b (1)" in evaluate_folders(*folders, partial=True).note
    assert main(["evaluate", *map(str, folders), "--partial", "--html", "-o", str(tmp_path / "o")]) == 0
    assert "b (1)" in json.loads((tmp_path / "o" / "summary.json").read_text())["note"]
    assert "b (1)" in (tmp_path / "o" / "evaluation.html").read_text()
