"""Masks that say they lie in another frame of reference than the images they name, and contours beside their slices."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from dicom_phantom import lesion_mask, make_rtstruct, make_seg, save, uid
from mask_trees import GTV, correct, masks_in, phases, run, series_of, table
from pydicom.dataset import Dataset, FileDataset

pytestmark = pytest.mark.slow

OTHER = uid("another frame")


def in_another_frame(
    structure: FileDataset, by_mm: tuple[float, float, float] = (0, 0, 0), *, by_sequence: bool = False
) -> FileDataset:
    """Say of an RTSTRUCT that it lies in a frame of its own, and move its points."""
    if by_sequence:
        frame = Dataset()
        frame.FrameOfReferenceUID = OTHER
        structure.ReferencedFrameOfReferenceSequence = pydicom.Sequence([frame])
    else:
        structure.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = OTHER
    for contour in structure.ROIContourSequence[0].ContourSequence:
        contour.ContourData = [float(v) + by_mm[i % 3] for i, v in enumerate(contour.ContourData)]
    return structure


def frame_remarks(remarks: tuple[str, ...]) -> list[str]:
    return [remark for remark in remarks if "frame of reference" in remark]


@pytest.mark.parametrize("by_sequence", [False, True])
def test_contours_of_another_frame_off_the_slices_are_refused_until_the_table_says_so(
    by_sequence: bool, tmp_path: Path
) -> None:
    art, pv = phases()
    save(
        [*art, *pv, in_another_frame(make_rtstruct(pv, GTV), (10, 0, 2.4), by_sequence=by_sequence)],
        tmp_path / "tree",
    )
    (failure,) = run(tmp_path).failures
    assert "lies in another frame of reference than the images that it names, and off their slices" in failure
    assert not (tmp_path / "raw" / "patient_001").exists()
    (failure,) = run(tmp_path, masks_by_planes=True).failures  # they do not fit
    summary = run(
        tmp_path, mask_table=correct(tmp_path, {"series": series_of(tmp_path, "pv"), "taken_as": "lesions"})
    )
    assert summary.failures == ()
    assert masks_in(tmp_path) == {"lesions_pv": 40}


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT"])
def test_a_mask_of_another_frame_on_the_slices_it_names_is_taken_and_told(kind: str, tmp_path: Path) -> None:
    art, pv = phases()
    if kind == "SEG":
        mask = make_seg(pv, {"Mass": lesion_mask()})
        mask.FrameOfReferenceUID = OTHER
    else:
        mask = in_another_frame(make_rtstruct(pv, GTV))
    save([*art, *pv, mask], tmp_path / "tree")
    summary = run(tmp_path)
    (remark,) = frame_remarks(summary.remarks)
    assert table(tmp_path)[0]["mask"] in remark
    assert summary.written == ("patient_001",)
    assert frame_remarks(run(tmp_path, masks_by_planes=True).remarks) == []
    assert frame_remarks(run(tmp_path, mask_table=correct(tmp_path, {})).remarks) == []


def test_a_mask_in_the_frame_of_its_images_is_taken_without_a_word(tmp_path: Path) -> None:
    art, pv = phases()
    structure = make_rtstruct(pv, GTV)
    structure.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = pv[0].FrameOfReferenceUID
    save([*art, *pv, structure], tmp_path / "tree")
    assert run(tmp_path).remarks == ()


def test_frames_without_a_position_lie_on_the_images_they_name_in_any_frame(tmp_path: Path) -> None:
    art, pv = phases()
    seg = make_seg(pv, {"Mass": lesion_mask()})
    seg.FrameOfReferenceUID = OTHER
    for frame in seg.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence
    save([*art, *pv, seg], tmp_path / "tree")
    assert run(tmp_path).failures == ()
    assert masks_in(tmp_path) == {"lesions_pv": 59}


def test_contours_beside_the_slices_they_name_are_told(tmp_path: Path) -> None:
    art, pv = phases()
    structure = make_rtstruct(pv, GTV)
    for contour in structure.ROIContourSequence[0].ContourSequence:
        contour.ContourData = [float(v) + 2 * (i % 3 == 2) for i, v in enumerate(contour.ContourData)]
    save([*art, *pv, structure], tmp_path / "tree")
    (remark,) = run(tmp_path).remarks
    assert "2 of its 2 contours lie up to 2.0 mm off the slices that they name" in remark
