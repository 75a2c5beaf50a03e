"""Folders of DICOM files given to setup: the same reader and the same refusals as in import-dicom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_phantom import abdomen_hu, lesion_mask, make_series, phase_series, save
from pydicom.dataset import FileDataset

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.dicom.kind import with_kinds
from nnunet_multiphase.dicom.scan import scan_tree
from nnunet_multiphase.dicom.volumes import volumes_of
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import MaskFiles, read_mask
from nnunet_multiphase.volumes.volume_file import read_volume


def moved(steps_mm: object, **options: object) -> list[FileDataset]:
    """Make a phase whose slice k lies where `steps_mm(k)` says: (x, y, z) mm."""
    items = phase_series("pv", description="pv", **options)
    for k, item in enumerate(items):
        item.ImagePositionPatient = [float(v) for v in steps_mm(k)]  # type: ignore[operator]
    return items


def test_folder_is_read_in_hu_on_its_grid(tmp_path: Path) -> None:
    save(phase_series("pv"), tmp_path)
    image = read_volume(tmp_path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), abdomen_hu("pv"))
    assert image.GetSpacing() == (5.0, 6.0, 5.0)
    assert image.GetOrigin() == (-100.0, -80.0, 50.0)


REFUSED = {
    "tilt": moved(lambda k: (0, 2 * k, 5 * k)),
    "tilt the other way": moved(lambda k: (0, -1.2 * k, 5 * k)),
    "sideways": moved(lambda k: (0 if k < 6 else 12, 0, 5 * k)),
    "gap": phase_series("pv")[:5] + phase_series("pv")[7:],
    "uneven": moved(lambda k: (0, 0, 5 * k + (2 if k % 3 == 0 else 0))),
    "another modality": phase_series("pv", Modality="MR"),
    "a scout": phase_series("pv", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    "an iodine map": phase_series("pv", description="Iodine map"),
    "a projection": phase_series("pv", ImageType=["DERIVED", "SECONDARY", "MIP"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_import_refuses_is_refused_with_its_words(name: str, tmp_path: Path) -> None:
    save(REFUSED[name], tmp_path)
    (volume,) = with_kinds(volumes_of(*scan_tree(tmp_path).series))
    said = "; ".join((*volume.blocked, *volume.doubts))
    with pytest.raises(InputError) as error:
        read_volume(tmp_path)
    assert said
    assert str(error.value).startswith(f"{tmp_path}: {said}")


def test_one_step_rounded_to_a_tenth_is_taken(tmp_path: Path) -> None:
    # 1.6 mm, and one step of 1.5: what positions written to 0.1 mm look like.
    save(moved(lambda k: (0, 0, round(1.6 * k - 0.1 * (k > 7), 1))), tmp_path)
    assert read_volume(tmp_path).GetSize() == (32, 32, 12)


def test_files_without_preamble_are_taken(tmp_path: Path) -> None:
    save(phase_series("pv"), tmp_path)
    for path in list(tmp_path.iterdir()):
        path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_volume(tmp_path)), abdomen_hu("pv"))


def test_scout_and_report_beside_the_volume_do_not_count(tmp_path: Path) -> None:
    save(phase_series("pv"), tmp_path)
    save(phase_series("pv", series="scout", ImageType=["ORIGINAL", "LOCALIZER"])[:2], tmp_path)
    save(phase_series("pv", series="dose", Modality="SR")[:1], tmp_path)
    assert read_volume(tmp_path).GetSize() == (32, 32, 12)


@pytest.mark.parametrize(
    ("items", "found"),
    [
        (phase_series("art") + phase_series("pv"), "2 DICOM series"),
        (
            phase_series("art", series="one", AcquisitionNumber=1)
            + phase_series("pv", series="one", AcquisitionNumber=2, first_instance=13),
            "2 volumes in one DICOM series",
        ),
    ],
)
def test_two_volumes_in_a_folder_are_refused(items: list[FileDataset], found: str, tmp_path: Path) -> None:
    save(items, tmp_path)
    with pytest.raises(InputError, match=f"holds {found}: expected one; keep one, or use"):
        read_volume(tmp_path)


def test_cut_off_file_is_refused(tmp_path: Path) -> None:
    save(phase_series("pv"), tmp_path)
    file = sorted(tmp_path.iterdir())[3]
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(InputError, match="1 of 12 images have pixels that cannot be read"):
        read_volume(tmp_path)


def test_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnunet_multiphase.dicom.extra.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "nnunet-multiphase\[dicom\]"'):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    "tags",
    [
        {"RescaleSlope": None, "RescaleIntercept": None},
        {"RescaleSlope": 1, "RescaleIntercept": 0},
        {"RescaleSlope": 1, "RescaleIntercept": -1024},  # copied from the images
        {"Modality": "OT", "RescaleIntercept": 0},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "RescaleIntercept": 0},
    ],
)
@pytest.mark.parametrize("value", [1, 255])
def test_mask_of_dicom_files_is_read_exactly(tags: dict[str, object], value: int, tmp_path: Path) -> None:
    save(phase_series("pv"), tmp_path / "phase")
    # Stored as it is: the phantom adds 1024.
    save(make_series(lesion_mask() * float(value) - 1024, **tags), tmp_path / "mask")
    files = MaskFiles((tmp_path / "mask",), values=None)
    mask = sitk.GetArrayFromImage(read_mask(files, read_volume(tmp_path / "phase"), "pv"))
    np.testing.assert_array_equal(mask, lesion_mask())


def test_check_says_what_became_air(tmp_path: Path) -> None:
    hu = abdomen_hu("pv")
    _, y, x = np.indices(hu.shape)
    items = phase_series("pv")
    for item, plane, outside in zip(items, hu, (y - 15.5) ** 2 + (x - 15.5) ** 2 > 15.5**2, strict=True):
        item.PixelData = np.where(outside, 63536, plane + 1024).astype("<u2").tobytes()
        item.BitsStored, item.HighBit = 16, 15
    save(items, tmp_path / "pv")
    report = check_case(CaseFolder("c", tmp_path, "p", {"pv": tmp_path / "pv"}, "pv", None, None))
    assert report.problems == ()
    assert any("padding of -3024 HU became air" in warning for warning in report.warnings)
