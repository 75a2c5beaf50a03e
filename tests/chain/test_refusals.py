"""What predict and demo refuse before any work: one sentence, nonzero status, nothing written."""

from pathlib import Path

import pytest

from nnunet_multiphase.cli.main import main


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_demo_leaves_a_folder_of_somebody_elses_alone(tmp_path: Path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    line = refusal(capsys, "demo", str(tmp_path))
    assert str(tmp_path) in line
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--cases", "3", "at least 6"),
        ("--seed", "-1", "seed is -1"),
        ("--epochs", "0", "epochs is 0"),
        ("--jobs", "0", "jobs is 0"),
        ("--device", "abacus", "abacus"),
    ],
)
def test_demo_refuses_options_before_it_replaces_an_earlier_one(tmp_path: Path, capsys, option, value, said):
    (tmp_path / "made_by_nnunet-multiphase_demo.txt").write_text("")
    (tmp_path / "report.html").write_text("the earlier demo's")
    assert said in refusal(capsys, "demo", str(tmp_path), option, value)
    assert (tmp_path / "report.html").read_text() == "the earlier demo's"


def test_predict_refuses_two_patients_of_one_name(tmp_path: Path, capsys):
    for site in ("a", "b"):
        (tmp_path / site / "case_1").mkdir(parents=True)
    cases = [str(tmp_path / site / "case_1") for site in ("a", "b")]
    line = refusal(capsys, "predict", *cases, "-m", str(tmp_path), "-o", str(tmp_path / "o"))
    assert all(case in line for case in cases)


def test_predict_refuses_a_file_as_output(tmp_path: Path, capsys):
    (tmp_path / "o").write_text("")
    assert str(tmp_path / "o") in refusal(
        capsys, "predict", str(tmp_path), "-m", str(tmp_path), "-o", str(tmp_path / "o")
    )


def test_predict_refuses_a_negative_seed(tmp_path: Path, capsys):
    line = refusal(capsys, "predict", str(tmp_path), "-m", "x", "-o", str(tmp_path / "o"), "--seed", "-1")
    assert "--seed -1" in line


def test_a_file_where_a_folder_should_be_is_one_sentence(tmp_path: Path, capsys):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refusal(
        capsys, "phantom", str(tmp_path / "file" / "sub"), "--cases", "1"
    )


def test_predict_names_a_case_folder_that_is_not_there(tmp_path: Path, capsys):
    line = refusal(
        capsys, "predict", str(tmp_path / "nobody"), "-m", str(tmp_path), "-o", str(tmp_path / "o")
    )
    assert str(tmp_path / "nobody") in line


def test_predict_says_when_the_results_variable_is_unset(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.delenv("nnUNet_results", raising=False)
    assert "nnUNet_results is not set" in refusal(
        capsys, "predict", str(tmp_path), "-d", "501", "-o", str(tmp_path / "o")
    )


def test_predict_tells_how_to_train_a_model_that_is_not_there(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    line = refusal(capsys, "predict", str(tmp_path), "-d", "501", "-o", str(tmp_path / "o"))
    assert "nnUNetv2_train 501 3d_fullres 0 -tr MultiPhaseSCAMTrainer -p nnUNetMultiPhaseSCAMPlans" in line


def test_predict_names_what_a_model_folder_lacks(tmp_path: Path, capsys):
    line = refusal(capsys, "predict", str(tmp_path), "-m", str(tmp_path), "-o", str(tmp_path / "o"))
    assert "dataset.json" in line


def test_predict_names_the_fold_that_is_not_trained(tmp_path: Path, capsys):
    for name in ("dataset.json", "plans.json"):
        (tmp_path / name).write_text("{}")
    line = refusal(
        capsys, "predict", str(tmp_path), "-m", str(tmp_path), "-f", "3", "-o", str(tmp_path / "o")
    )
    assert "checkpoint_final.pth for fold_3" in line
