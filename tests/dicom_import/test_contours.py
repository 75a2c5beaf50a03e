"""Contours of an RTSTRUCT on a volume's slices: with holes, across each other, off the slices; and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import lesion_mask, make_rtstruct, make_seg, phase_series
from drawn_on import drawn_seg, grid_of, layer_of, volume_of
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom_import.draw_masks import draw_masks
from nnunet_multiphase.dicom_import.drawing import Drawn
from nnunet_multiphase.dicom_import.rtstruct import fill_contours, regions
from nnunet_multiphase.errors import InputError

Corners = list[tuple[float, float]]


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
