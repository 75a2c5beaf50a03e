"""`nnunet-multiphase evaluate`: what it prints, writes, and says about bad input."""

import argparse
import json
import struct

import numpy as np
import pytest
import SimpleITK as sitk

import nnunet_multiphase as mp
from nnunet_multiphase.cli import evaluate
from nnunet_multiphase.cli.main import run_command


@pytest.fixture
def folders(tmp_path):
    """One case: a true box of 4x4x4 voxels, predicted one voxel aside; Dice 48 / 64 = .75."""
    for folder, x in (("predictions", 3), ("truth", 2)):
        array = np.zeros((8, 8, 10), np.uint8)
        array[2:6, 2:6, x : x + 4] = 1
        (tmp_path / folder).mkdir()
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / folder / "case_1.nii.gz"))
    return tmp_path


def command(*arguments):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    parser.set_defaults(run=evaluate.run)
    return run_command(parser.parse_args([str(a) for a in arguments]))


def test_it_prints_a_row_a_case_and_one_over_all(folders, capsys):
    assert command(folders / "predictions", folders / "truth") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:3] == ["case_1", "0.750", "1.0"]
    assert lines[3].split()[:3] == ["all", "1", "0.750"]


def test_it_prints_json_on_request(folders, capsys):
    assert command(folders / "predictions", folders / "truth", "--json") == 0
    assert json.loads(capsys.readouterr().out)["dice_mean"] == 0.75


def test_it_writes_tables_summary_and_page(folders, capsys):
    out = folders / "out"
    assert command(folders / "predictions", folders / "truth", "-o", out, "--html") == 0
    names = sorted(p.name for p in out.iterdir())
    assert names == ["cases.csv", "evaluation.html", "lesions.csv", "summary.json"]
    assert "case_1" in (out / "evaluation.html").read_text()


def test_voxels_whose_size_is_lost_are_refused(folders, capsys):
    # ITK reads a NIfTI voxel size of 0 as 1 mm: every distance and lesion size would be one of nothing.
    for folder in ("predictions", "truth"):
        sitk.WriteImage(
            sitk.ReadImage(str(folders / folder / "case_1.nii.gz")), str(folders / folder / "case_1.nii")
        )
        (folders / folder / "case_1.nii.gz").unlink()
        with (folders / folder / "case_1.nii").open("rb+") as stream:
            stream.seek(80)
            stream.write(bytes(12))
            stream.seek(252)
            stream.write(struct.pack("<2h", 1, 0))
    assert command(folders / "predictions", folders / "truth") == 2
    said = capsys.readouterr().err
    assert "case case_1: " in said
    assert "has voxels of 0 x 0 x 0 in its header: the size is lost" in said
    with pytest.raises(mp.InputError, match="the size is lost"):
        mp.evaluate(folders / "predictions" / "case_1.nii", folders / "truth" / "case_1.nii")


@pytest.mark.parametrize("place", ["taken", "taken/deeper"])
def test_an_output_folder_that_is_a_file_is_refused_before_any_work(folders, capsys, place):
    (folders / "taken").write_text("mine")
    # The predictions are absent too: had any work begun, that would have been said.
    assert command(folders / "absent", folders / "truth", "-o", folders / place) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: -o {folders / place}: {folders / 'taken'} is a file")
    assert said.count("\n") == 1
    assert (folders / "taken").read_text() == "mine"


def test_help_says_which_truth_goes_with_which_prediction(capsys):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    said = " ".join(parser.format_help().split())
    assert "for nnUNetv2_predict on imagesTs: labelsTs" in said
    assert "for nnunet-multiphase predict: the folder of case folders" in said


def test_a_higher_threshold_makes_the_lesion_a_missed_and_a_false_one(folders, capsys):
    # overlap 48 of a union of 80 voxels: IoU .6
    assert command(folders / "predictions", folders / "truth", "--iou", "0.61", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["lesions_found"], summary["lesions_missed"], summary["lesions_false"]) == (0, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent", "truth"], "absent is no folder"),
        (["predictions", "truth", "--iou", "0"], "--iou must be above 0"),
        (["predictions", "truth", "--html"], "name it with -o"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(folders, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(folders)
    assert command(*arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(("axis", "named"), [(0, "head to feet"), (1, "front to back"), (2, "left to right")])
def test_predictions_that_are_mirrored_are_noticed(folders, capsys, axis, named):
    for folder, mirrored in (("predictions", True), ("truth", False)):
        array = np.zeros((20, 20, 20), np.uint8)
        array[3:8, 3:8, 3:8] = 1
        array = np.flip(array, axis) if mirrored else array
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folders / folder / "case_1.nii.gz"))
    assert command(folders / "predictions", folders / "truth") == 0
    assert f"mirrored from {named} the predictions fit the truth better (mean Dice 1.00 instead of 0.00" in (
        capsys.readouterr().err
    )


def test_predictions_that_miss_are_not_called_mirrored(folders, capsys):
    array = np.zeros((8, 8, 10), np.uint8)
    array[0:2, 0:2, 0:2] = 1
    sitk.WriteImage(sitk.GetImageFromArray(array), str(folders / "predictions" / "case_1.nii.gz"))
    assert command(folders / "predictions", folders / "truth") == 0
    assert "mirrored" not in capsys.readouterr().err


def test_a_folder_is_not_compared_with_itself(folders, capsys):
    assert command(folders / "truth", folders / "predictions" / ".." / "truth") == 2
    assert "predictions and truth are one folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["case_1_0000.nii.gz", "CASE_1.NII.GZ"])
def test_a_file_that_is_nearly_named_as_its_case_is_pointed_at(folders, capsys, name):
    (folders / "predictions" / "case_1.nii.gz").rename(folders / "predictions" / name)
    assert command(folders / "predictions", folders / "truth") == 2
    assert f"if {name} is it, rename it to case_1.nii.gz" in capsys.readouterr().err
