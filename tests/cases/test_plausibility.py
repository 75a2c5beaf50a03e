"""Plausibility as a whole: nothing is said of a plausible case, and what is accepted is a warning."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from torso import SIZE
from torso_case import mirror

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.check_names import CHECKS
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow


def test_a_plausible_case_has_nothing(case: CaseFolder) -> None:
    report = check_case(case)
    assert report.problems == report.warnings == report.accepted == ()


def test_what_is_accepted_is_a_warning_that_names_the_check(case: CaseFolder) -> None:
    for path in case.path.glob("*.nii.gz"):
        mirror(path)
    report = check_case(case, ["liver-side"])
    assert report.problems == ()
    assert report.accepted == ("liver-side",)
    (warning,) = report.warnings
    assert "(--accept liver-side)" in warning
    assert check_case(case, ["liver-hu"]).problems != ()


def test_every_check_is_named_once_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    assert [name for name in CHECKS if text.count(f"| `{name}` |") != 1] == []


def test_prediction_refuses_and_accepts_as_setup_does(
    case: CaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnunet_multiphase.prediction import prepare as prediction

    for path in case.path.glob("*.nii.gz"):
        mirror(path)
    whole = ((0, 0, 0), SIZE)
    monkeypatch.setattr(prediction, "align_phases", lambda *_, **__: SimpleNamespace(box=whole, images={}))
    with pytest.raises(InputError, match="liver-side"):
        prediction.prepare_case(case.path, ("art", "pv"))
    (said,) = prediction.prepare_case(case.path, ("art", "pv"), accept=["liver-side"]).accepted
    assert "to the patient's left" in said
