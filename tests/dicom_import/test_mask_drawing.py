"""Masks on a volume's slices: turned, cropped, finer, in label maps, with holes; and those that cannot be drawn."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_phantom import AXIAL, OBLIQUE, lesion_mask, make_rtstruct, make_seg, phase_series, save, uid
from pydicom.dataset import FileDataset
from pydicom.sr.codedict import codes

from nnunet_multiphase.dicom.geometry import Grid
from nnunet_multiphase.dicom.scan import MaskFile, scan_tree
from nnunet_multiphase.dicom.volumes import Volume, volumes_of
from nnunet_multiphase.dicom_import.draw_masks import draw_masks
from nnunet_multiphase.dicom_import.drawing import Drawn
from nnunet_multiphase.dicom_import.masks import Layer
from nnunet_multiphase.dicom_import.rtstruct import fill_contours, regions
from nnunet_multiphase.dicom_import.segmentation import draw_segment, segments
from nnunet_multiphase.errors import InputError

Corners = list[tuple[float, float]]


def volume_of(slices: list[FileDataset], tmp_path: Path) -> Volume:
    save(slices, tmp_path / "tree")
    (series,) = scan_tree(tmp_path / "tree").series
    (volume,) = volumes_of(series)
    return volume


def grid_of(slices: list[FileDataset], tmp_path: Path) -> Grid:
    grid = volume_of(slices, tmp_path).grid
    assert grid is not None
    return grid


def drawn_seg(seg: FileDataset, grid: Grid, tmp_path: Path, number: int = 1) -> Drawn:
    seg.save_as(tmp_path / "seg.dcm")
    (planes,) = [
        one.planes for one in segments(pydicom.dcmread(tmp_path / "seg.dcm")) if one.number == number
    ]
    return draw_segment(tmp_path / "seg.dcm", number, planes, grid)


def drawn_rt(
    contours: list[tuple[float, Corners]], pv: list[FileDataset], tmp_path: Path, kind: str = ""
) -> Drawn:
    """Fill contours (slice, corners in voxels) of one region; a slice may be a fraction: between two slices."""
    structure = make_rtstruct(pv, {"GTV": [(round(k), corners) for k, corners in contours]})
    for (k, _), item in zip(contours, structure.ROIContourSequence[0].ContourSequence, strict=True):
        item.ContourData = [
            float(v) + (k - round(k)) * 5 * (i % 3 == 2) for i, v in enumerate(item.ContourData)
        ]
        item.ContourGeometricType = kind or item.ContourGeometricType
    structure.save_as(tmp_path / "rt.dcm")
    (region,) = regions(pydicom.dcmread(tmp_path / "rt.dcm"))
    return fill_contours(region.planes, grid_of(pv, tmp_path))


def layer_of(path: Path, modality: str, volume: Volume, kind: str = "lesions") -> Layer:
    header = pydicom.dcmread(path)
    drawing = (segments if modality == "SEG" else regions)(header)[0]
    return Layer(kind, MaskFile(path, "", "", modality), drawing.number, "m1", volume.key, drawing.planes)


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


def circle(radius: float, x: float = 16.0, y: float = 16.0, count: int = 60) -> Corners:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def discs(*parts: tuple[float, float, float]) -> np.ndarray:
    """Mark the pixels whose centre lies in one of several circles (radius, x, y); (y, x) bool."""
    y, x = np.indices((32, 32))
    return np.any([(x - cx) ** 2 + (y - cy) ** 2 < r**2 for r, cx, cy in parts], axis=0)


def square(low: float, high: float) -> Corners:
    return [(low, low), (high, low), (high, high), (low, high)]


def test_contours_within_each_other_take_turns(tmp_path: Path) -> None:
    drawn = drawn_rt(
        [(5, square(4.5, 20.5)), (5, square(8.5, 16.5)), (5, square(10.5, 14.5))],
        phase_series("pv"),
        tmp_path,
    )
    assert drawn.mask[5].sum() == 16**2 - 8**2 + 4**2
    assert drawn.notes == ()


def test_an_outline_drawn_again_within_the_first_is_told_as_a_ring(tmp_path: Path) -> None:
    contours = [
        (5, square(4.5, 14.5)),
        (5, square(5.5, 13.5)),
        (6, square(4.5, 14.5)),
        (6, square(6.5, 13.5)),
    ]
    drawn = drawn_rt(contours, phase_series("pv"), tmp_path)
    assert [int(drawn.mask[k].sum()) for k in (5, 6)] == [100 - 64, 100 - 49]
    # The second slice's hole takes 49 %: one that a necrosis may have.
    (note,) = drawn.notes
    assert note.startswith(
        "on 1 slice(s) a contour within another counts as a hole and leaves but a ring (up to 64 %"
    )


def test_a_ring_that_the_file_asks_for_is_not_told(tmp_path: Path) -> None:
    contours = [(5.0, square(4.5, 14.5)), (5.0, square(5.5, 13.5))]
    drawn = drawn_rt(contours, phase_series("pv"), tmp_path, "CLOSEDPLANAR_XOR")
    assert (drawn.mask.sum(), drawn.notes) == (36, ())


def test_contours_across_each_other_are_united_and_told(tmp_path: Path) -> None:
    drawn = drawn_rt(
        [(5, circle(5.3, 12, 16, 720)), (5, circle(5.3, 18, 16, 720))], phase_series("pv"), tmp_path
    )
    np.testing.assert_array_equal(drawn.mask[5], discs((5.3, 12, 16), (5.3, 18, 16)))
    assert drawn.notes == ("contours cross each other on 1 slice(s) and are united there",)


def test_contours_that_say_so_take_turns_across_each_other(tmp_path: Path) -> None:
    contours = [(5.0, square(4.5, 12.5)), (5.0, square(8.5, 16.5))]
    drawn = drawn_rt(contours, phase_series("pv"), tmp_path, "CLOSEDPLANAR_XOR")
    assert drawn.mask[5].sum() == 2 * (8**2 - 4**2)


def test_a_contour_drawn_twice_the_other_way_round_is_no_hole(tmp_path: Path) -> None:
    around = circle(6.2)
    again = [(x + 0.02, y - 0.02) for x, y in around[20:] + around[:20]][::-1]
    drawn = drawn_rt([(5, around), (5, again)], phase_series("pv"), tmp_path)
    # pi r^2, less what the 60-gon lacks (0.2 %); the edge's pixels are a tenth of it
    assert drawn.mask[5].sum() == pytest.approx(np.pi * 6.2**2, rel=0.05)


def test_a_keyhole_leaves_its_hole_open(tmp_path: Path) -> None:
    outer, inner = square(4.5, 16.5), square(8.5, 12.5)[::-1]
    keyhole = [*outer, outer[0], *inner, inner[0], outer[0]]
    drawn = drawn_rt([(5, keyhole)], phase_series("pv"), tmp_path)
    assert drawn.mask[5].sum() == 12**2 - 4**2
    assert not drawn.mask[5, 9:13, 9:13].any()


def test_contour_between_two_slices_is_refused(tmp_path: Path) -> None:
    pv = phase_series("pv")
    structure = make_rtstruct(pv, {"GTV": [(5, circle(5))]})
    contour = structure.ROIContourSequence[0].ContourSequence[0]
    del contour.ContourImageSequence
    contour.ContourData = [float(v) + 2 * (i % 3 == 2) for i, v in enumerate(contour.ContourData)]
    structure.save_as(tmp_path / "rt.dcm")
    grid, (region,) = grid_of(pv, tmp_path), regions(structure)
    with pytest.raises(InputError, match=r"between the slices \(2.0 mm from the nearest\)"):
        fill_contours(region.planes, grid)


def test_contour_near_the_slice_it_names_lies_on_it(tmp_path: Path) -> None:
    drawn = drawn_rt([(5.3, square(4.5, 12.5)), (6.3, square(4.5, 12.5))], phase_series("pv"), tmp_path)
    assert np.flatnonzero(drawn.mask.any(axis=(1, 2))).tolist() == [5, 6]


def test_contour_off_the_slice_it_names_is_refused(tmp_path: Path) -> None:
    pv = phase_series("pv")
    structure = make_rtstruct(pv, {"GTV": [(5, circle(5))]})
    contour = structure.ROIContourSequence[0].ContourSequence[0]
    contour.ContourData = [float(v) + 15 * (i % 3 == 2) for i, v in enumerate(contour.ContourData)]
    structure.save_as(tmp_path / "rt.dcm")
    grid, (region,) = grid_of(pv, tmp_path), regions(structure)
    with pytest.raises(InputError, match=r"15.0 mm off the slice that it names"):
        fill_contours(region.planes, grid)


def draw_gtv(contours: list[tuple[int, Corners]], tmp_path: Path) -> tuple[str, ...]:
    """Draw a region and give what is told of it."""
    pv = phase_series("pv")
    volume, structure = volume_of(pv, tmp_path), make_rtstruct(pv, {"GTV": contours})
    structure.save_as(tmp_path / "rt.dcm")
    return draw_masks([layer_of(tmp_path / "rt.dcm", "RTSTRUCT", volume)], volume, "case").notes


def test_contours_half_outside_are_refused(tmp_path: Path) -> None:
    # Columns -4.5 to 3.5 and rows 4.5 to 12.5: half of them lie in the picture.
    with pytest.raises(InputError, match="50 % of its voxels lie in it"):
        draw_gtv([(5, [(-4.5, 4.5), (3.5, 4.5), (3.5, 12.5), (-4.5, 12.5)])], tmp_path)


def test_region_that_holds_no_voxel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no voxel's centre of the volume"):
        draw_gtv([(5, square(5.2, 5.8))], tmp_path)


def test_contours_too_small_for_a_voxel_are_counted(tmp_path: Path) -> None:
    (note,) = draw_gtv([(5, square(4.5, 9.5)), (6, square(5.2, 5.8))], tmp_path)
    assert "1 of 2 contours hold no voxel's centre" in note


def test_region_on_every_second_slice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is drawn on one slice in 2"):
        draw_gtv([(k, circle(5)) for k in (2, 4, 6, 8)], tmp_path)


def test_a_slice_left_out_between_drawn_ones_is_told(tmp_path: Path) -> None:
    (note,) = draw_gtv([(k, circle(5)) for k in (3, 4, 6, 7)], tmp_path)
    assert "it leaves out 1 slice(s) between drawn ones" in note


def test_two_lesions_above_each_other_are_no_gap(tmp_path: Path) -> None:
    contours = [(k, circle(4, 10, 10)) for k in (2, 3)] + [(k, circle(4, 20, 20)) for k in (5, 6)]
    assert draw_gtv(contours, tmp_path) == ()


def test_sphere_of_contours_has_its_volume(tmp_path: Path) -> None:
    # Radius 27 mm about slice 6 on voxels of 5 x 6 x 5 mm; ellipses in voxels.
    contours = []
    for k in range(1, 12):
        r = np.sqrt(max(27.0**2 - ((k - 6) * 5.0) ** 2, 0))
        if r:
            contours.append(
                (float(k), [(16 + (x - 16) * r / 5, 16 + (y - 16) * r / 6) for x, y in circle(1)])
            )
    drawn = drawn_rt(contours, phase_series("pv"), tmp_path)
    ml = drawn.mask.sum() * 0.15
    # Slices and pixels are a fifth of the radius each: a few percent.
    assert ml == pytest.approx(4 / 3 * np.pi * 2.7**3, rel=0.06)


def test_a_segment_without_frames_is_empty(tmp_path: Path) -> None:
    pv = phase_series("pv")
    seg = make_seg(pv, {"Liver": lesion_mask(), "Mass": np.zeros_like(lesion_mask())})
    assert np.isnan(drawn_seg(seg, grid_of(pv, tmp_path), tmp_path, 2).inside)


def test_points_and_open_lines_enclose_nothing() -> None:
    structure = make_rtstruct(phase_series("pv"), {"GTV": [(5, square(4.5, 9.5)), (6, square(4.5, 9.5))]})
    for contour, kind in zip(
        structure.ROIContourSequence[0].ContourSequence, ("POINT", "OPEN_PLANAR"), strict=True
    ):
        contour.ContourGeometricType = kind
    assert regions(structure)[0].planes == ()


def coded(
    label: str, kind: tuple[str, str] = ("85756007", "Tissue"), region: tuple[str, str] | None = None
) -> str | None:
    """Read a segment with coded terms (value, meaning)."""
    seg = make_seg(phase_series("pv"), {label: lesion_mask()})
    segment = seg.SegmentSequence[0]
    segment.SegmentedPropertyTypeCodeSequence = [hd.sr.CodedConcept(kind[0], "SCT", kind[1])]
    if region:
        segment.AnatomicRegionSequence = [hd.sr.CodedConcept(region[0], "SCT", region[1])]
    return segments(seg)[0].reading.kind


def test_coded_terms_say_what_a_label_does_not() -> None:
    mass, liver = ("4147007", "Mass"), ("10200004", "Liver")
    assert coded("Segment_1", mass, liver) == "lesions"
    assert coded("Segment_1", liver) == "liver"
    assert coded("Segment_1") is None
    assert coded("Tumor", mass, ("64033007", "Kidney")) is None
    assert coded("Tumor", mass, ("113345001", "Abdomen")) == "lesions"
    assert coded("Tumor", liver) is None
    assert coded("Liver-GTV", mass, liver) is None
    assert coded("Mass", ("108369006", "Neoplasm")) == "lesions"
    assert codes.SCT.Liver.value == "10200004"


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("1", "GTV", "lesions"),
        ("Tumor", "PTV", None),
        ("Tumor", "ORGAN", "lesions"),
        ("GTV", "", "lesions"),
        ("Liver", "AVOIDANCE", None),
    ],
)
def test_interpreted_type_counts_beside_a_regions_name(name: str, kind: str, expected: str | None) -> None:
    structure = make_rtstruct(phase_series("pv"), {name: []})
    seen = pydicom.Dataset()
    seen.ReferencedROINumber, seen.RTROIInterpretedType = 1, kind
    structure.RTROIObservationsSequence = [seen]
    assert regions(structure)[0].reading.kind == expected
