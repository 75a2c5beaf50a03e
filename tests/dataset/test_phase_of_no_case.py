"""A phase that no case has is told once, with the phases to choose: filled, its channel would be air in every case."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnunet_multiphase.cases.cohort import find_case_folders
from nnunet_multiphase.dataset.plan import _handle_missing, _told_of_never_there

PHASES = ("nc", "art", "pv", "dl")


def cohort(raw: Path, *cases: str) -> Path:
    for number, phases in enumerate(cases):
        folder = raw / f"c{number}"
        folder.mkdir(parents=True)
        for name in (*phases.split(), "lesions_pv"):
            (folder / f"{name}.nii.gz").touch()
    return raw


@pytest.mark.parametrize("missing", ["error", "fill", "skip"])
def test_a_phase_that_no_case_has_is_told_once(tmp_path: Path, missing: str) -> None:
    cases = find_case_folders(cohort(tmp_path, "nc art pv", "nc art pv"))
    (told,) = _told_of_never_there(tmp_path, cases, PHASES)
    assert (
        "no case has dl, so that nothing can be learned from its channel: pass --phases nc art pv, or" in told
    )
    used, skipped, problems = _handle_missing(cases, PHASES, missing)
    assert (len(used), skipped, problems) == (2, [], [])


@pytest.mark.parametrize("cases", [("nc art pv dl", "nc art pv"), ("nc art pv",), ("pv", "pv")])
def test_a_phase_that_some_case_has_or_a_single_case_lacks_is_not_told_so(
    tmp_path: Path, cases: tuple[str, ...]
) -> None:
    found = find_case_folders(cohort(tmp_path, *cases))
    assert _told_of_never_there(tmp_path, found, PHASES) == []
    assert any("lacks" in problem for problem in _handle_missing(found, PHASES, "error")[2])
