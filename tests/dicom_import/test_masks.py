"""Masks: SEG and RTSTRUCT land on the volume they were drawn on, voxel for voxel."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pytest
from dicom_phantom import (
    AXIAL,
    OBLIQUE,
    abdomen_hu,
    lesion_mask,
    make_rtstruct,
    make_seg,
    phase_series,
    save,
    uid,
)
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree

pytestmark = pytest.mark.slow


def run(tmp_path: Path) -> Summary:
    return import_tree(tmp_path / "tree", tmp_path / "raw")


def written(tmp_path: Path, name: str) -> np.ndarray:
    """Read a mask of the first case; (z, y, x)."""
    return np.asarray(nib.load(tmp_path / "raw" / "patient_001" / f"{name}.nii.gz").dataobj).transpose()


def masks_in(tmp_path: Path) -> list[str]:
    return sorted(path.name[:-7] for path in (tmp_path / "raw" / "patient_001").glob("l*_*.nii.gz"))


def box(*bounds: slice) -> np.ndarray:
    mask = np.zeros((12, 32, 32), np.uint8)
    mask[bounds] = 1
    return mask


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_seg_lands_on_its_phase_voxel_for_voxel(orientation: tuple[float, ...], tmp_path: Path) -> None:
    art = phase_series("art", description="art", orientation=orientation)
    pv = phase_series("pv", description="pv", orientation=orientation)
    save([*art, *pv, make_seg(art, {"Mass": lesion_mask()})], tmp_path / "tree")
    run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_art"]
    np.testing.assert_array_equal(written(tmp_path, "lesions_art"), lesion_mask())
    image, mask = (nib.load(tmp_path / "raw" / "patient_001" / f"{n}.nii.gz") for n in ("art", "lesions_art"))
    np.testing.assert_array_equal(image.affine, mask.affine)


def test_seg_finds_its_phase_in_a_stacked_series(tmp_path: Path) -> None:
    art = phase_series("art", series="both", AcquisitionNumber=1)
    pv = phase_series("pv", series="both", AcquisitionNumber=2, first_instance=13)
    save([*art, *pv, make_seg(pv, {"Mass": lesion_mask()})], tmp_path / "tree")
    run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_pv"]
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), lesion_mask())


def test_lesion_segments_are_united_and_the_liver_includes_them(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    mass, necrosis = box(np.s_[3], np.s_[5:8], np.s_[5:8]), box(np.s_[3:5], np.s_[7:9], np.s_[7:9])
    liver, vein = box(np.s_[2:4], np.s_[4:6], np.s_[4:20]), box(np.s_[9], np.s_[20:22], np.s_[20:22])
    masks = {"Mass": mass, "Necrosis": necrosis, "Liver": liver, "Portal vein": vein}
    save([*pv, make_seg(pv, masks)], tmp_path / "tree")
    run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_pv", "liver_pv"]
    # 9 voxels, and 8, of which the corner (3, 7, 7) is common
    assert written(tmp_path, "lesions_pv").sum() == 9 + 8 - 1
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), mass | necrosis)
    np.testing.assert_array_equal(written(tmp_path, "liver_pv"), liver | mass | necrosis)


def test_two_seg_files_are_united(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    one, two = box(np.s_[3], np.s_[5:8], np.s_[5:8]), box(np.s_[8], np.s_[5:8], np.s_[5:8])
    save([*pv, make_seg(pv, {"tumor 1": one}), make_seg(pv, {"tumor 2": two})], tmp_path / "tree")
    run(tmp_path)
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), one | two)


def strip_sources(seg: FileDataset) -> FileDataset:
    """Take away which images each frame was drawn on, as some programs write it."""
    for frame in seg.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence
    return seg


def test_seg_without_source_images_goes_by_position(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv", orientation=OBLIQUE)
    save([*pv, strip_sources(make_seg(pv, {"Mass": lesion_mask()}))], tmp_path / "tree")
    run(tmp_path)
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), lesion_mask())


def test_seg_with_rows_turned_round_is_turned_back(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    turned = lesion_mask()[:, ::-1, :]
    seg = make_seg(pv, {"Mass": turned})
    # The last row first, running towards -y: the same voxels in space as the mask that is not turned.
    seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient = [
        *(1, 0, 0),
        *(0, -1, 0),
    ]
    for frame in seg.PerFrameFunctionalGroupsSequence:
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        position[1] = float(position[1]) + 31 * 6.0
    save([*pv, seg], tmp_path / "tree")
    run(tmp_path)
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), lesion_mask())


def test_seg_that_may_belong_to_either_stacked_phase_is_not_guessed(tmp_path: Path) -> None:
    art = phase_series("art", series="both", AcquisitionNumber=1)
    pv = phase_series("pv", series="both", AcquisitionNumber=2, first_instance=13)
    seg = strip_sources(make_seg(pv, {"Mass": lesion_mask()}))
    seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence = []
    save([*art, *pv, seg], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == []
    (failure,) = summary.failures
    assert "fits the planes of several series" in failure
    assert "--mask-table" in failure


def test_series_with_lesions_is_used_before_a_thinner_one(tmp_path: Path) -> None:
    thick = phase_series("pv", description="pv", number=1)
    thin = phase_series("pv", description="pv", series="thin", number=2, spacing_mm=(5, 6, 2.5))
    save([*thick, *thin, make_seg(thick, {"Mass": lesion_mask()})], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_pv"]
    assert any("which has a lesion mask" in remark for remark in summary.remarks)


def test_mask_on_a_series_that_cannot_be_used_is_told_as_lost(tmp_path: Path) -> None:
    gap = phase_series("art", description="art")
    save([*gap[:7], *gap[8:], make_seg(gap, {"Mass": lesion_mask()})], tmp_path / "tree")
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "the lesions mask on series" in failure
    assert "is lost" in failure
    assert not (tmp_path / "raw" / "patient_001").exists()


def test_mask_of_a_series_that_is_not_there_is_not_laid_on_another(tmp_path: Path) -> None:
    art = phase_series("art", description="art")
    save([*phase_series("pv", description="pv"), make_seg(art, {"Mass": lesion_mask()})], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == []
    (failure,) = summary.failures
    assert "names images that are not in the tree: add that series" in failure
    assert "--masks-by-planes" in failure


def test_seg_without_a_word_for_lesion_or_liver_is_told(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    save([*pv, make_seg(pv, {"Spleen": lesion_mask()})], tmp_path / "tree")
    assert any("no segment whose label says lesion or liver" in remark for remark in run(tmp_path).remarks)


def test_every_phase_keeps_its_masks(tmp_path: Path) -> None:
    art, pv = (phase_series(phase, description=phase) for phase in ("art", "pv"))
    dl = phase_series("dl", description="delayed")
    liver, on_art = box(np.s_[2:9], np.s_[9:20], np.s_[5:16]), box(np.s_[3], np.s_[5:8], np.s_[5:8])
    masks = [
        make_seg(art, {"Liver": liver, "Mass": on_art}),
        make_seg(pv, {"Mass": lesion_mask()}),
        make_rtstruct(dl, {"GTV": [(4, SQUARE)]}),
    ]
    save([*art, *pv, *dl, *masks], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_art", "lesions_dl", "lesions_pv", "liver_art"]
    np.testing.assert_array_equal(written(tmp_path, "lesions_art"), on_art)
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), lesion_mask())
    np.testing.assert_array_equal(written(tmp_path, "lesions_dl"), box(np.s_[4], np.s_[10:14], np.s_[8:13]))
    np.testing.assert_array_equal(written(tmp_path, "liver_art"), liver | on_art)
    assert summary.remarks == (
        "case patient_001: lesions were drawn on art, pv, dl, all masks are written; "
        "pass setup --several-masks merge (unite them) or reference (use the reference's)",
    )


def test_an_empty_lesion_mask_does_not_hide_another_phases_lesions(tmp_path: Path) -> None:
    art, pv = (phase_series(phase, description=phase) for phase in ("art", "pv"))
    empty = make_seg(pv, {"Liver": lesion_mask(), "Mass": np.zeros_like(lesion_mask())})
    save([*art, *pv, make_seg(art, {"Mass": lesion_mask()}), empty], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_art", "liver_pv"]
    assert summary.remarks == (
        "case patient_001: the lesion mask on pv is empty and was left out; there are lesions on art",
    )


def test_case_without_lesions_is_told(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    said = "case patient_001: no lesion mask; setup needs one, or leaves the case out with --no-mask skip"
    assert said in run(tmp_path).remarks


def test_broken_seg_fails_its_case(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    seg = make_seg(pv, {"Mass": lesion_mask()})
    del seg.SegmentSequence[0].SegmentNumber
    save([*pv, seg], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert failure.startswith("case patient_001: a SEG file cannot be read")


# Corners between voxel centres: which voxels are inside can be counted.
SQUARE = [(7.5, 9.5), (12.5, 9.5), (12.5, 13.5), (7.5, 13.5)]  # x 8..12, y 10..13
HOLE = [(9.5, 10.5), (11.5, 10.5), (11.5, 12.5), (9.5, 12.5)]  # x 10..11, y 11..12


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_contours_are_filled_where_they_were_drawn(orientation: tuple[float, ...], tmp_path: Path) -> None:
    art = phase_series("art", description="art", orientation=orientation)
    pv = phase_series("pv", description="pv", orientation=orientation)
    structure = make_rtstruct(
        pv, {"GTV liver": [(4, SQUARE), (5, SQUARE), (5, HOLE)], "Spleen": [(1, SQUARE)]}
    )
    save([*art, *pv, structure], tmp_path / "tree")
    run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_pv"]
    expected = box(np.s_[4:6], np.s_[10:14], np.s_[8:13])
    expected[5, 11:13, 10:12] = 0
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), expected)


def test_a_triangle_covers_the_voxels_whose_centres_it_holds(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    # Legs of 4.7 from (3.75, 5.75): inside where (x - 4) + (y - 6) < 4.2
    triangle = [(3.75, 5.75), (8.45, 5.75), (3.75, 10.45)]
    save([*pv, make_rtstruct(pv, {"tumor": [(6, triangle)]})], tmp_path / "tree")
    run(tmp_path)
    mask = written(tmp_path, "lesions_pv")
    assert [int(mask[6, y].sum()) for y in range(5, 12)] == [0, 5, 4, 3, 2, 1, 0]
    assert mask.sum() == 15


def test_rtstruct_finds_its_phase_in_a_stacked_series(tmp_path: Path) -> None:
    art = phase_series("art", series="both", AcquisitionNumber=1)
    pv = phase_series("pv", series="both", AcquisitionNumber=2, first_instance=13)
    save([*art, *pv, make_rtstruct(art, {"Liver": [(3, SQUARE)], "Lesion": [(3, HOLE)]})], tmp_path / "tree")
    run(tmp_path)
    assert masks_in(tmp_path) == ["lesions_art", "liver_art"]
    assert written(tmp_path, "liver_art").sum() == 20
    assert written(tmp_path, "lesions_art").sum() == 4


def test_region_drawn_on_both_stacked_phases_is_parted(tmp_path: Path) -> None:
    art = phase_series("art", series="both", AcquisitionNumber=1)
    pv = phase_series("pv", series="both", AcquisitionNumber=2, first_instance=13)
    on_art, on_pv = make_rtstruct(art, {"Liver": [(3, SQUARE)]}), make_rtstruct(pv, {"Liver": [(8, SQUARE)]})
    on_art.ROIContourSequence[0].ContourSequence += on_pv.ROIContourSequence[0].ContourSequence
    save([*art, *pv, on_art], tmp_path / "tree")
    run(tmp_path)
    for phase, plane in (("art", 3), ("pv", 8)):
        expected = box(np.s_[plane], np.s_[10:14], np.s_[8:13])
        np.testing.assert_array_equal(written(tmp_path, f"liver_{phase}"), expected)


def test_seg_and_rtstruct_are_united(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    save(
        [*pv, make_seg(pv, {"Mass": lesion_mask()}), make_rtstruct(pv, {"tumor": [(9, SQUARE)]})],
        tmp_path / "tree",
    )
    run(tmp_path)
    np.testing.assert_array_equal(
        written(tmp_path, "lesions_pv"), lesion_mask() | box(np.s_[9], np.s_[10:14], np.s_[8:13])
    )


def test_contour_across_the_slices_fails_the_case(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    structure = make_rtstruct(pv, {"tumor": [(4, SQUARE)]})
    data = structure.ROIContourSequence[0].ContourSequence[0].ContourData
    data[2] = float(data[2]) + 20
    save([*pv, structure], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "has a contour that is not parallel to the slices" in failure
    assert not (tmp_path / "raw" / "patient_001").exists()


def test_fractional_segment_counts_from_one_half(tmp_path: Path) -> None:
    pv = phase_series("pv", description="pv")
    binary = make_seg(pv, {"Mass": lesion_mask()})
    share = np.where(lesion_mask(), 0.6, 0.4)
    seg = hd.seg.Segmentation(
        source_images=pv,
        pixel_array=share.astype(np.float32),
        segmentation_type="FRACTIONAL",
        segment_descriptions=[hd.seg.SegmentDescription.from_dataset(binary.SegmentSequence[0])],
        series_instance_uid=uid("fractional series"),
        series_number=301,
        sop_instance_uid=uid("fractional"),
        instance_number=1,
        manufacturer="made up",
        manufacturer_model_name="made up",
        software_versions="0",
        device_serial_number="0",
    )
    save([*pv, seg], tmp_path / "tree")
    run(tmp_path)
    np.testing.assert_array_equal(written(tmp_path, "lesions_pv"), lesion_mask())


def test_phantom_lesion_is_as_described() -> None:
    assert lesion_mask().sum() == 3 * 4 * 5 - 1
    assert abdomen_hu("pv").shape == lesion_mask().shape
