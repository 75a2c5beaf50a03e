"""Lesions as a DICOM segmentation and report: what other readers find in them, and what is refused."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_phantom import CORONAL, OBLIQUE, SHAPE, phase_series
from dicom_results import frames, no_lesion, saved, two_lesions, two_measured
from planted import plant
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom.regrid import resample_if_irregular
from nnunet_multiphase.dicom.scan import scan_tree
from nnunet_multiphase.dicom.volumes import volumes_of
from nnunet_multiphase.dicom_out.identity import OPTIONAL, PATIENT_AND_STUDY
from nnunet_multiphase.dicom_out.source import source_files
from nnunet_multiphase.dicom_out.write import write_dicom
from nnunet_multiphase.errors import InputError


def tool(name: str) -> str:
    """Find a tool of dcmqi, which pip puts beside Python, or skip the test."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed (pip install dcmqi)")
    return found


@pytest.fixture(scope="module")
def series() -> list[FileDataset]:
    return phase_series("pv", description="portal venous", PatientSex="F", AccessionNumber="A7")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, series: list[FileDataset]) -> Path:
    """Write both files of two lesions; the folder that holds them and, in ct/, their source."""
    place = tmp_path_factory.mktemp("dicom_out")
    write_dicom(saved(series, place / "ct"), two_lesions(), two_measured(), place)
    return place


def groups(path: Path) -> list[pydicom.Dataset]:
    report = pydicom.dcmread(path)
    (measurements,) = [
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurements"
    ]
    return list(measurements.ContentSequence)


def numbers(group: pydicom.Dataset) -> dict[tuple[str, ...], tuple[float, str]]:
    """Give a group's numbers: name's code and its modifiers' -> value and unit."""
    found = {}
    for item in group.ContentSequence:
        if item.ValueType == "NUM":
            modifiers = [m.ConceptCodeSequence[0].CodeValue for m in item.get("ContentSequence", [])]
            value = item.MeasuredValueSequence[0]
            unit = value.MeasurementUnitsCodeSequence[0].CodeValue
            found[(item.ConceptNameCodeSequence[0].CodeValue, *modifiers)] = (float(value.NumericValue), unit)
    return found


def test_every_voxel_lies_on_the_image_it_was_found_on(written: Path, series: list[FileDataset]) -> None:
    labels = sitk.GetArrayFromImage(two_lesions())
    found = frames(pydicom.dcmread(written / "one_seg.dcm"))
    expected = {
        (number, str(series[k].SOPInstanceUID)): (labels[k] == number).astype(np.uint8)
        for number, k in ((1, 4), (1, 5), (1, 6), (2, 2))
    }
    assert found.keys() == expected.keys()
    for key, plane in expected.items():
        np.testing.assert_array_equal(found[key], plane)


@pytest.mark.parametrize("orientation", [OBLIQUE, CORONAL])
def test_planes_are_matched_in_any_direction(tmp_path: Path, orientation: tuple) -> None:
    slices = phase_series("pv", orientation=orientation)
    files = saved(slices, tmp_path / "ct")
    write_dicom(files[::-1], two_lesions(orientation), two_measured(), tmp_path)
    assert {
        source for number, source in frames(pydicom.dcmread(tmp_path / "one_seg.dcm")) if number == 1
    } == {str(slices[k].SOPInstanceUID) for k in (4, 5, 6)}


def test_dcmqi_reads_the_same_voxels(written: Path) -> None:
    out = written / "dcmqi"
    out.mkdir()
    subprocess.run(
        [
            tool("segimage2itkimage"),
            "--inputDICOM",
            str(written / "one_seg.dcm"),
            "--outputDirectory",
            str(out),
        ],
        check=True,
        capture_output=True,
    )
    lesions = two_lesions()
    for number in (1, 2):
        image = sitk.ReadImage(str(out / f"{number}.nrrd"))
        assert int((sitk.GetArrayFromImage(image) > 0).sum()) == {1: 59, 2: 2}[number]
        there = sitk.Resample(image, lesions, sitk.Transform(), sitk.sitkNearestNeighbor)
        np.testing.assert_array_equal(
            sitk.GetArrayFromImage(there) > 0, sitk.GetArrayFromImage(lesions) == number
        )


def test_dcmqi_reads_the_same_measurements(written: Path) -> None:
    out = written / "report.json"
    subprocess.run(
        [tool("tid1500reader"), "--inputDICOM", str(written / "one_sr.dcm"), "--outputMetadata", str(out)],
        check=True,
        capture_output=True,
    )
    read = json.loads(out.read_text())["Measurements"]
    assert [group["TrackingIdentifier"] for group in read] == ["Lesion 1", "Lesion 2"]
    values = [
        (item["quantity"]["CodeMeaning"], float(item["value"]), item["units"]["CodeValue"])
        for item in read[0]["measurementItems"]
    ]
    assert values[:3] == [("Volume", 8.85, "ml"), ("Long axis", 26.5, "mm"), ("Short axis", 20.25, "mm")]


def test_segments_are_lesions_of_the_liver(written: Path) -> None:
    segment = pydicom.dcmread(written / "one_seg.dcm").SegmentSequence[1]
    codes = [
        (item.CodeValue, item.CodingSchemeDesignator)
        for item in (
            segment.SegmentedPropertyCategoryCodeSequence[0],
            segment.SegmentedPropertyTypeCodeSequence[0],
            segment.AnatomicRegionSequence[0],
        )
    ]
    assert codes == [("49755003", "SCT"), ("52988006", "SCT"), ("10200004", "SCT")]
    assert (segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType) == (
        2,
        "Lesion 2",
        "AUTOMATIC",
    )


def test_a_group_tells_sizes_and_attenuation_of_each_phase(written: Path) -> None:
    mean, deviation = "373098007", "386136009"
    assert numbers(groups(written / "one_sr.dcm")[0]) == {
        ("118565006",): (8.85, "ml"),
        ("103339001",): (26.5, "mm"),
        ("103340004",): (20.25, "mm"),
        ("112031", mean, "art"): (95.5, "[hnsf'U]"),
        ("112031", deviation, "art"): (12.0, "[hnsf'U]"),
        ("112031", mean, "pv"): (70.25, "[hnsf'U]"),
        ("112031", deviation, "pv"): (9.0, "[hnsf'U]"),
    }


def test_report_and_segmentation_mean_the_same_lesion(written: Path) -> None:
    seg = pydicom.dcmread(written / "one_seg.dcm")
    for segment, group in zip(seg.SegmentSequence, groups(written / "one_sr.dcm"), strict=True):
        items = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in group.ContentSequence}
        assert segment.TrackingUID == items["Tracking Unique Identifier"].UID
        there = items["Referenced Segment"].ReferencedSOPSequence[0]
        assert there.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert there.ReferencedSegmentNumber == segment.SegmentNumber


@pytest.mark.parametrize("file", ["one_seg.dcm", "one_sr.dcm"])
def test_results_are_filed_under_the_patient_and_study_of_their_source(
    written: Path, series: list[FileDataset], file: str
) -> None:
    made = pydicom.dcmread(written / file)
    for name in (
        "PatientID",
        "PatientName",
        "PatientSex",
        "StudyInstanceUID",
        "AccessionNumber",
        "StudyDate",
    ):
        assert made[name].value == series[0][name].value, name
    assert (made.ContentDate, made.ContentTime) == ("20210304", "095500")
    assert "research only" in made.SeriesDescription


def test_both_say_that_they_are_for_research(written: Path) -> None:
    said = "For research only; not a medical device"
    assert pydicom.dcmread(written / "one_seg.dcm").ContentDescription == said
    last = pydicom.dcmread(written / "one_sr.dcm").ContentSequence[-1]
    # 8.85 + 0.3 ml; 9.15 / 1500 = 0.61 %
    assert last.TextValue == (
        f"{said}. 2 lesions found, 9.15 ml together (0.6 % of the liver), on the portal venous phase."
    )


def test_same_input_makes_same_bytes(written: Path, tmp_path: Path) -> None:
    write_dicom(sorted((written / "ct").iterdir()), two_lesions(), two_measured(), tmp_path)
    for file in ("one_seg.dcm", "one_sr.dcm"):
        assert (tmp_path / file).read_bytes() == (written / file).read_bytes()


def test_another_result_on_the_same_images_is_another_instance(written: Path, tmp_path: Path) -> None:
    lesions = two_lesions()
    lesions[8, 12, 4] = 1
    write_dicom(sorted((written / "ct").iterdir()), lesions, two_measured(), tmp_path)
    for file in ("one_seg.dcm", "one_sr.dcm"):
        assert (
            pydicom.dcmread(tmp_path / file).SOPInstanceUID != pydicom.dcmread(written / file).SOPInstanceUID
        )


def test_files_that_name_the_patient_are_their_owners_alone(written: Path) -> None:
    for file in ("one_seg.dcm", "one_sr.dcm"):
        assert (written / file).stat().st_mode & 0o077 == 0


def test_without_a_lesion_there_is_a_report_and_no_segmentation(written: Path, tmp_path: Path) -> None:
    (tmp_path / "one_seg.dcm").touch()  # an earlier run's
    files = write_dicom(sorted((written / "ct").iterdir()), two_lesions() * 0, no_lesion(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["one_sr.dcm"]
    assert files.segmentation is None
    assert "0 lesions found, on the portal" in pydicom.dcmread(files.report).ContentSequence[-1].TextValue
    assert [numbers(group) for group in groups(files.report)] == [{("118565006",): (0.0, "ml")}]
    if shutil.which("dciodvfy"):
        done = subprocess.run(["dciodvfy", str(files.report)], capture_output=True, encoding="utf-8")
        assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_odd_patient_attributes_are_taken_over_and_not_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    slices = phase_series("pv", StudyDate="", StudyTime="")
    for item in slices:
        item.PatientBirthDate, item.PatientName, item.PatientSex = "March 47", "PLANTED", "W"
    files = saved(slices, tmp_path / "ct")
    recwarn.clear()
    with caplog.at_level(logging.DEBUG):
        write_dicom(files, two_lesions(), two_measured(), tmp_path)
    assert [str(warning.message) for warning in recwarn] == []
    assert "PLANTED" not in caplog.text
    for file in ("one_seg.dcm", "one_sr.dcm"):
        made = pydicom.dcmread(tmp_path / file)
        assert (made.PatientName, made.PatientSex) == ("PLANTED", "W")
        assert made.get_item("PatientBirthDate").value == b"March 47"
        assert made.ContentDate == "20210304"  # the images' own, as the study has none


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian: dicom3tools)"
)
@pytest.mark.parametrize("file", ["one_seg.dcm", "one_sr.dcm"])
def test_dciodvfy_finds_no_error(written: Path, file: str) -> None:
    done = subprocess.run(["dciodvfy", str(written / file)], capture_output=True, encoding="utf-8")
    said = done.stderr.splitlines()
    assert {"one_seg.dcm": "Segmentation", "one_sr.dcm": "Comprehensive3DSR"}[file] in said
    assert [line for line in said if line.startswith("Error")] == []


@pytest.mark.parametrize(
    "lacking", ["Modality", "SliceThickness", "SpecificCharacterSet", "PatientID", "SeriesDescription"]
)
def test_images_may_lack_what_no_place_depends_on(tmp_path: Path, lacking: str) -> None:
    files = saved(phase_series("pv", **{lacking: None}), tmp_path / "ct")
    write_dicom(files, two_lesions(), two_measured(), tmp_path)
    measures = (
        pydicom.dcmread(tmp_path / "one_seg.dcm").SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    )
    assert (measures.PixelSpacing, measures.SpacingBetweenSlices) == ([6, 5], 5)


def test_what_else_a_header_holds_is_not_taken_over(tmp_path: Path) -> None:
    slices = phase_series("pv", patient="MRN-4711")
    plant(slices[0])  # the lowest, which speaks for all
    write_dicom(saved(slices, tmp_path / "ct"), two_lesions(), two_measured(), tmp_path)
    for file in ("one_seg.dcm", "one_sr.dcm"):
        planted = {
            e.keyword for e in pydicom.dcmread(tmp_path / file).iterall() if "PLANTED" in str(e.value).upper()
        }
        assert planted <= {*PATIENT_AND_STUDY, *OPTIONAL}
        assert "PatientName" in planted


def refuse(files: list[Path], sentence: str, place: Path, lesions: sitk.Image | None = None) -> None:
    """See that nothing is written, with that sentence."""
    with pytest.raises(InputError, match=sentence):
        write_dicom(files, two_lesions() if lesions is None else lesions, two_measured(), place)
    assert list(place.glob("*one_*")) == []


def test_a_lacking_instance_is_refused(tmp_path: Path) -> None:
    files = saved(phase_series("pv"), tmp_path / "ct")
    refuse(files[:5] + files[6:], "case one, pv: expected 12 images .* found 11; the DICOM", tmp_path)


def test_an_instance_of_another_plane_is_refused(tmp_path: Path) -> None:
    slices = phase_series("pv")
    slices[5].ImagePositionPatient = list(slices[4].ImagePositionPatient)
    refuse(saved(slices, tmp_path / "ct"), "plane 6 of the labels' grid is no image", tmp_path)


def test_another_grid_is_refused(tmp_path: Path) -> None:
    lesions = two_lesions()
    lesions.SetOrigin((0.0, -80.0, 50.0))
    refuse(saved(phase_series("pv"), tmp_path / "ct"), "plane 1 of the labels' grid", tmp_path, lesions)


@pytest.mark.parametrize(
    "lacking", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows"]
)
def test_images_without_a_place_are_refused(tmp_path: Path, lacking: str) -> None:
    refuse(
        saved(phase_series("pv", **{lacking: None}), tmp_path / "ct"), "plane 1 of the labels' grid", tmp_path
    )


def test_a_grid_of_several_series_is_refused(tmp_path: Path) -> None:
    slices = phase_series("pv")
    slices[11].SeriesInstanceUID = "1.2.3"
    refuse(saved(slices, tmp_path / "ct"), "made of 2 series .SeriesInstanceUID differs", tmp_path)


def test_images_without_a_frame_of_reference_are_refused(tmp_path: Path) -> None:
    slices = phase_series("pv", FrameOfReferenceUID=None)
    refuse(saved(slices, tmp_path / "ct"), "have no FrameOfReferenceUID", tmp_path)


def test_a_resampled_volume_is_refused(tmp_path: Path) -> None:
    slices = phase_series("pv")
    for k, item in enumerate(slices):  # a gantry tilt
        item.ImagePositionPatient[1] += k
    saved(slices, tmp_path / "ct")
    ((tilted,),) = [volumes_of(found) for found in scan_tree(tmp_path / "ct").series]
    with pytest.raises(InputError, match="case one, pv: its slices were resampled"):
        source_files(resample_if_irregular(tilted, on_request=True), "case one, pv")


def test_a_volume_has_one_file_a_plane(tmp_path: Path) -> None:
    saved(phase_series("pv"), tmp_path / "ct")
    ((volume,),) = [volumes_of(found) for found in scan_tree(tmp_path / "ct").series]
    assert [path.name for path in source_files(volume, "case one, pv")] == [
        f"{k:03d}" for k in range(SHAPE[0])
    ]
