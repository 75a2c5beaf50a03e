"""Diameters against shapes whose size is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnunet_multiphase.measurement.shapes import axial_diameters, diameter_3d

SPACING_MM = (0.8, 1.1, 3.0)


def ellipsoid(
    radii_mm: tuple[float, float, float], turned_degrees: float, spacing_mm=SPACING_MM
) -> np.ndarray:
    """A mask (z, y, x) of an ellipsoid, its x axis turned in the slices."""
    size = [2 * math.ceil(max(radii_mm) / s) + 5 for s in spacing_mm]
    x, y, z = np.meshgrid(
        *[(np.arange(n) - n // 2 + 0.13) * s for n, s in zip(size, spacing_mm, strict=True)], indexing="ij"
    )
    angle = math.radians(turned_degrees)
    along, across = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    inside = (along / radii_mm[0]) ** 2 + (across / radii_mm[1]) ** 2 + (z / radii_mm[2]) ** 2 <= 1
    return inside.transpose(2, 1, 0)


@pytest.mark.parametrize("turned_degrees", [0.0, 27.0, 60.0, 135.0])
def test_an_ellipsoid_has_its_axes(turned_degrees: float) -> None:
    long, short = axial_diameters(ellipsoid((20.0, 9.0, 14.0), turned_degrees), SPACING_MM)
    # Each end is known to half a voxel's diagonal, .68 mm.
    assert long.mm == pytest.approx(40.0, abs=1.4)
    assert short.mm == pytest.approx(18.0, abs=1.4)


def test_the_long_diameter_lies_along_the_ellipsoids_axis() -> None:
    long, _ = axial_diameters(ellipsoid((20.0, 9.0, 14.0), 27.0), SPACING_MM)
    way = (long.ends[1] - long.ends[0]) * SPACING_MM
    assert np.degrees(np.arctan2(way[1], way[0])) % 180 == pytest.approx(27.0, abs=4.0)


def test_the_chords_are_as_long_as_their_ends_are_apart_and_at_right_angles() -> None:
    long, short = axial_diameters(ellipsoid((20.0, 9.0, 14.0), 60.0), SPACING_MM)
    ways = [(chord.ends[1] - chord.ends[0]) * SPACING_MM for chord in (long, short)]
    assert [float(np.linalg.norm(way)) for way in ways] == pytest.approx([long.mm, short.mm])
    assert float(ways[0] @ ways[1]) == pytest.approx(0.0, abs=1e-6)


def test_a_box_has_its_sides_between_edge_midpoints() -> None:
    mask = np.zeros((3, 9, 14), bool)
    mask[1, 2:5, 3:13] = True  # 10 x 3 voxels
    long, short = axial_diameters(mask, SPACING_MM)
    a, b = 10 * 0.8, 2 * 1.1
    assert long.mm == pytest.approx(math.hypot(a, b))
    # At right angles to (a, b) from the upper side to the lower one, 3 voxels apart.
    assert short.mm == pytest.approx(3 * 1.1 / math.cos(math.atan2(b, a)), rel=1e-9)


def test_a_single_voxel_is_as_long_and_wide_as_its_sides() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    long, short = axial_diameters(mask, SPACING_MM)
    assert (long.mm, short.mm) == pytest.approx((1.1, 0.8))
    assert diameter_3d(mask, SPACING_MM).mm == pytest.approx(3.0)


def test_the_slice_with_the_longest_diameter_is_the_one_that_is_measured() -> None:
    mask = np.zeros((5, 8, 20), bool)
    mask[1, 2:7, 2:6] = True
    mask[3, 4, 2:18] = True
    long, short = axial_diameters(mask, SPACING_MM)
    assert (long.mm, short.mm) == pytest.approx((16 * 0.8, 1.1))
    assert {end[2] for end in (*long.ends, *short.ends)} == {3.0}


def test_the_3d_diameter_is_the_longest_axis_even_across_slices() -> None:
    found = diameter_3d(ellipsoid((10.0, 9.0, 24.0), 0.0), SPACING_MM)
    assert found.mm == pytest.approx(48.0, abs=2.0)
    way = (found.ends[1] - found.ends[0]) * SPACING_MM
    assert abs(way[2]) / found.mm > 0.98


@pytest.mark.parametrize("radius_mm", [5.0, 11.0])
def test_a_sphere_is_as_long_in_space_as_in_its_slices(radius_mm: float) -> None:
    mask = ellipsoid((radius_mm,) * 3, 0.0, (0.7, 0.7, 0.7))
    assert diameter_3d(mask, (0.7,) * 3).mm == pytest.approx(2 * radius_mm, abs=1.2)


def test_an_empty_mask_has_no_diameter() -> None:
    with pytest.raises(ValueError, match="no diameter"):
        axial_diameters(np.zeros((2, 3, 3), bool), SPACING_MM)
