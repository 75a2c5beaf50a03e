"""Contours through the centres of voxels, seams of keyholes, and what encloses a region at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import make_rtstruct, phase_series

from nnunet_multiphase.dicom.geometry import lay_out
from nnunet_multiphase.dicom.header import slice_of
from nnunet_multiphase.dicom_import.drawing import Drawing
from nnunet_multiphase.dicom_import.rtstruct import fill_contours, regions

Corners = list[tuple[float, float]]
SLICE = 5


def square(low: float, high: float) -> Corners:
    return [(low, low), (high, low), (high, high), (low, high)]


def region(*contours: Corners, kind: str = "CLOSED_PLANAR") -> Drawing:
    structure = make_rtstruct(phase_series("pv"), {"GTV": [(SLICE, corners) for corners in contours]})
    for contour in structure.ROIContourSequence[0].ContourSequence:
        contour.ContourGeometricType = kind
    (drawing,) = regions(structure)
    return drawing


def filled(*contours: Corners, kind: str = "CLOSED_PLANAR") -> np.ndarray:
    """Fill contours (corners as x, y in voxels) on one slice; (y, x) bool."""
    grid, _ = lay_out([slice_of(Path(), item) for item in phase_series("pv")])
    assert grid is not None
    return fill_contours(region(*contours, kind=kind).planes, grid).mask[SLICE]


def ring(outer: tuple[int, int], hole: tuple[int, int] = (0, 0)) -> np.ndarray:
    expected = np.zeros((32, 32), bool)
    expected[slice(*outer), slice(*outer)] = True
    expected[slice(*hole), slice(*hole)] = False
    return expected


@pytest.mark.parametrize("way", [1, -1], ids=["one way round", "the other"])
@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_an_outline_through_the_outermost_centres_keeps_them(way: int, kind: str) -> None:
    # As OpenCV traces a mask: the hole's outline runs through the mask's voxels around it, too.
    np.testing.assert_array_equal(filled(square(5, 14)[::way], kind=kind), ring((5, 15)))
    traced = [square(5, 14)[::way], square(7, 12)[::way]]
    np.testing.assert_array_equal(filled(*traced, kind=kind), ring((5, 15), (8, 12)))


def test_an_outline_with_slanted_lines_through_centres_keeps_them() -> None:
    y, x = np.indices((32, 32))
    diamond = [(10.0, 5.0), (15.0, 10.0), (10.0, 15.0), (5.0, 10.0)]
    np.testing.assert_array_equal(filled(diamond), np.abs(x - 10) + np.abs(y - 10) <= 5)


def test_outlines_of_one_or_two_voxels_are_these() -> None:
    mask = filled([(9, 12)], [(20, 7), (21, 7)], square(25, 26))
    assert sorted(zip(*np.nonzero(mask), strict=True)) == [
        *((7, 20), (7, 21), (12, 9)),
        *((25, 25), (25, 26), (26, 25), (26, 26)),
    ]


def test_a_stray_point_between_centres_marks_nothing() -> None:
    assert not filled([(9.4, 12.3)]).any()


@pytest.mark.parametrize("way", [1, -1], ids=["one way round", "the other"])
def test_the_seam_of_a_keyhole_through_centres_leaves_no_cut(way: int) -> None:
    outer, inner = square(5.5, 15.5), square(8.5, 12.5)[::way]
    keyhole = [*outer, outer[0], *inner, inner[0]]  # the seam runs through (6, 6), (7, 7) and (8, 8)
    np.testing.assert_array_equal(filled(keyhole), ring((6, 16), (9, 13)))


def test_a_closed_contour_that_is_called_nonplanar_is_drawn() -> None:
    np.testing.assert_array_equal(filled(square(4.5, 9.5), kind="CLOSED_NONPLANAR"), ring((5, 10)))


@pytest.mark.parametrize(("kind", "told"), [("", 1), ("CLOSED", 1), ("OPEN_PLANAR", 1), ("POINT", 0)])
def test_contours_of_no_known_type_are_told_as_open_lines_are(kind: str, told: int) -> None:
    drawing = region(square(4.5, 9.5), kind=kind)
    assert (drawing.planes, drawing.open_lines) == ((), told)
