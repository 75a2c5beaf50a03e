"""Links that lead to nothing, as to a disk that is not mounted: the case behind them is not left out without a word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.case_files import find_truths

NAMES = ("pv.nii.gz", "art.nii.gz", "lesions_pv.nii.gz")
PATTERNS = Inputs(
    layout=Layout(
        image="{case}/{phase}.nii.gz",
        phase_names={"art": "art", "pv": "pv"},
        lesions="{case}/lesions_{phase}*.nii.gz",
    )
)


def lay(raw: Path) -> Path:
    for name in NAMES:
        (raw / "p1").mkdir(parents=True, exist_ok=True)
        (raw / "p1" / name).touch()
    return raw


@pytest.mark.parametrize("inputs", [Inputs(), PATTERNS])
@pytest.mark.parametrize("link", ["p2", "patients.csv"])
def test_a_link_to_nothing_is_a_problem(tmp_path: Path, inputs: Inputs, link: str) -> None:
    (lay(tmp_path) / link).symlink_to("/nowhere/store")
    found = find_cases(tmp_path, inputs)
    assert [case.name for case in found.cases] == ["p1"]
    (problem,) = found.problems
    assert f"{tmp_path / link} is a link to /nowhere/store, where nothing is: mount the disk" in problem


@pytest.mark.parametrize("inputs", [Inputs(), PATTERNS])
@pytest.mark.parametrize(
    "link", ["readme.txt", "p1/truth.json", ".cache", "p1/.x", "p1/logs", "p1/t2.pdf", "lost+found"]
)
def test_a_link_to_nothing_that_no_case_can_lie_behind_is_none(
    tmp_path: Path, inputs: Inputs, link: str
) -> None:
    (lay(tmp_path) / link).symlink_to("/nowhere/store")
    assert find_cases(tmp_path, inputs).problems == []


def test_a_folder_that_cannot_be_opened_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lay(tmp_path) / "p2").mkdir()
    scan = os.scandir

    def refuse(path: str):  # whoever runs the tests may open everything
        if str(path).endswith("p2"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (problem,) = find_cases(tmp_path, PATTERNS).problems
    assert problem.startswith(f"{tmp_path / 'p2'} cannot be opened (Permission denied)")


def test_a_truth_behind_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (lay(tmp_path) / "p2").symlink_to("/nowhere/store")
    with pytest.raises(InputError, match="p2 is a link to /nowhere/store, where nothing is"):
        find_truths(tmp_path)
    (tmp_path / "p2").unlink()
    assert list(find_truths(tmp_path)) == ["p1"]
