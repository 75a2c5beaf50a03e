"""Multi-frame CT: every frame is a slice, with its own place, time and rescaling."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_phantom import abdomen_hu, lesion_mask, make_seg, phase_series, save, uid
from enhanced_ct import enhanced, group
from packaging.version import Version
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import EnhancedCTImageStorage, JPEGLSLossless, RLELossless

from nnunet_multiphase.dicom.kind import kind_of
from nnunet_multiphase.dicom.scan import scan_tree
from nnunet_multiphase.dicom.volumes import Volume, volumes_of
from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree
from nnunet_multiphase.volumes.volume_file import read_volume


def imported(items: Sequence[Dataset], tmp_path: Path) -> Summary:
    save(items, tmp_path / "tree")
    return import_tree(tmp_path / "tree", tmp_path / "raw")


def written(tmp_path: Path, name: str = "pv") -> sitk.Image:
    return sitk.ReadImage(str(tmp_path / "raw" / "patient_001" / f"{name}.nii.gz"))


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["upwards", "downwards"])
@pytest.mark.parametrize("compressed", [None, RLELossless, JPEGLSLossless])
def test_frames_lie_where_single_slices_would(order: slice, compressed: str | None, tmp_path: Path) -> None:
    item = enhanced(phase_series("pv", description="pv")[order])
    if compressed:
        item.compress(compressed, generate_instance_uid=False)
    assert imported([item], tmp_path).failures == ()
    image = written(tmp_path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), abdomen_hu("pv"))
    assert image.GetOrigin() == pytest.approx((-100, -80, 50))
    assert image.GetSpacing() == pytest.approx((5, 6, 5))


def test_each_frame_has_its_own_rescaling(tmp_path: Path) -> None:
    slices = phase_series("pv", description="pv")
    imported([enhanced(slices, slopes=[1, 2] * 6)], tmp_path)
    hu = sitk.GetArrayFromImage(written(tmp_path)).astype(int)
    np.testing.assert_array_equal(hu[0], abdomen_hu("pv")[0])
    np.testing.assert_array_equal(hu[1], 2 * (abdomen_hu("pv")[1].astype(int) + 1024) - 1024)


def test_two_phases_in_one_file_are_two_volumes(tmp_path: Path) -> None:
    slices = phase_series("art", description="liver 2 phases") + phase_series("pv", first_instance=13)
    summary = imported([enhanced(slices)], tmp_path)
    assert summary.failures == ()
    for phase in ("art", "pv"):
        np.testing.assert_array_equal(sitk.GetArrayFromImage(written(tmp_path, phase)), abdomen_hu(phase))


def test_frames_at_one_place_and_time_are_no_copies_of_each_other(tmp_path: Path) -> None:
    slices = phase_series("art", description="liver 2 phases") + phase_series("pv", first_instance=13)
    item = enhanced(slices)
    for frame in item.PerFrameFunctionalGroupsSequence:
        del frame.FrameContentSequence
    save([item], tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True).table
    with table.open(newline="", encoding="utf-8") as stream:
        assert sum(int(row["slices"]) for row in csv.DictReader(stream)) == 24


def test_a_phase_in_two_files_is_one_volume(tmp_path: Path) -> None:
    slices = phase_series("pv", description="pv")
    halves = [enhanced(slices[:6]), enhanced(slices[6:])]
    halves[1].InstanceNumber = 2
    imported(halves, tmp_path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written(tmp_path)), abdomen_hu("pv"))


def concatenation(slices: list[FileDataset], *sizes: int) -> list[FileDataset]:
    """Share the frames of one image out among files."""
    files, first = [], 0
    for number, size in enumerate(sizes, start=1):
        part = enhanced(slices[first : first + size])
        part.SeriesInstanceUID = uid("series", slices[0].SeriesInstanceUID)
        part.InstanceNumber = part.InConcatenationNumber = number
        part.ConcatenationUID, part.InConcatenationTotalNumber = uid("concatenation"), len(sizes)
        part.ConcatenationFrameOffsetNumber = first
        files.append(part)
        first += size
    return files


def scanned(items: Sequence[Dataset], folder: Path) -> list[Volume]:
    save(items, folder)
    return [volume for series in scan_tree(folder).series for volume in volumes_of(series)]


def test_a_concatenation_of_unequal_files_without_times_is_parted_by_its_order(tmp_path: Path) -> None:
    files = concatenation(phase_series("art") + phase_series("pv", first_instance=13), 10, 10, 4)
    for frame in (frame for part in files for frame in part.PerFrameFunctionalGroupsSequence):
        del frame.FrameContentSequence
    art, pv = scanned(files, tmp_path)
    for volume, first in ((art, 0), (pv, 12)):
        assert [part.instance for part in volume.slices] == list(range(first, first + 12))
        assert (volume.blocked, volume.doubts) == ((), ())


@pytest.mark.parametrize("total", [3, None])
def test_a_concatenation_without_one_of_its_files_is_doubted(total: int | None, tmp_path: Path) -> None:
    first, second, third = concatenation(phase_series("pv"), 4, 4, 4)
    if total is None:  # it does not say how many there are: the numbers tell that the first lacks
        del second.InConcatenationTotalNumber, third.InConcatenationTotalNumber
    (volume,) = scanned([second, third] if total is None else [first, second], tmp_path)
    (doubt,) = volume.doubts
    assert doubt.startswith("1 file(s) of its concatenation are not in the tree")


@pytest.mark.parametrize(
    ("technique", "kind"),
    [("MAX_IP", "a projection (MIP)"), ("CURVED_MPR", "(MPR)"), ("SURFACE_RENDER", "a volume rendering")],
)
def test_the_technique_by_which_frames_were_computed_is_read(
    technique: str, kind: str, tmp_path: Path
) -> None:
    item = enhanced(phase_series("pv"))
    shared = item.SharedFunctionalGroupsSequence[0].CTImageFrameTypeSequence[0]
    shared.FrameType, shared.VolumeBasedCalculationTechnique = (
        ["DERIVED", "PRIMARY", "VOLUME", "NONE"],
        technique,
    )
    (volume,) = scanned([item], tmp_path)
    assert kind in kind_of(volume).doubts[0]


def test_phase_that_the_frames_name_is_read(tmp_path: Path) -> None:
    item = enhanced(phase_series("nc", description="liver"))
    item.SharedFunctionalGroupsSequence[0].ContrastBolusUsageSequence = group(
        ContrastBolusAgentPhase="PORTAL_VENOUS"
    )
    imported([item], tmp_path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written(tmp_path)), abdomen_hu("nc"))


@pytest.mark.skipif(
    Version(hd.__version__) < Version("0.28"), reason="highdicom before 0.28 converts no series itself"
)
def test_series_that_was_converted_to_one_file_is_read(tmp_path: Path) -> None:
    slices = phase_series("pv", description="pv")
    for item in slices:
        for name in (
            *("AccessionNumber", "PatientBirthDate", "PatientSex", "StudyID", "ReferringPhysicianName"),
            *("Manufacturer", "SoftwareVersions", "DeviceSerialNumber", "PositionReferenceIndicator"),
        ):
            setattr(item, name, "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        item = hd.legacy.LegacyConvertedEnhancedCTImage(slices, uid("converted"), 7, uid("converted file"), 1)
    item.SeriesDescription = "pv"
    assert imported([item], tmp_path).failures == ()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written(tmp_path)), abdomen_hu("pv"))


def test_segmentation_on_frames_lands_on_them(tmp_path: Path) -> None:
    slices = phase_series("art", description="liver 2 phases") + phase_series("pv", first_instance=13)
    item = enhanced(slices)
    seg = make_seg(slices[12:], {"Mass": lesion_mask()})  # drawn on pv: frames 13 to 24
    numbers = {str(part.SOPInstanceUID): number for number, part in enumerate(slices, start=1)}
    for reference in seg.iterall():
        if reference.keyword == "SourceImageSequence":
            for image in reference.value:
                image.ReferencedFrameNumber = numbers[image.ReferencedSOPInstanceUID]
                image.ReferencedSOPInstanceUID = item.SOPInstanceUID
    for series in seg.ReferencedSeriesSequence:
        series.SeriesInstanceUID = item.SeriesInstanceUID
        series.ReferencedInstanceSequence = group(
            ReferencedSOPClassUID=EnhancedCTImageStorage, ReferencedSOPInstanceUID=item.SOPInstanceUID
        )
    assert imported([item, seg], tmp_path).failures == ()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written(tmp_path, "lesions_pv")), lesion_mask())
    assert not (tmp_path / "raw" / "patient_001" / "lesions_art.nii.gz").exists()


def test_frames_without_places_are_refused(tmp_path: Path) -> None:
    item = enhanced(phase_series("pv", description="pv"))
    item.PerFrameFunctionalGroupsSequence = item.PerFrameFunctionalGroupsSequence[:5]
    summary = imported([item], tmp_path)
    assert any(
        "multi-frame images whose frames have no place of their own" in line for line in summary.remarks
    )
    assert summary.failures == ("case patient_001: no series can be used, see the series table",)


def test_cut_off_multi_frame_file_is_refused(tmp_path: Path) -> None:
    item = enhanced(phase_series("pv", description="pv"))
    item.PixelData = item.PixelData[: -3 * 32 * 32 * 2]
    (failure,) = imported([item], tmp_path).failures
    assert "images have pixels that cannot be read" in failure


def test_setup_takes_a_folder_with_one_multi_frame_file(tmp_path: Path) -> None:
    save([enhanced(phase_series("pv"))], tmp_path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_volume(tmp_path)), abdomen_hu("pv"))
