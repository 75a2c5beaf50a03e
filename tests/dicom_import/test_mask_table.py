"""What a mask is taken for: empty regions, open contours and unclear labels are told, and the mask table decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import lesion_mask, make_rtstruct, make_seg, phase_series, save
from mask_trees import GTV, SQUARE, correct, masks_in, phases, run, table
from pydicom.dataset import FileDataset

from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow


def test_lesions_on_a_series_that_is_not_used_are_given_up_in_the_table(tmp_path: Path) -> None:
    gap = phase_series("art", description="art")
    save([*gap[:7], *gap[8:], make_seg(gap[:7], {"Mass": lesion_mask()[:7]})], tmp_path / "tree")
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "is lost, because that series is not used, and there is no other lesion mask" in failure
    assert run(tmp_path, mask_table=correct(tmp_path, {"taken_as": "no"})).failures == ()
    assert masks_in(tmp_path) == {}


def test_an_empty_lesion_mask_is_no_negative_patient_until_the_table_says_so(tmp_path: Path) -> None:
    art, pv = phases()
    none = np.zeros_like(lesion_mask())
    save([*art, *pv, make_seg(pv, {"Liver": lesion_mask(), "Mass": none})], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "the region is empty" in failure
    rows = table(tmp_path)
    changes = [{"taken_as": "lesion-free"} if row["taken_as"] == "lesions" else {} for row in rows]
    assert run(tmp_path, mask_table=correct(tmp_path, *changes)).failures == ()
    assert masks_in(tmp_path) == {"lesions_pv": 0, "liver_pv": 59}


def test_a_lesion_region_without_contours_is_no_negative_patient(tmp_path: Path) -> None:
    art, pv = phases()
    save([*art, *pv, make_rtstruct(pv, {"Liver": [(4, SQUARE)], "Tumor": []})], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert "the region is empty" in failure


def test_an_empty_liver_region_is_told_and_left_out(tmp_path: Path) -> None:
    art, pv = phases()
    save([*art, *pv, make_rtstruct(pv, {**GTV, "Liver": []})], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == {"lesions_pv": 40}
    assert any("the liver mask" in r and "the region is empty and was left out" in r for r in summary.remarks)


def opened(item: FileDataset, region: int, *contours: int) -> FileDataset:
    """Make contours of an RTSTRUCT's region open lines."""
    for contour in contours:
        item.ROIContourSequence[region].ContourSequence[contour].ContourGeometricType = "OPEN_PLANAR"
    return item


def test_open_contours_are_no_empty_region(tmp_path: Path) -> None:
    art, pv = phases()
    tumour = make_rtstruct(pv, {"Tumor": [(4, SQUARE), (5, SQUARE)], "GTV": [(6, SQUARE)]})
    save([*art, *pv, opened(tumour, 0, 0, 1)], tmp_path / "tree")
    (failure,) = run(tmp_path).failures
    assert (
        "it has 2 contour(s), but they are open lines (OPEN_PLANAR) or of no known type, which enclose no region"
        in failure
    )
    assert "empty" not in failure
    assert "lesion-free" not in failure
    changes = [{"taken_as": "no"} if row["number"] == "1" else {} for row in table(tmp_path)]
    assert run(tmp_path, mask_table=correct(tmp_path, *changes)).failures == ()


def test_open_contours_beside_closed_ones_are_told(tmp_path: Path) -> None:
    art, pv = phases()
    tumour = make_rtstruct(pv, {"Tumor": [(4, SQUARE), (5, SQUARE)]})
    save([*art, *pv, opened(tumour, 0, 1)], tmp_path / "tree")
    summary = run(tmp_path)
    assert summary.failures == ()
    assert any("1 of its contours are open lines" in remark for remark in summary.remarks)


def test_a_measured_length_is_no_open_contour(tmp_path: Path) -> None:
    art, pv = phases()
    tumour = make_rtstruct(pv, {"Tumor": [(4, SQUARE), (5, SQUARE[:2])]})
    save([*art, *pv, opened(tumour, 0, 1)], tmp_path / "tree")
    assert not any("open lines" in remark for remark in run(tmp_path).remarks)


def test_lesion_free_is_not_said_of_a_mask_with_lesions(tmp_path: Path) -> None:
    art, pv = phases()
    save([*art, *pv, make_seg(pv, {"Mass": lesion_mask()})], tmp_path / "tree")
    run(tmp_path, dry_run=True)
    (failure,) = run(tmp_path, mask_table=correct(tmp_path, {"taken_as": "lesion-free"})).failures
    assert "holds 59 voxels, but the mask table says lesion-free" in failure


def test_a_label_that_is_not_plain_is_named_and_decided_in_the_table(tmp_path: Path) -> None:
    art, pv = phases()
    save([*art, *pv, make_rtstruct(pv, {"Liver-GTV Dr. Smith": [(4, SQUARE)]})], tmp_path / "tree")
    summary = run(tmp_path)
    assert masks_in(tmp_path) == {}
    (remark,) = [remark for remark in summary.remarks if "not taken" in remark]
    assert "a difference or a hyphen ('-') speaks against it" in remark
    assert "Smith" not in remark
    run(tmp_path, mask_table=correct(tmp_path, {"taken_as": "lesions"}))
    assert masks_in(tmp_path) == {"lesions_pv": 20}


def test_labels_of_which_nothing_is_known_are_counted(tmp_path: Path) -> None:
    art, pv = phases()
    save(
        [*art, *pv, make_seg(pv, {"Mass": lesion_mask(), "zzyzx": lesion_mask(), "Spleen": lesion_mask()})],
        tmp_path / "tree",
    )
    (remark,) = run(tmp_path).remarks
    assert "1 segment(s) of a SEG file have labels of which nothing is known" in remark


def test_the_table_as_it_was_written_changes_nothing(tmp_path: Path) -> None:
    art, pv = phases()
    save(
        [*art, *pv, make_seg(pv, {"Mass": lesion_mask(), "Liver": lesion_mask(), "Spleen": lesion_mask()})],
        tmp_path / "tree",
    )
    run(tmp_path, dry_run=True)
    before = (tmp_path / "raw_masks.csv").read_bytes()
    summary = run(tmp_path, mask_table=correct(tmp_path, {}, {}, {}))
    assert masks_in(tmp_path) == {"lesions_pv": 59, "liver_pv": 59}
    assert (tmp_path / "raw_masks.csv").read_bytes() == before
    assert summary.remarks == ()


def test_a_table_that_cannot_be_followed_is_refused(tmp_path: Path) -> None:
    art, pv = phases()
    save([*art, *pv, make_seg(pv, {"Mass": lesion_mask()})], tmp_path / "tree")
    run(tmp_path, dry_run=True)
    with pytest.raises(
        InputError, match="expected lesions, liver, lesion-free, no under taken_as, found 'tumor'"
    ):
        run(tmp_path, mask_table=correct(tmp_path, {"taken_as": "tumor"}))
    with pytest.raises(InputError, match="names masks that are not in the tree"):
        run(tmp_path, mask_table=correct(tmp_path, {"mask": "m0"}))
    with pytest.raises(InputError, match="names series that are not in the tree"):
        run(tmp_path, mask_table=correct(tmp_path, {"series": "s0"}))
