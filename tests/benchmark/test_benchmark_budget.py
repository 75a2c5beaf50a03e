"""The budget: epochs or minutes, read as typed; minutes become epochs by timing."""

import pytest

from nnunet_multiphase.benchmark.budget import Budget, parse_budget
from nnunet_multiphase.benchmark.training import TrainingSettings, train
from nnunet_multiphase.errors import InputError


def silent(line):
    """Say nothing."""


@pytest.mark.parametrize("text", ["epochs=50", "minutes=2.5"])
def test_a_budget_is_written_as_it_is_typed(text):
    assert str(parse_budget(text)) == text


@pytest.mark.parametrize(
    "text", ["50", "epochs=0", "epochs=2.5", "minutes=-1", "minutes=nan", "minutes=inf", "hours=2"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(InputError, match=r"expected epochs=N or minutes=M"):
        parse_budget(text)


@pytest.fixture
def children(monkeypatch):
    """Answer for the child: 10 s to start and 5 s an epoch."""
    tasks = []

    def run_module(module, task, record, log, environment, what):
        tasks.append((task["epochs"], task["continue_training"], environment["nnUNet_results"]))
        return {"seconds": 10 + 5 * task["epochs"], "epochs": task["epochs"]}

    monkeypatch.setattr("nnunet_multiphase.benchmark.training.run_module", run_module)
    return tasks


def trained(tmp_path, budget):
    settings = TrainingSettings(501, "3d_fullres", 0, "nnUNetTrainer", "nnUNetPlans", budget)
    return train(tmp_path / "fold_0", tmp_path / "results", settings, what="vanilla", say=silent)


def test_epochs_are_trained_as_they_are(tmp_path, children):
    assert trained(tmp_path, Budget(epochs=7))["epochs"] == 7
    assert children == [(7, True, str(tmp_path / "results"))]


def test_minutes_are_as_many_epochs_as_fit(tmp_path, children):
    # 60 s, of which 10 s to start: ten epochs of 5 s
    assert trained(tmp_path, Budget(minutes=1))["epochs"] == 10
    calibration = str(tmp_path / "fold_0" / "calibration")
    assert children[:2] == [(1, False, calibration), (3, False, calibration)]
    assert not (tmp_path / "fold_0" / "calibration").exists()


def test_no_time_is_still_an_epoch(tmp_path, children):
    assert trained(tmp_path, Budget(minutes=0.01))["epochs"] == 1
