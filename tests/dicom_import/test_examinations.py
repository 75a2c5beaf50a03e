"""Two examinations under one StudyInstanceUID are not one case; one examination is, whatever happened to its dates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dicom_phantom import START, phase_series, save
from four_phases import NAMES, correct, files

from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree

pytestmark = pytest.mark.slow


def save_phase(tmp_path: Path, phase: str, day: str = "20210304", number: int = 1, **tags: Any) -> None:
    """Write a phase of the one study of this tree."""
    tags = {"StudyDate": day, "ContentDate": day, **tags}
    slices = phase_series(
        phase, description=NAMES[phase], number=number, AcquisitionDate=day, series=f"no. {number}:", **tags
    )
    save(slices, tmp_path / "tree")


def imported(tmp_path: Path, **options: Any) -> Summary:
    return import_tree(tmp_path / "tree", tmp_path / "raw", **options)


@pytest.mark.parametrize("study_date", ["20200110", "each its own"])
def test_a_follow_up_in_a_study_that_stayed_open_is_asked_about(study_date: str, tmp_path: Path) -> None:
    for number, (phase, day) in enumerate(
        (("nc", "20200110"), ("pv", "20200110"), ("dl", "20200410")), start=1
    ):
        save_phase(tmp_path, phase, day, number, StudyDate=study_date if study_date[0] == "2" else day)
    summary = imported(tmp_path)
    assert summary.written == ()
    assert summary.failures == ("case patient_001: no series can be used, see the series table",)
    (dl,) = [remark for remark in summary.remarks if "(no. 3)" in remark]
    assert "acquired 91 days after nc, pv, and a case is one examination: set use to yes in the series" in dl
    correct(tmp_path / "raw_series.csv", no1={"use": "yes"}, no2={"use": "yes"})
    assert imported(tmp_path, series_table=tmp_path / "raw_series.csv").failures == ()
    assert files(tmp_path / "raw" / "patient_001") == ["nc.nii.gz", "pv.nii.gz"]


def test_of_two_whole_examinations_the_other_is_named(tmp_path: Path) -> None:
    for n, day in enumerate(("20200110", "20200715")):
        for k, phase in enumerate(("nc", "pv"), start=1):
            save_phase(tmp_path, phase, day, 10 * n + k)
    summary = imported(tmp_path)
    assert summary.written == ("patient_001",)
    later = [remark for remark in summary.remarks if "acquired 187 days after nc, pv" in remark]
    assert len(later) == 2


def test_what_was_scanned_months_before_says_nothing_of_a_phase(tmp_path: Path) -> None:
    """An arterial phase half a year after a portal one was taken for a delayed one, and lost."""
    for number, (phase, day) in enumerate(
        (("nc", "20200110"), ("pv", "20200110"), ("art", "20200715"), ("dl", "20200715")), start=1
    ):
        save_phase(tmp_path, phase, day, number)
    imported(tmp_path)
    table = (tmp_path / "raw_series.csv").read_text(encoding="utf-8")
    assert [line.split(",")[4] for line in table.splitlines()[1:]] == ["nc", "pv", "art", "dl"]


def test_phases_hours_apart_are_a_case_and_said(tmp_path: Path) -> None:
    """Before and after an ablation."""
    for number, (phase, start) in enumerate((("nc", "080000"), ("art", "080130"), ("pv", "121500")), start=1):
        save_phase(tmp_path, phase, number=number, start=start)
    summary = imported(tmp_path)
    assert summary.written == ("patient_001",)
    (pv,) = [remark for remark in summary.remarks if "(no. 3)" in remark]
    assert "acquired 4.2 h after nc: if it is of another examination, or something was done between" in pv


def test_a_late_delayed_phase_goes_without_a_word(tmp_path: Path) -> None:
    for number, (phase, start) in enumerate((("nc", "100000"), ("pv", "100205"), ("dl", "102205")), start=1):
        save_phase(tmp_path, phase, number=number, start=start)
    assert not any("series" in remark for remark in imported(tmp_path).remarks)


def test_dates_shifted_series_by_series_are_one_case_and_said(tmp_path: Path) -> None:
    for number, (phase, day) in enumerate(zip(NAMES, ("10", "13", "11", "10"), strict=True), start=1):
        save_phase(tmp_path, phase, f"202001{day}", number, StudyDate="20200110")
    summary = imported(tmp_path)
    assert files(tmp_path / "raw" / "patient_001") == ["art.nii.gz", "dl.nii.gz", "nc.nii.gz", "pv.nii.gz"]
    (told,) = [remark for remark in summary.remarks if "series s" in remark]
    assert "have days of their own but one time of day, as where dates were shifted series by series" in told


def test_dates_of_acquisition_and_study_are_not_compared(tmp_path: Path) -> None:
    """A de-identification shifted StudyDate, and took AcquisitionDate out of one series alone."""
    for number, (phase, day) in enumerate((("nc", "20210304"), ("pv", "")), start=1):
        save_phase(tmp_path, phase, day, number, StudyDate="20150101")
    summary = imported(tmp_path)
    assert (summary.written, summary.failures) == (("patient_001",), ())


@pytest.mark.parametrize("study_date", ["20210304", ""])
def test_an_examination_over_midnight_without_acquisition_dates_is_one(
    study_date: str, tmp_path: Path
) -> None:
    none = {"AcquisitionDate": None, "ContentDate": None, "StudyDate": study_date}
    for number, (phase, start) in enumerate(
        zip(NAMES, ("235800", "235940", "000015", "000300"), strict=True), start=1
    ):
        save(phase_series(phase, number=number, start=start, **none), tmp_path / "tree")
    summary = imported(tmp_path)
    assert files(tmp_path / "raw" / "patient_001") == ["art.nii.gz", "dl.nii.gz", "nc.nii.gz", "pv.nii.gz"]
    assert not any(" h after" in remark or "speaks against" in remark for remark in summary.remarks)


def test_a_phase_over_midnight_is_not_cut(tmp_path: Path) -> None:
    assert START["pv"] == "100205"
    slices = phase_series("pv", description=NAMES["pv"], AcquisitionDate=None, ContentDate=None)
    for k, item in enumerate(slices):
        item.AcquisitionTime = item.ContentTime = "235958" if k < 6 else "000001"
    save(slices, tmp_path / "tree")
    summary = imported(tmp_path)
    assert (summary.written, summary.failures) == (("patient_001",), ())
    table = (tmp_path / "raw_series.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 2
    assert ",12," in table[1]  # all slices
