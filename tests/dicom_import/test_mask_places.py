"""Where a mask lies: by the series and images it names, by its planes where it names nothing, by the user's table."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import (
    abdomen_hu,
    lesion_mask,
    make_rtstruct,
    make_seg,
    make_series,
    phase_series,
    save,
    uid,
)
from mask_trees import GTV, SQUARE, correct, masks_in, phases, run, series_of, table
from pydicom.dataset import FileDataset

pytestmark = pytest.mark.slow

APART = {"origin": (-100.0, -80.0, 52.0)}  # 2 mm off the other phases' slices, which are 5 mm apart


def silent(seg: FileDataset) -> FileDataset:
    """Take every reference out of a SEG."""
    for frame in seg.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence
    del seg.ReferencedSeriesSequence
    return seg


def silent_rt(structure: FileDataset) -> FileDataset:
    for contour in structure.ROIContourSequence[0].ContourSequence:
        del contour.ContourImageSequence
    return structure


def from_before(seg: FileDataset) -> FileDataset:
    """Give a SEG the UIDs that its images had before they were de-identified."""
    for frame in seg.PerFrameFunctionalGroupsSequence:
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        image.ReferencedSOPInstanceUID = uid("before", image.ReferencedSOPInstanceUID)
    series = seg.ReferencedSeriesSequence[0]
    series.SeriesInstanceUID = uid("before", series.SeriesInstanceUID)
    for image in series.ReferencedInstanceSequence:
        image.ReferencedSOPInstanceUID = uid("before", image.ReferencedSOPInstanceUID)
    return seg


def elsewhere(seg: FileDataset, **tags: str) -> FileDataset:
    """Give a SEG another study or patient; a copy, for it shares its tags with its images."""
    seg = copy.deepcopy(seg)
    for name, value in tags.items():
        setattr(seg, name, value)
    return seg


def test_images_of_the_same_name_in_two_series_are_told_apart_by_the_series(tmp_path: Path) -> None:
    art, pv = phases()
    for a, b in zip(art, pv, strict=True):
        b.SOPInstanceUID = b.file_meta.MediaStorageSOPInstanceUID = a.SOPInstanceUID
    save(art, tmp_path / "tree" / "art")
    save(pv, tmp_path / "tree" / "pv")
    save([make_seg(pv, {"Mass": lesion_mask()})], tmp_path / "tree")
    run(tmp_path)
    assert masks_in(tmp_path) == {"lesions_pv": 59}


def test_images_of_the_same_name_without_their_series_are_not_guessed(tmp_path: Path) -> None:
    art, pv = phases()
    for a, b in zip(art, pv, strict=True):
        b.SOPInstanceUID = b.file_meta.MediaStorageSOPInstanceUID = a.SOPInstanceUID
    save(art, tmp_path / "tree" / "art")
    save(pv, tmp_path / "tree" / "pv")
    save([make_rtstruct(pv, GTV)], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "names images of several series" in failure
    assert masks_in(tmp_path) == {}


def test_a_structure_that_names_a_series_alone_lies_on_it(tmp_path: Path) -> None:
    art, pv = phases()
    structure = silent_rt(make_rtstruct(pv, GTV))
    frame, study, series = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    series.SeriesInstanceUID = pv[0].SeriesInstanceUID
    study.RTReferencedSeriesSequence, frame.RTReferencedStudySequence = [series], [study]
    structure.ReferencedFrameOfReferenceSequence = [frame]
    save([*art, *pv, structure], tmp_path / "tree")
    assert run(tmp_path).failures == ()
    assert masks_in(tmp_path) == {"lesions_pv": 40}


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT"])
def test_a_mask_that_names_nothing_lies_on_the_series_whose_planes_it_fits(kind: str, tmp_path: Path) -> None:
    art, pv = phases(**APART)
    mask = (
        silent(make_seg(pv, {"Mass": lesion_mask()})) if kind == "SEG" else silent_rt(make_rtstruct(pv, GTV))
    )
    save([*art, *pv, mask], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == {"lesions_pv": 59 if kind == "SEG" else 40}
    assert any("were matched by their planes to series" in remark for remark in summary.remarks)
    assert table(tmp_path)[0]["how"] == "its planes"


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT"])
def test_a_mask_that_fits_several_series_fails_until_the_table_says_which(kind: str, tmp_path: Path) -> None:
    art, pv = phases()
    mask = (
        silent(make_seg(pv, {"Mass": lesion_mask()})) if kind == "SEG" else silent_rt(make_rtstruct(pv, GTV))
    )
    save([*art, *pv, mask], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "case patient_001: the lesions mask m" in failure
    assert "fits the planes of several series" in failure
    assert not (tmp_path / "raw" / "patient_001").exists()
    said = correct(tmp_path, {"series": series_of(tmp_path, "pv")})
    assert run(tmp_path, mask_table=said).failures == ()
    assert masks_in(tmp_path) == {"lesions_pv": 59 if kind == "SEG" else 40}


def test_a_mask_between_the_planes_of_all_series_fails(tmp_path: Path) -> None:
    art, pv = phases()
    lost = phase_series("pv", series="lost", **APART)
    save([*art, *pv, silent(make_seg(lost, {"Mass": lesion_mask()}))], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "fits the planes of none of the patient's series" in failure


def test_a_mask_beside_the_picture_of_all_series_fits_none(tmp_path: Path) -> None:
    art, pv = phases()
    lost = phase_series("pv", series="lost", origin=(-100.0 + 5 * 4, -80.0, 50.0))
    save([*art, *pv, silent(make_seg(lost, {"Mass": lesion_mask()}))], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "fits the planes of none of the patient's series" in failure


def test_a_mask_drawn_on_neighbouring_slices_is_not_the_thin_series_one(tmp_path: Path) -> None:
    thick = phase_series("pv", description="pv")
    thin = make_series(
        abdomen_hu("art", (24, 32, 32)),
        series="thin",
        description="art",
        start="100130",
        spacing_mm=(5, 6, 2.5),
    )
    save([*thick, *thin, silent_rt(make_rtstruct(thick, GTV))], tmp_path / "tree")
    run(tmp_path)
    assert masks_in(tmp_path) == {"lesions_pv": 40}


def test_a_mask_in_a_frame_of_reference_of_its_own_is_not_guessed(tmp_path: Path) -> None:
    art, pv = phases(**APART)
    seg = silent(make_seg(pv, {"Mass": lesion_mask()}))
    seg.FrameOfReferenceUID = uid("another frame")
    save([*art, *pv, seg], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "a frame of reference that none of the patient's series has" in failure
    assert run(tmp_path, masks_by_planes=True).failures == ()
    assert masks_in(tmp_path) == {"lesions_pv": 59}


def test_a_mask_from_before_deidentification_lies_by_its_planes_on_request(tmp_path: Path) -> None:
    art, pv = phases(**APART)
    save([*art, *pv, from_before(make_seg(pv, {"Mass": lesion_mask()}))], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "names images that are not in the tree" in failure
    assert "--masks-by-planes" in failure
    assert f"; its planes fit {series_of(tmp_path, 'pv')}" in failure
    summary = run(tmp_path, masks_by_planes=True)
    assert masks_in(tmp_path) == {"lesions_pv": 59}
    assert any("were matched by their planes" in remark for remark in summary.remarks)


def test_planes_do_not_decide_between_phases_on_one_grid_even_on_request(tmp_path: Path) -> None:
    art, pv = phases()
    save([*art, *pv, from_before(make_seg(pv, {"Mass": lesion_mask()}))], tmp_path / "tree")
    (failure,) = run(tmp_path, masks_by_planes=True).failures
    assert "fits the planes of several series" in failure


def test_a_mask_part_of_whose_images_are_missing_fails(tmp_path: Path) -> None:
    art, pv = phases()
    seg = make_seg(pv, {"Mass": lesion_mask()})
    image = seg.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
    image.ReferencedSOPInstanceUID = uid("missing")
    save([*art, *pv, seg], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "names on 1 of its 3 planes images that are not in the tree" in failure


def test_a_mask_in_a_study_of_its_own_is_found_by_its_references(tmp_path: Path) -> None:
    art, pv = phases()
    save(
        [*art, *pv, elsewhere(make_seg(pv, {"Mass": lesion_mask()}), StudyInstanceUID=uid("later"))],
        tmp_path / "tree",
    )
    assert run(tmp_path).failures == ()
    assert masks_in(tmp_path) == {"lesions_pv": 59}


def test_a_mask_of_a_patient_who_is_not_there_is_told_and_placed_by_the_table(tmp_path: Path) -> None:
    art, pv = phases(**APART)
    seg = silent(elsewhere(make_seg(pv, {"Mass": lesion_mask()}), PatientID="other"))
    save([*art, *pv, seg], tmp_path / "tree")
    summary = run(tmp_path)
    assert summary.failures == ()
    assert any(
        "the lesions mask" in r and "of a patient whose images are not in the tree" in r
        for r in summary.remarks
    )
    assert masks_in(tmp_path) == {}
    run(tmp_path, mask_table=correct(tmp_path, {"series": series_of(tmp_path, "pv")}))
    assert masks_in(tmp_path) == {"lesions_pv": 59}


def test_one_file_under_two_names_is_one_mask(tmp_path: Path) -> None:
    art, pv = phases()
    seg = make_seg(pv, {"Mass": lesion_mask()})
    save([*art, *pv, seg], tmp_path / "tree")
    save([seg], tmp_path / "tree" / "copy")
    run(tmp_path)
    assert len(table(tmp_path)) == 1


def test_lesions_on_mr_are_told_and_do_not_fail_the_case(tmp_path: Path) -> None:
    art, pv = phases()
    mr = phase_series("dl", series="mr", Modality="MR")
    save([*art, *pv, *mr, make_seg(mr, {"Mass": lesion_mask()})], tmp_path / "tree")
    summary = run(tmp_path)
    assert summary.written == ("patient_001",)
    assert any("the lesions mask on series" in remark and "is lost" in remark for remark in summary.remarks)


def test_one_failing_case_does_not_stop_the_others(tmp_path: Path) -> None:
    art, pv = phases()
    save([*art, *pv, silent(make_seg(pv, {"Mass": lesion_mask()}))], tmp_path / "tree")
    other = [phase_series(p, description=p, patient="P2") for p in ("art", "pv")]
    save([*other[0], *other[1], make_seg(other[1], {"Mass": lesion_mask()})], tmp_path / "tree")
    summary = run(tmp_path)
    assert len(summary.written) == 1
    assert len(summary.failures) == 1
    assert {path.name for path in (tmp_path / "raw").glob("patient_*")} == set(summary.written)


def test_a_mask_in_the_air_fails_its_case(tmp_path: Path) -> None:
    art, pv = phases()
    corner = np.zeros_like(lesion_mask())
    corner[4:7, :4, :4] = 1  # outside the body
    save([*art, *pv, make_seg(pv, {"Mass": corner})], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "100 % of its voxels are air" in failure
    assert not (tmp_path / "raw" / "patient_001").exists()


def test_lesions_away_from_the_liver_are_told(tmp_path: Path) -> None:
    art, pv = phases()
    spleen = np.zeros_like(lesion_mask())
    spleen[5, 17:19, 24:26] = 1
    save([*art, *pv, make_seg(pv, {"Liver": lesion_mask(), "Tumor": spleen})], tmp_path / "tree")
    assert any(
        "no voxel of the lesions lies within 20 mm of the liver's bounds" in r for r in run(tmp_path).remarks
    )


def test_two_readings_of_one_lesion_are_told(tmp_path: Path) -> None:
    art, pv = phases()
    other = lesion_mask()
    other[4] = 0
    save(
        [*art, *pv, make_seg(pv, {"tumor 1": lesion_mask()}), make_seg(pv, {"tumor": other})],
        tmp_path / "tree",
    )
    (remark,) = run(tmp_path).remarks
    # 40 voxels in common: 2 * 40 / (59 + 40)
    assert "lesion masks of 2 files overlap (Dice up to 0.81) and are united" in remark


def test_an_old_version_with_more_lesions_beside_the_new_one_is_told(tmp_path: Path) -> None:
    art, pv = phases()
    new, old, apart = lesion_mask(), lesion_mask(), np.zeros_like(lesion_mask())
    old[1:3, 10:18, 8:14] = 1  # 96 voxels: of 59 + 155, twice 59 are shared, which is a Dice of 0.55
    old[7:9, 10:18, 8:14] = 1  # now of 59 + 251: 0.38
    apart[1, 20:22, 8:10] = 1
    save(
        [
            *art,
            *pv,
            *(make_seg(pv, {name: m}) for name, m in (("HCC", new), ("HCC 1", old), ("HCC 2", apart))),
        ],
        tmp_path / "tree",
    )
    (remark,) = [remark for remark in run(tmp_path).remarks if "united" in remark]
    assert "lesion masks of 2 files overlap (Dice up to 0.38)" in remark
    rows = {row["mask"] for row in table(tmp_path)}
    assert len([key for key in rows if key in remark]) == 2  # the third file shares nothing


def test_files_of_one_lesion_each_are_united_without_a_word(tmp_path: Path) -> None:
    art, pv = phases()
    other = np.zeros_like(lesion_mask())
    other[4, 5:7, 8:10] = 1
    save(
        [*art, *pv, *(make_seg(pv, {name: m}) for name, m in (("HCC 1", lesion_mask()), ("HCC 2", other)))],
        tmp_path / "tree",
    )
    assert run(tmp_path).remarks == ()
    assert masks_in(tmp_path) == {"lesions_pv": 59 + 4}


def test_a_region_that_shares_its_number_with_another_fails_the_case(tmp_path: Path) -> None:
    art, pv = phases()
    structure = make_rtstruct(pv, {"GTV": [(4, SQUARE)], "Liver": [(5, SQUARE)]})
    structure.StructureSetROISequence[1].ROINumber = 1
    save([*art, *pv, structure], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "an RTSTRUCT file gives several segments one number" in failure


def test_a_mask_that_names_one_series_and_images_of_another_fails(tmp_path: Path) -> None:
    art, pv = phases()
    seg = make_seg(pv, {"Mass": lesion_mask()})
    seg.ReferencedSeriesSequence[0].SeriesInstanceUID = art[0].SeriesInstanceUID
    del seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    save([*art, *pv, seg], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "names images of one series, and another series" in failure
