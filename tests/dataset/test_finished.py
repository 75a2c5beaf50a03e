"""A case that is finished is not done again, and one whose input or code has changed is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from built_dataset import build, write_cohort
from tiny_phases import QUICK

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.dataset.convert import CaseJob, case_files
from nnunet_multiphase.dataset.finished import convert_once, fingerprint, recall, started_run
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"))


def job_of(cohort: Path, folder: Path) -> CaseJob:
    """Make the job of the cohort's first case, in a dataset folder of its own."""
    for name in ("imagesTr", "labelsTr", "registration/overview", "finished"):
        (folder / name).mkdir(parents=True)
    case = read_case_folder(cohort / "case_1", require_lesions=True)
    return CaseJob(case, "train", tuple(case.images), folder, QUICK, mark="m")


def test_a_failure_at_the_very_end_loses_no_case(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("nnunet_multiphase.dataset.build.publish", fail)
        with pytest.raises(OSError, match="no space left"):
            build(cohort, tmp_path)
    partial = tmp_path / "nnUNet_raw" / ".Dataset501_Tiny.partial"
    written = {p.name: p.stat().st_mtime_ns for p in partial.rglob("*.nii.gz")}
    made = build(cohort, tmp_path)
    assert {p.name: p.stat().st_mtime_ns for p in made.folder.rglob("*.nii.gz")} == written
    assert not (made.folder / "finished").exists()


def test_a_worker_left_behind_by_an_earlier_run_writes_nothing(cohort: Path, tmp_path: Path) -> None:
    job = job_of(cohort, tmp_path)
    with started_run(tmp_path) as token:
        assert convert_once(replace(job, run=token)).failure == ""
    for path in case_files(job):
        path.unlink(missing_ok=True)
    with started_run(tmp_path), pytest.raises(OSError, match="has ended"):
        convert_once(replace(job, run=token, mark="another"))
    with pytest.raises(OSError, match="has ended"):
        convert_once(replace(job, run=token, mark="another"))
    assert not any(path.exists() for path in case_files(job))


def test_a_finished_case_whose_input_has_changed_is_done_again(cohort: Path, tmp_path: Path) -> None:
    job = job_of(cohort, tmp_path)
    outcome = convert_once(job)
    assert recall(job) == outcome
    assert recall(replace(job, mark="other inputs")) is None
    case_files(job, outcome)[0].unlink()
    assert recall(job) is None


def test_the_mark_of_a_case_follows_its_content(cohort: Path, tmp_path: Path) -> None:
    job = job_of(cohort, tmp_path)
    report = check_case(job.case)
    assert fingerprint(job, report) == fingerprint(job, check_case(job.case))
    copy = tmp_path / "copy" / job.case.path.name
    shutil.copytree(job.case.path, copy)
    same = read_case_folder(copy, require_lesions=True)
    assert check_case(same).parts == report.parts
    pv = sitk.ReadImage(str(copy / "pv.nii.gz"))
    pv[0, 0, 0] += 1
    sitk.WriteImage(pv, str(copy / "pv.nii.gz"))
    assert check_case(same).parts != report.parts
    assert fingerprint(replace(job, on_failure="header"), report) != fingerprint(job, report)


def test_the_mark_of_a_case_follows_the_code(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(cohort, tmp_path)
    report = check_case(job.case)
    before = fingerprint(job, report)
    monkeypatch.setattr("nnunet_multiphase.dataset.finished.code_digest", lambda: "another state")
    assert fingerprint(job, report) != before


def test_a_worker_with_other_code_is_refused(cohort: Path, tmp_path: Path) -> None:
    job = job_of(cohort, tmp_path)
    with pytest.raises(InputError, match=r"case case_1: the worker on .* runs another state"):
        convert_once(replace(job, code="another state"))
    assert not any(path.exists() for path in case_files(job))
