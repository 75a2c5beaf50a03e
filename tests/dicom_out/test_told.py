"""What the page warns of stands in the report and the segmentation too, in signs and lengths that DICOM has."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import pydicom
import pytest
from dicom_phantom import phase_series
from dicom_results import no_lesion, saved, two_lesions, two_measured
from pydicom.dataset import Dataset

from nnunet_multiphase.dicom_out.told import LONGEST, Told, clipped, plain
from nnunet_multiphase.dicom_out.write import write_dicom
from nnunet_multiphase.measurement.record import PatientMeasures

FAILED = "FAILED: Arterial phase: registration failed: nothing fits, far off."
TOLD = Told(
    (FAILED, "Not looked at: 44 % of the portal venous volume lies beyond what all phases show."),
    "Müller\\März (Dataset501, T, p), fold 0",
    ("failed: art", "44 % not seen", "1 cut off"),
)


def cut() -> PatientMeasures:
    """Make up that lesion 1 is cut off."""
    measures = two_measured()
    first, *others = measures.lesions
    return replace(measures, lesions=(replace(first, cut_off=("volume",)), *others))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return saved(phase_series("pv"), tmp_path_factory.mktemp("ct"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, files: list[Path]) -> Path:
    place = tmp_path_factory.mktemp("told")
    write_dicom(files, two_lesions(), cut(), place, told=TOLD)
    return place


def comments(item: Dataset) -> list[str]:
    """List the comments of a report, group by group, that on all of it last."""
    inside = item.get("ContentSequence", ())
    own = [one.TextValue for one in inside if one.ConceptNameCodeSequence[0].CodeValue == "121106"]
    return [text for one in inside for text in comments(one)] + own


def test_no_lesion_never_stands_alone(tmp_path: Path, files: list[Path]) -> None:
    made = write_dicom(files, two_lesions() * 0, no_lesion(), tmp_path, told=TOLD)
    report = pydicom.dcmread(made.report)
    assert comments(report)[-1] == (
        "For research only; not a medical device. 0 lesions found, on the portal venous phase. "
        "To know before relying on it: "
        f"(1) {FAILED} (2) Not looked at: 44 % of the portal venous volume lies beyond what all phases show. "
        "Model: Muller\\Marz (Dataset501, T, p), fold 0."
    )
    assert (report.CompletionFlag, report.CompletionFlagDescription) == (
        "PARTIAL",
        "failed: art; 44 % not seen; 1 cut off",
    )
    assert report.SeriesDescription == "Lesion measurements (research only) PARTIAL, see comment"


def test_without_a_warning_a_report_is_complete(tmp_path: Path, files: list[Path]) -> None:
    write_dicom(files, two_lesions(), two_measured(), tmp_path, told=Told(model="m"))
    report, seg = (pydicom.dcmread(tmp_path / f"one_{kind}.dcm") for kind in ("sr", "seg"))
    assert comments(report)[-1].endswith("phase. Model: m.")
    assert (report.CompletionFlag, "CompletionFlagDescription" in report) == ("COMPLETE", False)
    assert not any("SegmentDescription" in segment for segment in seg.SegmentSequence)
    assert seg.SeriesDescription == "Lesions (research only)"


def test_a_lesion_that_is_cut_off_says_so_in_both(written: Path) -> None:
    said = "lesion 1 reaches the end of the volume: its volume and diameters are lower bounds"
    first, last = comments(pydicom.dcmread(written / "one_sr.dcm"))
    assert first == said
    assert "2 lesions found, at least 9.15 ml together" in last
    seg = pydicom.dcmread(written / "one_seg.dcm")
    assert [segment.get("SegmentDescription") for segment in seg.SegmentSequence] == [said, None]
    assert seg.ImageComments.startswith(f"To know before relying on it: (1) {FAILED}")


def test_other_warnings_make_another_instance_of_the_same_lesions(
    written: Path, tmp_path: Path, files: list[Path]
) -> None:
    write_dicom(files, two_lesions(), cut(), tmp_path)
    for name in ("one_seg.dcm", "one_sr.dcm"):
        one, other = pydicom.dcmread(written / name), pydicom.dcmread(tmp_path / name)
        assert one.SOPInstanceUID != other.SOPInstanceUID
    segs = [pydicom.dcmread(place / "one_seg.dcm").SegmentSequence for place in (written, tmp_path)]
    assert [s.TrackingUID for s in segs[0]] == [s.TrackingUID for s in segs[1]]


def test_what_is_too_long_is_cut_to_what_dicom_has(tmp_path: Path, files: list[Path]) -> None:
    long = Told(
        ("word " * 4000,), "张三\n\x07 é", ("failed: nc, art", "lacking: dl", "44 % not seen", "128 cut off")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.RAISE)
        write_dicom(files, two_lesions(), cut(), tmp_path, told=long)
    for name in ("one_seg.dcm", "one_sr.dcm"):
        for element in pydicom.dcmread(tmp_path / name).iterall():
            assert len(str(element.value)) <= LONGEST.get(element.VR, 1 << 30), element.keyword
    assert comments(pydicom.dcmread(tmp_path / "one_sr.dcm"))[-1].endswith("word word Model: ?? e.")


def test_texts_are_ascii_on_one_line_and_lo_has_no_backslash() -> None:
    assert plain("a\r\nb\tü ≥ 5") == "a b u ? 5"
    assert clipped("a\\b", "LO") == "a/b"
    assert clipped("a\\b", "LT") == "a\\b"
    assert clipped("x" * 65, "LO") == "x" * 60 + " ..."


def test_highdicom_reads_the_groups_with_their_comments(written: Path) -> None:
    report = hd.sr.srread(written / "one_sr.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [str(group.tracking_identifier) for group in groups] == ["Lesion 1", "Lesion 2"]


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian: dicom3tools)"
)
@pytest.mark.parametrize("file", ["one_seg.dcm", "one_sr.dcm"])
def test_dciodvfy_finds_no_error_in_what_is_told(written: Path, file: str) -> None:
    done = subprocess.run(["dciodvfy", str(written / file)], capture_output=True, encoding="utf-8")
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_dcmqi_reads_the_numbers_beside_a_comment(written: Path) -> None:
    reader = shutil.which("tid1500reader") or shutil.which(
        "tid1500reader", path=str(Path(pydicom.__file__).parents[4] / "bin")
    )
    if reader is None:
        pytest.skip("tid1500reader is not installed (pip install dcmqi)")
    out = written / "report.json"
    subprocess.run(
        [reader, "--inputDICOM", str(written / "one_sr.dcm"), "--outputMetadata", str(out)],
        check=True,
        capture_output=True,
    )
    read = json.loads(out.read_text())["Measurements"]
    assert [float(group["measurementItems"][0]["value"]) for group in read] == [8.85, 0.3]
