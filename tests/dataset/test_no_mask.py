"""Cases without a lesion mask: refused by default, left out and named on request."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_phases import QUICK, phase_image, write_case

from nnunet_multiphase.cases.case_table import scan_table
from nnunet_multiphase.cases.cohort import scan_cohort
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.layout_scan import scan_layout
from nnunet_multiphase.cases.mask_choice import MaskRule
from nnunet_multiphase.cases.presets import PRESETS
from nnunet_multiphase.dataset import build as dataset

pytestmark = pytest.mark.slow

SKIP = MaskRule(absent="skip")


@pytest.fixture
def quick_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = dataset.build_dataset
    monkeypatch.setattr(dataset, "build_dataset", lambda *a, **k: whole(*a, **(k | {"settings": QUICK})))


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Write a case with a mask and one without."""
    for number in (1, 2):
        write_case(tmp_path / "cohort" / f"case_{number}", phases=("art", "pv"), seed=number)
    (tmp_path / "cohort" / "case_2" / "lesions_art.nii.gz").unlink()
    return tmp_path / "cohort"


@pytest.mark.usefixtures("nnunet_folders")
def test_a_case_without_a_mask_is_refused_with_the_way_out(cohort: Path, setup_command: Callable) -> None:
    # A missing mask is no missing phase.
    status, said = setup_command(cohort, "--phases", "art", "pv", "--missing", "skip", "--dry-run")
    assert status == 2
    (line,) = [line for line in said.splitlines() if line.startswith("error")]
    assert "case case_2" in line
    assert "--no-mask skip" in line


@pytest.mark.usefixtures("quick_registration")
def test_a_case_without_a_mask_is_left_out_and_recorded(
    cohort: Path,
    setup_command: Callable,
    nnunet_folders: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    from nnunet_multiphase.cli.main import main

    command = ["setup", str(cohort), "--dataset-id", "501", "--name", "Tiny", "--phases", "art", "pv"]
    assert main([*command, "--no-mask", "skip"]) == 0
    assert "left out for want of a lesion mask: 1 case(s), case_2\n" in capsys.readouterr().out
    made = nnunet_folders[0] / "Dataset501_Tiny"
    assert [path.name for path in (made / "labelsTr").iterdir()] == ["case_1.nii.gz"]
    with (made / "quality.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["case"] == "case_2"]
    assert [(row["phase"], row["split"], row["status"], row["warnings"]) for row in rows] == [
        (phase, "skipped", "present", "no lesion mask: case left out") for phase in ("art", "pv")
    ]


def test_nothing_to_train_on_is_a_problem(
    cohort: Path, setup_command: Callable, nnunet_folders: object
) -> None:
    (cohort / "case_1" / "lesions_art.nii.gz").unlink()
    status, said = setup_command(cohort, "--phases", "art", "pv", "--no-mask", "skip", "--dry-run")
    assert status == 2
    assert "no case has a lesion mask" in said


def test_a_misnamed_mask_is_no_missing_mask(cohort: Path) -> None:
    (cohort / "case_2" / "lesion_art.nii.gz").touch()
    cases, problems = scan_cohort(cohort, SKIP)
    assert [case.name for case in cases] == ["case_1"]
    assert "lesion_art.nii.gz names no known phase" in problems[0]


def test_tables_and_patterns_leave_them_out_too(cohort: Path, tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_text("case,art,pv,lesions\na,1,2,3\nb,1,2,\n")
    layout = Layout(
        "{case}/{phase}.nii.gz", {"art": "art", "pv": "pv"}, lesions="{case}/lesions_{phase}.nii.gz"
    )
    for cases, problems in (scan_table(table, tmp_path, SKIP)[:2], scan_layout(cohort, layout, SKIP)[:2]):
        assert problems == []
        assert [case.has_lesion_mask for case in cases] == [True, False]
    for problems in (scan_table(table, tmp_path, MaskRule())[1], scan_layout(cohort, layout, MaskRule())[1]):
        assert len(problems) == 1
        assert "--no-mask skip" in problems[0]


def test_presets_leave_them_out_too(tmp_path: Path) -> None:
    for name in ("imagesTr/liver_1.nii.gz", "imagesTr/liver_2.nii.gz", "labelsTr/liver_2.nii.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    cases, problems, _ = scan_layout(tmp_path, PRESETS["msd-liver"], SKIP)
    assert ([case.has_lesion_mask for case in cases], problems) == ([False, True], [])


@pytest.mark.usefixtures("quick_registration", "nnunet_folders")
def test_strict_makes_a_failed_registration_the_exit_status(tmp_path: Path, setup_command: Callable) -> None:
    folder = write_case(tmp_path / "cohort" / "case_1", phases=("art", "pv"), liver=True)
    grid = phase_image("pv", seed=1)
    noise = np.random.default_rng(0).normal(0, 200, grid.GetSize()[::-1]).astype(np.int16)
    image = sitk.GetImageFromArray(noise)
    image.CopyInformation(grid)
    sitk.WriteImage(image, str(folder / "pv.nii.gz"))
    options = ("--phases", "art", "pv", "--overwrite")
    assert setup_command(tmp_path / "cohort", *options)[0] == 0
    status, said = setup_command(tmp_path / "cohort", *options, "--strict")
    assert status == 1
    assert "--strict: the registration failed of case_1 pv; the dataset was made all the same" in said
