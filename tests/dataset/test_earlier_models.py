"""Models of an earlier edition stay in nnUNet_results: those that no longer fit the dataset of their name are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_phases import write_case

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.inputs import Found
from nnunet_multiphase.dataset.destination import Destination, choose_destination
from nnunet_multiphase.dataset.earlier_models import told_of_earlier_models
from nnunet_multiphase.dataset.plan import DatasetPlan
from nnunet_multiphase.dataset.target_classes import TargetClasses

MODEL = "MultiPhaseSCAMTrainer__nnUNetMultiPhaseSCAMPlans__3d_fullres"


@pytest.fixture
def destination(
    nnunet_folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Destination:
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "nnUNet_results"))
    return choose_destination(501, "Tiny", overwrite=True)


def record(**changed: Any) -> dict[str, Any]:
    """Make a dataset.json of four cases, of which one was for testing."""
    return {
        "phases": ["art", "pv"],
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 3,
        "reference_phase": dict.fromkeys("abcd", "pv"),
        **changed,
    }


def train(tmp_path: Path, of: dict[str, Any], validated: str = "") -> Path:
    folder = tmp_path / "nnUNet_results" / "Dataset501_Tiny" / MODEL
    (folder / "fold_0" / "validation").mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps(of))
    for case in validated:
        (folder / "fold_0" / "validation" / f"{case}.nii.gz").touch()
    return folder


def plan(*channels: str, test: str = "d") -> DatasetPlan:
    cases = tuple(CaseFolder(name, Path(name), name, {}, "pv", None, None) for name in "abcd")
    return DatasetPlan(channels, Found([], [], []), cases, (), (), (), (), frozenset(test))


def keep_edition(destination: Destination, of: dict[str, Any], training: str) -> None:
    """Put an earlier edition in the dataset's place."""
    (destination.raw / "labelsTr").mkdir(parents=True)
    (destination.raw / "dataset.json").write_text(json.dumps(of))
    for case in training:
        (destination.raw / "labelsTr" / f"{case}.nii.gz").touch()


@pytest.mark.parametrize("channels", [("pv", "art"), ("art", "dl"), ("art", "pv", "dl")])
def test_a_model_of_other_phases_or_another_order_is_named(
    destination: Destination, tmp_path: Path, channels: tuple[str, ...]
) -> None:
    folder = train(tmp_path, record())
    keep_edition(destination, record(), "abc")
    (told,) = told_of_earlier_models(destination, plan(*channels), TargetClasses())
    assert told.startswith(f"{folder} was trained on an earlier edition of Dataset501_Tiny")
    assert f"its channels are art, pv, those of the new dataset {', '.join(channels)}" in told
    assert "trained on what is for testing" not in told


def test_a_model_of_other_labels_is_named(destination: Destination, tmp_path: Path) -> None:
    train(tmp_path, record())
    keep_edition(destination, record(), "abc")
    (told,) = told_of_earlier_models(destination, plan("art", "pv"), TargetClasses(liver=True))
    assert "its labels are background 0, lesion 1, those of the new dataset background 0, liver 1" in told


def test_a_model_trained_on_what_is_for_testing_now_is_named(
    destination: Destination, tmp_path: Path
) -> None:
    train(tmp_path, record())
    keep_edition(destination, record(), "abc")
    (told,) = told_of_earlier_models(destination, plan("art", "pv", test="ad"), TargetClasses())
    assert "it was trained on what is for testing now (a), so that" in told


def test_a_model_whose_own_edition_is_gone_may_have_been_trained_on_it(
    destination: Destination, tmp_path: Path
) -> None:
    train(tmp_path, record())
    keep_edition(destination, record(numTraining=2), "ab")  # another edition
    (told,) = told_of_earlier_models(destination, plan("art", "pv", test="ad"), TargetClasses())
    assert "it may have been trained on what is for testing now (a, d)" in told


@pytest.mark.parametrize(("validated", "training"), [("a", 3), ("", 4)])
def test_folds_and_numbers_tell_the_cases_that_were_trained_on(
    destination: Destination, tmp_path: Path, validated: str, training: int
) -> None:
    train(tmp_path, record(numTraining=training), validated)
    (told,) = told_of_earlier_models(destination, plan("art", "pv", test="a"), TargetClasses())
    assert "it was trained on what is for testing now (a)" in told


def test_a_model_that_fits_or_says_nothing_is_not_named(destination: Destination, tmp_path: Path) -> None:
    assert told_of_earlier_models(destination, plan("pv"), TargetClasses()) == []  # there is none
    folder = train(tmp_path, record())
    keep_edition(destination, record(), "abc")
    assert told_of_earlier_models(destination, plan("art", "pv"), TargetClasses()) == []
    for text in ("[]", "{", "{}"):
        (folder / "dataset.json").write_text(text)
        assert told_of_earlier_models(destination, plan("pv"), TargetClasses()) == []


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_setup_tells_of_a_model_that_no_longer_fits(
    destination: Destination,
    tmp_path: Path,
    setup_command: Callable[..., tuple[int, str]],
    more: tuple[str, ...],
) -> None:
    for number in (1, 2):
        write_case(tmp_path / "cohort" / f"case_{number}", seed=number)
    folder = train(tmp_path, record())
    options = ("--phases", "art", "nc", "--test-fraction", "0", "--overwrite", *more)
    status, said = setup_command(tmp_path / "cohort", *options)
    assert status == 0
    assert f"warning: {folder} was trained on an earlier edition" in said
