"""`nnunet-multiphase benchmark`: its options, and what it says of what went wrong."""

import json

import pytest

from nnunet_multiphase.cli.main import main


@pytest.mark.parametrize(
    ("option", "budget"),
    [
        (("--epochs", "4"), "epochs=4"),
        (("--budget", "epochs=4"), "epochs=4"),
        (("--budget", "minutes=2.5"), "minutes=2.5"),
        (("--seconds", "90"), "minutes=1.5"),
        ((), "epochs=50"),
    ],
)
def test_the_budget_is_what_was_typed(fakes, tmp_path, option, budget):
    assert main(["benchmark", "-d", "977", "-o", str(tmp_path / "out"), "--only", "prepare", *option]) == 0
    assert json.loads((tmp_path / "out" / "benchmark.json").read_text())["budget"] == budget


def test_the_run_prints_a_table_and_writes_the_results(fakes, tmp_path, capsys):
    assert main(["benchmark", "-d", "977", "-o", str(tmp_path / "out"), "--seed", "3"]) == 0
    said = capsys.readouterr()
    assert "1 validation case, each predicted by 1 training of a contestant" in said.out
    assert "ours, seed 3, fold 0: predicting 2 cases" in said.err
    assert (tmp_path / "out" / "results.json").is_file()
    assert (tmp_path / "out" / "benchmark.html").read_text(encoding="utf-8").count("vanilla") > 1


def test_json_is_all_that_is_printed(fakes, tmp_path, capsys):
    assert main(["benchmark", "-d", "977", "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["contestants"] == ["vanilla", "ours"]


def test_a_failed_training_is_listed_and_the_status_says_so(fakes, tmp_path, capsys):
    fakes.training.fail.add("ours")
    assert main(["benchmark", "-d", "977", "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "error: ours, seed 0, fold 0: training ours, seed 0, fold 0 failed (out of memory)" in said.err
    assert "vanilla" in said.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--budget", "epochs=0"), "--budget epochs=0: expected"),
        (("--iterations", "0"), "--iterations must be above 0"),
        (("--contestants", "nobody"), "nobody is unknown"),
        (("--contestants", "simpleitk"), "simpleitk needs"),
        (("--slurm", "x", "--dask-scheduler", "tcp://h:1"), "choose one"),
        (("raw",), "and not both"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(fakes, tmp_path, capsys, options, said):
    assert main(["benchmark", *options, "-d", "977", "-o", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_one_compared_with_may_be_called_by_its_other_name(fakes, tmp_path):
    out = tmp_path / "out"
    asked = ("benchmark", "-d", "977", "-o", str(out), "--contestants", "vanilla", "rigid")
    assert main([*asked, "--against", "rigid"]) == 0
    assert json.loads((out / "results.json").read_text())["against"] == "ours"
    assert main(["benchmark", "-o", str(out), "--evaluate-only", "--against", "rigid"]) == 0
    assert json.loads((out / "results.json").read_text())["against"] == "ours"


@pytest.mark.parametrize("option", [(), ("--only", "prepare"), ("--slurm", "scripts"), ("--print-commands",)])
def test_nobody_to_compare_with_is_said_before_anything_is_made(fakes, tmp_path, monkeypatch, capsys, option):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    assert main(["benchmark", "-d", "977", "-o", str(out), "--against", "vanila", *option]) == 2
    assert "error: vanila cannot be compared with: contestants are vanilla, ours" in capsys.readouterr().err
    assert not out.exists()


def test_one_that_was_finished_before_may_be_compared_with(fakes, tmp_path, capsys):
    asked = ["benchmark", "-d", "977", "-o", str(tmp_path / "out"), "--against", "vanilla", "--contestants"]
    assert main([*asked, "vanilla"]) == 0
    assert main([*asked, "ours"]) == 0
    assert "ours, Dice minus that of vanilla" in capsys.readouterr().out


def test_setups_options_need_raw_cases(fakes, tmp_path, capsys):
    assert main(["benchmark", "-d", "977", "-o", str(tmp_path / "out"), "--missing", "fill"]) == 2
    assert (
        "--missing says how datasets are made of RAW, and -d gives one that is made"
        in capsys.readouterr().err
    )
