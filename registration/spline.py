"""Cubic B-spline interpolation and joint histograms, compiled.

A cubic spline through the voxels is a sum of B-splines whose coefficients a recursive filter finds (Unser,
Aldroubi, Eden: B-spline signal processing, IEEE TSP 1993, doi:10.1109/78.193220). The filter is scipy's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from registration.compiled import compiled

PAD_LOW, PAD_HIGH = 1, 2  # neighbours that a position between two voxels needs beyond them


def spline_coefficients(values: NDArray) -> NDArray[np.float32]:
    """Give a volume's B-spline coefficients, mirrored beyond its ends so that no border case is left.

    Args:
        values: Array (z, y, x).

    Returns:
        Array (z + 3, y + 3, x + 3): one more at each low end, two more at each high end.
    """
    coefficients = ndimage.spline_filter(values, order=3, output=np.float32, mode="mirror")
    return np.pad(coefficients, (PAD_LOW, PAD_HIGH), mode="reflect")


@compiled(inline="always")
def _cubic(coefficients, z, y, x):  # type: ignore[no-untyped-def]
    """Interpolate at one position (in voxels) inside the volume."""
    iz, iy, ix = int(z), int(y), int(x)  # positions are not negative, so this is the floor
    tz, ty, tx = np.float32(z - iz), np.float32(y - iy), np.float32(x - ix)
    one, half = np.float32(1.0), np.float32(0.5)
    sixth, two_thirds = np.float32(1 / 6), np.float32(2 / 3)
    uz, uy, ux = one - tz, one - ty, one - tx
    wz = (
        sixth * uz * uz * uz,
        two_thirds - half * tz * tz * (one + uz),
        two_thirds - half * uz * uz * (one + tz),
        sixth * tz * tz * tz,
    )
    wy = (
        sixth * uy * uy * uy,
        two_thirds - half * ty * ty * (one + uy),
        two_thirds - half * uy * uy * (one + ty),
        sixth * ty * ty * ty,
    )
    x0, x1 = sixth * ux * ux * ux, two_thirds - half * tx * tx * (one + ux)
    x2, x3 = two_thirds - half * ux * ux * (one + tx), sixth * tx * tx * tx
    value = np.float32(0.0)
    for k in range(4):
        plane = np.float32(0.0)
        for j in range(4):
            row = coefficients[iz + k, iy + j]
            plane += wy[j] * (x0 * row[ix] + x1 * row[ix + 1] + x2 * row[ix + 2] + x3 * row[ix + 3])
        value += wz[k] * plane
    return value


@compiled()
def interpolate(coefficients, positions):  # type: ignore[no-untyped-def]
    """Interpolate a volume by cubic splines.

    Args:
        coefficients: What `spline_coefficients` gave.
        positions: Array positions (n, 3: z, y, x), in voxels; float64.

    Returns:
        Values (n,), float32; NaN beyond the centres of the outermost voxels.
    """
    top_z, top_y, top_x = coefficients.shape[0] - 4, coefficients.shape[1] - 4, coefficients.shape[2] - 4
    values = np.empty(len(positions), np.float32)
    for n in range(len(positions)):
        z, y, x = positions[n, 0], positions[n, 1], positions[n, 2]
        if z >= 0 and y >= 0 and x >= 0 and z <= top_z and y <= top_y and x <= top_x:
            values[n] = _cubic(coefficients, z, y, x)
        else:
            values[n] = np.nan
    return values


@compiled()
def add_joint_histogram(coefficients, points, reference_bins, affine, low, per_unit, histogram):  # type: ignore[no-untyped-def]
    """Move sample points, interpolate the moving volume there, and count value pairs.

    The moving value is shared between its two nearest bins, so that the histogram changes smoothly with the
    motion; the reference value is the same every time and takes one bin.

    Args:
        coefficients: The moving volume's, from `spline_coefficients`.
        points: Sample points (n, 3), float32, in any frame that `affine` understands.
        reference_bins: The reference's bin at each point (n,), int32.
        affine: 3 x 4 matrix, float64: point -> array position (z, y, x) in the moving volume.
        low: Value at the centre of the first moving bin.
        per_unit: Bins a unit of value.
        histogram: (reference bins, moving bins), float64; is added to.

    Returns:
        How many points fell into the moving volume's data.
    """
    top_z, top_y, top_x = coefficients.shape[0] - 4, coefficients.shape[1] - 4, coefficients.shape[2] - 4
    last = histogram.shape[1] - 1
    zero, highest = np.float32(0.0), np.float32(last)
    low32, per_unit32 = np.float32(low), np.float32(per_unit)
    inside = 0
    for n in range(len(points)):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        z = affine[0, 0] * px + affine[0, 1] * py + affine[0, 2] * pz + affine[0, 3]
        y = affine[1, 0] * px + affine[1, 1] * py + affine[1, 2] * pz + affine[1, 3]
        x = affine[2, 0] * px + affine[2, 1] * py + affine[2, 2] * pz + affine[2, 3]
        if not (z >= 0 and y >= 0 and x >= 0 and z <= top_z and y <= top_y and x <= top_x):
            continue
        place = (_cubic(coefficients, z, y, x) - low32) * per_unit32
        place = min(max(place, zero), highest)
        bin_low = min(int(place), last - 1)
        share = place - np.float32(bin_low)
        row = reference_bins[n]
        histogram[row, bin_low] += np.float32(1.0) - share
        histogram[row, bin_low + 1] += share
        inside += 1
    return inside
