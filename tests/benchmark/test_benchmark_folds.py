"""The folds of a benchmark: nnU-Net's own where there are none, and none by which patients could not be judged."""

import json
from dataclasses import replace

import pytest
from tiny_raw import DATASET

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.benchmark.prepare import prepare
from nnunet_multiphase.benchmark.settings import BenchmarkSettings
from nnunet_multiphase.cli.main import main
from nnunet_multiphase.errors import InputError

SETTINGS = BenchmarkSettings(dataset=977, budget=Budget(epochs=4))


def silent(line):
    """Say nothing."""


def test_without_folds_nnunets_own_are_made(fakes, tmp_path):
    raw = fakes.root / "nnUNet_raw" / DATASET
    for i in range(4, 10):
        for name in ("imagesTr/case_{}_0000", "imagesTr/case_{}_0001", "labelsTr/case_{}"):
            source = raw / f"{name.format(0)}.nii.gz"
            (raw / f"{name.format(i)}.nii.gz").write_bytes(source.read_bytes())
    splits = fakes.root / "nnUNet_preprocessed" / DATASET / "splits_final.json"
    splits.unlink()
    plan = prepare(tmp_path / "out", replace(SETTINGS, contestants=("ours",), folds=(4,)), say=silent)
    from nnunetv2.utilities.crossval_split import generate_crossval_split

    cases = ["case_0", "case_1", "case_2", *(f"case_{i}" for i in range(4, 10))]
    expected = generate_crossval_split(cases, seed=12345, n_splits=5)
    assert json.loads(splits.read_text()) == [{k: list(v) for k, v in fold.items()} for fold in expected]
    assert plan.validation_cases == (tuple(expected[4]["val"]),)


def test_folds_that_were_removed_are_those_of_the_raw_dataset(fakes, tmp_path):
    splits = fakes.root / "nnUNet_preprocessed" / DATASET / "splits_final.json"
    folds = splits.read_text()
    splits.rename(fakes.root / "nnUNet_raw" / DATASET / "splits_final.json")
    with pytest.raises(InputError, match=r"--folds 2: expected folds from 0 to 1 .*nnUNet_raw"):
        prepare(tmp_path / "out", replace(SETTINGS, contestants=("ours",), folds=(2,)), say=silent)
    prepare(tmp_path / "out", replace(SETTINGS, contestants=("ours",)), say=silent)
    assert splits.read_text() == folds


def test_too_few_cases_for_nnunets_folds_are_refused(fakes, tmp_path):
    (fakes.root / "nnUNet_preprocessed" / DATASET / "splits_final.json").unlink()
    with pytest.raises(InputError, match="has 3 training cases"):
        prepare(tmp_path / "out", SETTINGS, say=silent)


LEAKS = {
    "case_9 is no training case": ([["case_0", "case_9"], ["case_2"]], ""),
    "case_2_0000 is no training case": ([["case_0", "case_1"], ["case_2_0000"]], ""),
    "case_3 is no training case": ([["case_0", "case_3"], ["case_2"]], ""),
    "val names case_2 twice": ([["case_0"], ["case_2", "case_2"]], ""),
    "train names case_0 twice": ([["case_0", "case_0"], ["case_2"]], ""),
    "case_1, case_2 are in train and in val": ([["case_0", "case_1", "case_2"], ["case_1", "case_2"]], ""),
    "patient A is in train (case_0) and in val (case_2)": (
        [["case_0", "case_1"], ["case_2"]],
        "case_0,A\ncase_2,A\n",
    ),
    "patient A is in train (case_1) and among the test cases (case_3)": (
        [["case_0", "case_1"], ["case_2"]],
        "case_1,A\ncase_3,A\n",
    ),
    "train names no case": ([[], ["case_2"]], ""),
}


@pytest.mark.parametrize("said", LEAKS)
def test_a_split_that_cannot_be_judged_is_refused_before_anything_is_made(fakes, tmp_path, capsys, said):
    (train, val), patients = LEAKS[said]
    splits = fakes.root / "nnUNet_preprocessed" / DATASET / "splits_final.json"
    splits.write_text(json.dumps([{"train": ["case_0"], "val": ["case_1"]}, {"train": train, "val": val}]))
    if patients:
        (fakes.root / "nnUNet_raw" / DATASET / "quality.csv").write_text(f"case,patient\n{patients}")
    asked = ["benchmark", "-d", "977", "-o", str(tmp_path / "out"), "--only", "prepare", "-f"]
    assert main([*asked, "1"]) == 2
    assert f"error: {splits}, fold 1: {said}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*asked, "0"]) == 0  # the other fold is right


def test_a_patient_whose_cases_are_judged_in_two_folds_is_refused_before_anything_is_trained(fakes, tmp_path):
    splits = fakes.root / "nnUNet_preprocessed" / DATASET / "splits_final.json"
    splits.write_text(
        json.dumps([{"train": ["case_2"], "val": ["case_0"]}, {"train": ["case_2"], "val": ["case_1"]}])
    )
    quality = fakes.root / "nnUNet_raw" / DATASET / "quality.csv"
    quality.write_text("case,patient\ncase_0,A\ncase_1,A\n")
    with pytest.raises(InputError, match="patient A has validation cases in folds 0 and 1"):
        prepare(tmp_path / "out", replace(SETTINGS, folds=(0, 1)), say=silent)
    assert fakes.nnunet.lines == []


def test_a_quality_table_without_patients_is_named(fakes, tmp_path):
    quality = fakes.root / "nnUNet_raw" / DATASET / "quality.csv"
    quality.write_text("case,phase\ncase_0,art\n")
    with pytest.raises(InputError, match=r"quality.csv has no column patient"):
        prepare(tmp_path / "out", SETTINGS, say=silent)
