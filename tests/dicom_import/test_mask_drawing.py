"""Masks on a volume's slices: turned, cropped, finer, in label maps; and those that cannot be drawn."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_phantom import AXIAL, OBLIQUE, lesion_mask, make_seg, phase_series, uid
from drawn_on import drawn_seg, grid_of, layer_of, volume_of
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom_import.draw_masks import draw_masks
from nnunet_multiphase.errors import InputError


def shared(seg: FileDataset, name: str) -> pydicom.Dataset:
    return seg.SharedFunctionalGroupsSequence[0][name][0]


def move(seg: FileDataset, by_mm: tuple[float, float, float]) -> None:
    for frame in seg.PerFrameFunctionalGroupsSequence:
        place = frame.PlanePositionSequence[0]
        place.ImagePositionPatient = [
            float(a) + b for a, b in zip(place.ImagePositionPatient, by_mm, strict=True)
        ]


def plain_seg(mask: np.ndarray, pv: list[FileDataset]) -> FileDataset:
    seg = make_seg(pv, {"Mass": mask})
    for frame in seg.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence
    return seg


def rewrite(seg: FileDataset, frames: np.ndarray) -> None:
    """Put other pixels (n, y, x), from the lowest slice up, into a SEG of one bit a pixel."""
    heights = [
        f.PlanePositionSequence[0].ImagePositionPatient[2] for f in seg.PerFrameFunctionalGroupsSequence
    ]
    frames = frames[np.argsort(np.argsort(heights))]
    seg.Rows, seg.Columns = frames.shape[1:]
    data = np.packbits(frames.astype(np.uint8).ravel(), bitorder="little").tobytes()
    seg.PixelData = data + b"\0" * (len(data) % 2)


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_cropped_frames_are_laid_where_their_positions_say(
    orientation: tuple[float, ...], tmp_path: Path
) -> None:
    pv = phase_series("pv", orientation=orientation)
    grid, seg = grid_of(pv, tmp_path), plain_seg(lesion_mask(), pv)
    # 7 x 9 pixels: a frame's bits do not end at a byte. Rows 11 to 17, columns 6 to 14.
    rewrite(seg, lesion_mask()[4:7, 11:18, 6:15])
    row, column = np.reshape(orientation, (2, 3))
    move(seg, tuple(6 * 5.0 * row + 11 * 6.0 * column))
    drawn = drawn_seg(seg, grid, tmp_path)
    np.testing.assert_array_equal(drawn.mask, lesion_mask())
    assert drawn.inside == 1.0


def test_frames_that_were_filled_up_to_a_byte_each_are_refused(tmp_path: Path) -> None:
    pv, tall = phase_series("pv"), np.ones_like(lesion_mask())
    grid, seg = grid_of(pv, tmp_path), plain_seg(tall, pv)
    rewrite(seg, tall[:, :5, :9])
    # 12 frames of 45 bits are 67.5 bytes; of 48 bits each they are 72.
    seg.PixelData = np.packbits(np.ones((12, 48), np.uint8)).tobytes()
    with pytest.raises(InputError, match="holds 72 bytes of pixels where its frames need 68"):
        drawn_seg(seg, grid, tmp_path)


def test_frames_with_rows_for_columns_are_turned(tmp_path: Path) -> None:
    pv = phase_series("pv")
    grid, seg = grid_of(pv, tmp_path), plain_seg(lesion_mask(), pv)
    rewrite(seg, lesion_mask()[4:7].transpose(0, 2, 1))
    shared(seg, "PlaneOrientationSequence").ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    shared(seg, "PixelMeasuresSequence").PixelSpacing = [5.0, 6.0]
    np.testing.assert_array_equal(drawn_seg(seg, grid, tmp_path).mask, lesion_mask())


def test_frames_from_right_to_left_are_turned(tmp_path: Path) -> None:
    pv = phase_series("pv")
    grid, seg = grid_of(pv, tmp_path), plain_seg(lesion_mask()[:, :, ::-1], pv)
    shared(seg, "PlaneOrientationSequence").ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
    move(seg, (31 * 5.0, 0, 0))
    np.testing.assert_array_equal(drawn_seg(seg, grid, tmp_path).mask, lesion_mask())


def test_segment_of_finer_pixels_keeps_its_volume(tmp_path: Path) -> None:
    pv = phase_series("pv")
    grid, seg = grid_of(pv, tmp_path), plain_seg(lesion_mask(), pv)
    # Each pixel in two by two: its first lies a quarter of a pixel before the whole one's centre.
    rewrite(seg, lesion_mask()[4:7].repeat(2, axis=1).repeat(2, axis=2))
    shared(seg, "PixelMeasuresSequence").PixelSpacing = [3.0, 2.5]
    move(seg, (-1.25, -1.5, 0))
    drawn = drawn_seg(seg, grid, tmp_path)
    np.testing.assert_array_equal(drawn.mask, lesion_mask())
    assert drawn.own_ml == pytest.approx(59 * 0.15)  # 59 voxels of 5 x 6 x 5 mm


def test_label_map_is_taken_apart_by_its_values(tmp_path: Path) -> None:
    pv = phase_series("pv")
    grid = grid_of(pv, tmp_path)
    values = lesion_mask() * 2
    values[2, 3:9, 4:6] = 1
    source = make_seg(pv, {"Liver": lesion_mask(), "Mass": lesion_mask()})
    seg = hd.seg.Segmentation(
        source_images=pv,
        pixel_array=values,
        segmentation_type="LABELMAP",
        segment_descriptions=[hd.seg.SegmentDescription.from_dataset(one) for one in source.SegmentSequence],
        series_instance_uid=uid("labelmap series"),
        series_number=302,
        sop_instance_uid=uid("labelmap"),
        instance_number=1,
        manufacturer="made up",
        manufacturer_model_name="made up",
        software_versions="0",
        device_serial_number="0",
    )
    np.testing.assert_array_equal(drawn_seg(seg, grid, tmp_path, 2).mask, lesion_mask())
    assert drawn_seg(seg, grid, tmp_path, 1).mask.sum() == 6 * 2


def test_overlapping_segments_are_kept_apart(tmp_path: Path) -> None:
    pv = phase_series("pv")
    grid, wide = grid_of(pv, tmp_path), np.zeros_like(lesion_mask())
    wide[3:8, 10:18, 6:15] = 1
    seg = make_seg(pv, {"Liver": wide, "Mass": lesion_mask()})
    np.testing.assert_array_equal(drawn_seg(seg, grid, tmp_path, 1).mask, wide)
    np.testing.assert_array_equal(drawn_seg(seg, grid, tmp_path, 2).mask, lesion_mask())


def test_frames_on_another_slice_than_they_name_are_refused(tmp_path: Path) -> None:
    pv = phase_series("pv")
    grid, seg = grid_of(pv, tmp_path), make_seg(pv, {"Mass": lesion_mask()})
    move(seg, (0, 0, 10.0))
    with pytest.raises(InputError, match=r"names other slices than it lies on \(2 slice"):
        drawn_seg(seg, grid, tmp_path)


def test_frames_between_slices_are_told_and_far_from_those_they_name_refused(tmp_path: Path) -> None:
    pv = phase_series("pv")
    grid, seg = grid_of(pv, tmp_path), make_seg(pv, {"Mass": lesion_mask()})
    move(seg, (0, 0, 2.0))  # of 5 mm: the nearest slice is the one that is named
    drawn = drawn_seg(seg, grid, tmp_path)
    np.testing.assert_array_equal(drawn.mask, lesion_mask())
    assert drawn.notes == (
        "it has planes or pixels of its own, and was brought to the volume's by nearest neighbour",
    )
    move(seg, (0, 0, 5.0))
    with pytest.raises(InputError, match=r"lies 7.0 mm off the slices that it names"):
        drawn_seg(seg, grid, tmp_path)


@pytest.mark.parametrize(
    ("moved_mm", "share"),
    # Columns 8 to 12 of 32, 5 mm each: moved by 19 columns none lies beyond, by 20 the last does.
    [((19 * 5.0, 0, 0), None), ((20 * 5.0, 0, 0), 80), ((40 * 5.0, 0, 0), 0), ((0, 0, 6 * 5.0), 67)],
)
def test_a_mask_that_does_not_lie_in_its_volume_is_refused(
    moved_mm: tuple[float, float, float], share: int | None, tmp_path: Path
) -> None:
    pv, block = phase_series("pv"), np.zeros_like(lesion_mask())
    block[4:7, 12:16, 8:13] = 1
    volume, seg = volume_of(pv, tmp_path), plain_seg(block, pv)
    move(seg, moved_mm)
    seg.save_as(tmp_path / "seg.dcm")
    layer = layer_of(tmp_path / "seg.dcm", "SEG", volume)
    if share is None:
        assert draw_masks([layer], volume, "case").kinds["lesions"].sum() == 60
    else:
        with pytest.raises(InputError, match=f"lies beside its volume: {share} % of its voxels lie in it"):
            draw_masks([layer], volume, "case")
