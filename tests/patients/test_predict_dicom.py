"""`predict` on DICOM writes DICOM: what it refers to, what is refused, and what a failure leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_phantom import AXIAL, CORONAL, OBLIQUE, phase_series, save, uid
from dicom_results import frames, two_lesions
from planted import leaks

from nnunet_multiphase.patients.dicom_results import numbered_lesions
from nnunet_multiphase.prediction.prepare import prepare_case


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("predicted") / "tree"
    for phase, word in (("art", "arteriell"), ("pv", "portal venous")):
        save(phase_series(phase, patient="MRN-4711", description=word), place)
    return place


def written(out: Path) -> list[str]:
    return sorted(path.name for path in out.glob("*.dcm"))


def test_results_refer_to_the_series_as_the_pacs_has_it(predict, tree: Path, tmp_path: Path) -> None:
    assert predict(tree)[0] == 0
    assert written(tmp_path / "out") == ["patient_001_seg.dcm", "patient_001_sr.dcm"]
    seg = pydicom.dcmread(tmp_path / "out" / "patient_001_seg.dcm")
    assert (seg.PatientID, seg.StudyInstanceUID) == ("MRN-4711", uid("MRN-4711", "first"))
    # Planes 4, 5 and 6 of lesion 1 and plane 2 of lesion 2; instances count from 1.
    assert frames(seg).keys() == {
        (number, str(uid("MRN-4711", "first", "pv", k + 1))) for number, k in ((1, 4), (1, 5), (1, 6), (2, 2))
    }


def test_the_report_tells_what_the_terminal_does(predict, tree: Path, tmp_path: Path) -> None:
    assert predict(tree)[0] == 0
    said = pydicom.dcmread(tmp_path / "out" / "patient_001_sr.dcm").ContentSequence[-1].TextValue
    assert said.endswith("To know before relying on it: (1) CHECK: Before you read on: no liver is known.")


def test_the_terminal_does_not_identify(predict, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(tree)[0] == 0
    told = capsys.readouterr()
    assert "patient_001_sr.dcm" in told.out
    assert leaks((told.out + told.err).encode()) == set()


def test_no_dicom_writes_none_and_leaves_no_older_one(predict, tree: Path, tmp_path: Path) -> None:
    predict(tree)
    assert predict(tree, "--no-dicom")[0] == 0
    assert written(tmp_path / "out") == []


def test_one_patients_trouble_is_told_and_costs_no_other(
    predict, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slices = phase_series("pv", patient="P0", description="portal venous")
    for item in slices:
        del item.FrameOfReferenceUID
    save(slices, tmp_path / "other")
    status, seen = predict(tmp_path / "other", tree)
    assert (status, len(seen)) == (1, 2)
    (spoilt,) = {"patient_001", "patient_002"} - {name[:11] for name in written(tmp_path / "out")}
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: case {spoilt}: the labels and the table are written, the DICOM results are not (--no-dicom does without): "
        "pv: its images have no FrameOfReferenceUID, which DICOM results refer to; the DICOM segmentation and report are "
        "not written"
    )
    assert (tmp_path / "out" / f"{spoilt}.nii.gz").exists()


@pytest.mark.parametrize("way", ["tree", "series"])
def test_a_phase_that_dicom_lacks_is_asked_for_where_it_comes_from(
    predict, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    inputs: list[object] = [tree]
    if way == "series":
        save(phase_series("pv"), tmp_path / "s1")
        inputs = ["--phase", f"pv={tmp_path / 's1'}", "--case", "one"]
    status, _ = predict(*inputs, prepare=lambda case: prepare_case(case, ("art", "pv", "dl")))
    assert status == 2
    said = capsys.readouterr().err.splitlines()[-1]
    table = tmp_path / "out" / "imported_series.csv"
    if way == "tree":
        assert f"lacks dl; no series was taken for it: see {table}, correct its columns phase and use" in said
        assert table.exists()
    else:
        assert "lacks art, dl; give its file with --phase PHASE=FILE, or pass --missing fill" in said
    assert "add the file" not in said


def test_a_tag_that_cannot_be_read_is_told_without_its_value(
    predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    for path in (tmp_path / "tree").iterdir():  # PatientName of a type that there is not
        path.write_bytes(path.read_bytes().replace(b"\x10\0\x10\0PN", b"\x10\0\x10\0XX"))
    assert predict(tmp_path / "tree")[0] == 1
    said = capsys.readouterr().err
    assert "a tag of its images may be damaged; export them again" in said
    assert "Doe" not in said
    assert (tmp_path / "out" / "patient_001.nii.gz").exists()


def test_a_resampled_reference_gets_no_dicom_results(
    predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slices = phase_series("pv", description="portal venous")
    for k, item in enumerate(slices):  # a gantry tilt
        item.ImagePositionPatient[1] += k
    save(slices, tmp_path / "tree")
    assert predict(tmp_path / "tree") == (2, [])
    assert predict(tmp_path / "tree", "--resample-irregular")[0] == 1
    assert "does without): pv: its slices were resampled to an even grid" in capsys.readouterr().err
    assert written(tmp_path / "out") == []


def test_a_series_folder_as_a_phase_gives_dicom_too(predict, tmp_path: Path) -> None:
    save(phase_series("pv"), tmp_path / "s1")
    assert predict("--phase", f"pv={tmp_path / 's1'}", "--case", "one")[0] == 0
    assert written(tmp_path / "out") == ["one_seg.dcm", "one_sr.dcm"]


def test_a_reference_that_is_no_dicom_is_told(
    predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(phase_series("art"), tmp_path / "s1")
    (tmp_path / "pv.nii.gz").touch()
    options = [
        "--phase",
        f"art={tmp_path / 's1'}",
        "--phase",
        f"pv={tmp_path / 'pv.nii.gz'}",
        "--case",
        "one",
    ]
    assert predict(*options)[0] == 1
    assert (
        "does without): pv: the reference phase came from no DICOM; give its DICOM" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--store"], "--store needs --dicomweb URL"),
        (["--store", "--no-dicom", "--dicomweb", "http://x", "--study", "1.2"], "--no-dicom writes none"),
        (["--dicom"], "is no DICOM, so there is no series that a DICOM result could refer to"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    predict, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    (tmp_path / "one").mkdir()
    assert predict(tmp_path / "one", *options) == (2, [])
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE, CORONAL])
def test_lesions_are_numbered_on_the_grid_as_stored(orientation: tuple) -> None:
    lesions = two_lesions(orientation)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(numbered_lesions(lesions > 0, (1,))), sitk.GetArrayFromImage(lesions)
    )
    assert numbered_lesions(lesions, (1,)).GetDirection() == lesions.GetDirection()


def test_equally_large_lesions_are_numbered_from_the_feet(tmp_path: Path) -> None:
    labels = np.zeros((6, 8, 8), np.uint8)
    labels[1, 2, 2] = labels[4, 2, 2] = 1
    image = sitk.GetImageFromArray(labels)
    image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, -1))  # its first plane is the head's
    numbers = sitk.GetArrayFromImage(numbered_lesions(image, (1,)))
    assert (numbers[4, 2, 2], numbers[1, 2, 2]) == (1, 2)
