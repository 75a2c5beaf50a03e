"""Slicer's segmentations: cropped, in layers, with named segments; and files that share their name alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from oblique_volume import oblique_volume, values

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import GridError, MaskFiles, read_mask
from nnunet_multiphase.volumes.volume_file import read_volume


def slicer_file(path: Path, crop: sitk.Image, *segments: tuple[str, int, int], **more: str) -> Path:
    """Write a segmentation as Slicer does: names, values and layers of its segments in the header."""
    for number, (name, value, layer) in enumerate(segments):
        for key, text in (("Name", name), ("LabelValue", str(value)), ("Layer", str(layer))):
            crop.SetMetaData(f"Segment{number}_{key}", text)
    for key, text in more.items():
        crop.SetMetaData(key, text)
    sitk.WriteImage(crop, str(path), True)
    return path


def drawn(label: int = 1) -> sitk.Image:
    """Cut x 2..5, y 3..6, z 1..2 out of an empty mask with three voxels: (3, 4, 1), (4, 4, 1) and (5, 6, 2)."""
    mask = sitk.Image(oblique_volume().GetSize(), sitk.sitkUInt8)
    mask.CopyInformation(oblique_volume())
    for voxel in ((3, 4, 1), (4, 4, 1), (5, 6, 2)):
        mask[voxel] = label
    return mask[2:6, 3:7, 1:3]


EXPECTED = [(1, 4, 3), (1, 4, 4), (2, 6, 5)]  # z, y, x


def voxels_of(files: MaskFiles) -> list[tuple[int, ...]]:
    mask = read_mask(files, oblique_volume(), "pv.nii.gz")
    return [tuple(int(i) for i in index) for index in np.argwhere(values(mask))]


@pytest.mark.parametrize("label", [1, 3])
def test_slicers_cropped_segmentation_is_put_where_its_header_says(tmp_path: Path, label: int) -> None:
    path = slicer_file(tmp_path / "lesions_pv.seg.nrrd", drawn(label), ("Segment_1", label, 0))
    assert voxels_of(MaskFiles((path,), organ="lesions")) == EXPECTED


def test_slicers_note_of_where_the_crop_begins_is_believed(tmp_path: Path) -> None:
    key = "Segmentation_ReferenceImageExtentOffset"
    path = slicer_file(tmp_path / "a.seg.nrrd", drawn(), ("tumor", 1, 0), **{key: "2 3 1"})
    assert voxels_of(MaskFiles((path,), organ="lesions")) == EXPECTED
    path = slicer_file(tmp_path / "b.seg.nrrd", drawn(), ("tumor", 1, 0), **{key: "2 3 40"})
    with pytest.raises(GridError, match="none of that phase's"):
        voxels_of(MaskFiles((path,), organ="lesions"))


def test_a_crop_between_the_voxels_is_refused(tmp_path: Path) -> None:
    crop = drawn()
    crop.SetOrigin([v + 0.3 for v in crop.GetOrigin()])
    path = slicer_file(tmp_path / "lesions_pv.seg.nrrd", crop, ("tumor", 1, 0))
    with pytest.raises(GridError, match=r"lesions_pv\.seg\.nrrd has another geometry than pv\.nii\.gz"):
        voxels_of(MaskFiles((path,), organ="lesions"))


def test_a_crop_that_reaches_beyond_the_phase_is_refused(tmp_path: Path) -> None:
    crop = drawn()
    crop.SetOrigin(oblique_volume().TransformIndexToPhysicalPoint((7, 3, 1)))
    path = slicer_file(tmp_path / "lesions_pv.seg.nrrd", crop, ("tumor", 1, 0))
    with pytest.raises(GridError):
        voxels_of(MaskFiles((path,), organ="lesions"))


def test_a_cropped_mask_that_slicer_did_not_write_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(drawn(), str(tmp_path / "lesions_pv.nrrd"))
    with pytest.raises(InputError):
        voxels_of(MaskFiles((tmp_path / "lesions_pv.nrrd",), organ="lesions"))


def test_slicers_name_and_crop_without_its_segments_is_put_where_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "lesions_pv.seg.nrrd"
    sitk.WriteImage(drawn(), str(path))  # two slices: less than a volume may have
    assert voxels_of(MaskFiles((path,), organ="lesions")) == EXPECTED
    sitk.WriteImage(sitk.Cast(drawn(), sitk.sitkFloat32) * 0.7, str(path))
    with pytest.raises(InputError, match=r"expected whole numbers, found 0\.7"):
        voxels_of(MaskFiles((path,), organ="lesions"))
    sitk.WriteImage(drawn(44), str(path))
    with pytest.raises(InputError, match="found 0, 44"):
        voxels_of(MaskFiles((path,), organ="lesions"))


def test_layers_without_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lesions_pv.seg.nrrd"
    sitk.WriteImage(sitk.Compose(drawn(), drawn()), str(path))
    with pytest.raises(InputError, match=r"several layers and no names .* export one segment alone"):
        voxels_of(MaskFiles((path,), organ="lesions"))


def test_several_segments_are_refused_by_name(tmp_path: Path) -> None:
    path = slicer_file(tmp_path / "x.seg.nrrd", drawn(2), ("liver", 1, 0), ("tumour", 2, 0))
    with pytest.raises(InputError, match=r"segments 1 liver, 2 tumour: expected one; .*--lesion-labels"):
        voxels_of(MaskFiles((path,), organ="lesions"))
    assert voxels_of(MaskFiles((path,), (2,), (1,), organ="lesions")) == EXPECTED


def test_segments_that_overlap_lie_in_layers(tmp_path: Path) -> None:
    liver = drawn() * 0 + 1
    path = slicer_file(
        tmp_path / "x.seg.nrrd", sitk.Compose(liver, drawn(2)), ("liver", 1, 0), ("tumour", 2, 1)
    )
    assert voxels_of(MaskFiles((path,), (2,), organ="lesions")) == EXPECTED


def test_one_number_in_two_layers_is_refused(tmp_path: Path) -> None:
    path = slicer_file(tmp_path / "x.seg.nrrd", sitk.Compose(drawn(), drawn()), ("a", 1, 0), ("b", 1, 1))
    with pytest.raises(InputError, match="segments 1 a, 1 b"):
        voxels_of(MaskFiles((path,), organ="lesions"))


def test_a_liver_where_lesions_are_expected_is_refused(tmp_path: Path) -> None:
    path = slicer_file(tmp_path / "lesions_pv.seg.nrrd", drawn(), ("Liver", 1, 0))
    with pytest.raises(InputError, match="segment 1 Liver where lesions are expected"):
        voxels_of(MaskFiles((path,), organ="lesions"))


@pytest.mark.parametrize("name", ["pv.mhd", "pv.nhdr", "pv.mha", "pv.nrrd"])
def test_a_nifti_file_converted_with_its_notes_is_read_and_missed_where_cut_off(
    tmp_path: Path, name: str
) -> None:
    sitk.WriteImage(oblique_volume(), str(tmp_path / "was.nii.gz"))
    noted = sitk.ReadImage(
        str(tmp_path / "was.nii.gz")
    )  # with NIfTI's fields, bitpix and vox_offset among them
    assert "bitpix" in noted.GetMetaDataKeys()
    sitk.WriteImage(noted, str(tmp_path / name))
    assert np.array_equal(values(read_volume(tmp_path / name)), values(oblique_volume()))
    data = next((p for p in tmp_path.glob("pv*raw*")), tmp_path / name)
    data.write_bytes(data.read_bytes()[:-40])
    with pytest.raises(InputError):
        read_volume(tmp_path / name)
