"""Read a volume between its voxels, by cubic B-splines or linearly, and count joint histograms; compiled.

A cubic spline through the voxels is a sum of B-splines whose coefficients a recursive filter finds (Unser,
Aldroubi, Eden: B-spline signal processing, IEEE TSP 1993, doi:10.1109/78.193220). The filter is ITK's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.compiled import compiled

PAD_LOW, PAD_HIGH = 1, 2  # neighbours that a position between two voxels needs beyond them
EDGE = np.float32(1e-4)  # in voxels: rounding must not push a point on the outermost voxels outside


@dataclass(frozen=True)
class Interpolant:
    """Hold a volume in the form that is read between its voxels.

    Attributes:
        table: Spline coefficients, or the values themselves; float32, (z + 3, y + 3, x + 3).
        cubic: Read by cubic splines; otherwise linearly, which takes a third of the time.
    """

    table: NDArray[np.float32]
    cubic: bool


def cubic_interpolant(values: NDArray) -> Interpolant:
    """Prepare a volume (z, y, x) to be read by cubic splines."""
    return Interpolant(spline_coefficients(values), cubic=True)


def linear_interpolant(values: NDArray) -> Interpolant:
    """Prepare a volume (z, y, x) to be read linearly."""
    return Interpolant(np.pad(values.astype(np.float32), (PAD_LOW, PAD_HIGH), mode="edge"), cubic=False)


def spline_coefficients(values: NDArray) -> NDArray[np.float32]:
    """Give a volume's B-spline coefficients, mirrored beyond its ends so that no border case is left.

    Args:
        values: Array (z, y, x).

    Returns:
        Array (z + 3, y + 3, x + 3): one more at each low end, two more at each high end.
    """
    image = sitk.GetImageFromArray(values.astype(np.float32, copy=False))
    coefficients = sitk.GetArrayFromImage(sitk.BSplineDecomposition(image, 3))
    return np.pad(coefficients, (PAD_LOW, PAD_HIGH), mode="reflect")


# The indices below are unsigned: numba would test each signed one for "counted from the end".
@compiled(inline="always")
def cubic_value(flat, plane, row, z, y, x):  # type: ignore[no-untyped-def]
    """Interpolate a padded table of coefficients, (planes of rows) flattened, at one position inside the volume."""
    iz, iy, ix = np.int32(z), np.int32(y), np.int32(x)  # positions are not negative, so this is the floor
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
    y0, y1 = sixth * uy * uy * uy, two_thirds - half * ty * ty * (one + uy)
    y2, y3 = two_thirds - half * uy * uy * (one + ty), sixth * ty * ty * ty
    a = np.uint64(iz) * plane + np.uint64(iy) * row + np.uint64(ix)
    u1, u2, u3 = np.uint64(1), np.uint64(2), np.uint64(3)
    # The four columns along x are summed apart: no sum waits for the one before it.
    s0, s1, s2, s3 = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for k in range(4):
        w = wz[k]
        b = a + row
        c = b + row
        d = c + row
        s0 += w * (y0 * flat[a] + y1 * flat[b] + y2 * flat[c] + y3 * flat[d])
        s1 += w * (y0 * flat[a + u1] + y1 * flat[b + u1] + y2 * flat[c + u1] + y3 * flat[d + u1])
        s2 += w * (y0 * flat[a + u2] + y1 * flat[b + u2] + y2 * flat[c + u2] + y3 * flat[d + u2])
        s3 += w * (y0 * flat[a + u3] + y1 * flat[b + u3] + y2 * flat[c + u3] + y3 * flat[d + u3])
        a += plane
    return (
        sixth * ux * ux * ux * s0
        + (two_thirds - half * tx * tx * (one + ux)) * s1
        + (two_thirds - half * ux * ux * (one + tx)) * s2
        + sixth * tx * tx * tx * s3
    )


@compiled(inline="always")
def linear_value(flat, plane, row, z, y, x):  # type: ignore[no-untyped-def]
    """Interpolate a padded table of values, (planes of rows) flattened, at one position inside the volume."""
    iz, iy, ix = np.int32(z), np.int32(y), np.int32(x)
    tz, ty, tx = np.float32(z - iz), np.float32(y - iy), np.float32(x - ix)
    one = np.uint64(1)  # also the padding at the low ends
    a = np.uint64(iz + 1) * plane + np.uint64(iy + 1) * row + np.uint64(ix + 1)
    b, c = a + row, a + plane
    d = c + row
    near_low = flat[a] + tx * (flat[a + one] - flat[a])
    near_high = flat[b] + tx * (flat[b + one] - flat[b])
    far_low = flat[c] + tx * (flat[c + one] - flat[c])
    far_high = flat[d] + tx * (flat[d + one] - flat[d])
    near, far = near_low + ty * (near_high - near_low), far_low + ty * (far_high - far_low)
    return near + tz * (far - near)


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
    row = np.uint64(coefficients.shape[2])
    plane = np.uint64(coefficients.shape[1]) * row
    flat = coefficients.ravel()
    values = np.empty(len(positions), np.float32)
    for n in range(len(positions)):
        z, y, x = positions[n, 0], positions[n, 1], positions[n, 2]
        if z >= 0 and y >= 0 and x >= 0 and z <= top_z and y <= top_y and x <= top_x:
            values[n] = cubic_value(flat, plane, row, z, y, x)
        else:
            values[n] = np.nan
    return values


@compiled(fastmath={"contract"})
def fill_shares(table, cubic, points, rows, affines, low, per_unit, weights, first, step, shares):  # type: ignore[no-untyped-def]
    """Move sample points, read the moving volume there as `add_joint_histograms` does, and look the pairs' weights up.

    Args:
        table: The moving volume's, from an `Interpolant`.
        cubic: Whether it holds spline coefficients.
        points: Sample points (3, n), float32.
        rows: The reference's bin at each point (n,), int32.
        affines: 3 x 4 matrices (m, 3, 4), float32: point -> array position (z, y, x) in the moving volume.
        low: Value at the centre of the first moving bin.
        per_unit: Bins a unit of value.
        weights: Of each pair of bins (reference bins, moving bins), float64; between two moving bins linear.
        first: The first motion of this call.
        step: Motions from one to the next.
        shares: (m, n), float64: is set to the weights, NaN outside the moving volume's data.
    """
    low_edge, zero = -EDGE, np.float32(0.0)
    top_z = np.float32(table.shape[0] - 4) + EDGE
    top_y = np.float32(table.shape[1] - 4) + EDGE
    top_x = np.float32(table.shape[2] - 4) + EDGE
    row = np.uint64(table.shape[2])
    plane = np.uint64(table.shape[1]) * row
    flat = table.ravel()
    last = np.int32(weights.shape[1] - 1)
    highest = np.float32(last)
    low32, per_unit32 = np.float32(low), np.float32(per_unit)
    for motion in range(first, len(affines), step):
        a = affines[motion]
        for n in range(points.shape[1]):
            px, py, pz = points[0, n], points[1, n], points[2, n]
            z = a[0, 0] * px + a[0, 1] * py + a[0, 2] * pz + a[0, 3]
            y = a[1, 0] * px + a[1, 1] * py + a[1, 2] * pz + a[1, 3]
            x = a[2, 0] * px + a[2, 1] * py + a[2, 2] * pz + a[2, 3]
            if z >= low_edge and y >= low_edge and x >= low_edge and z <= top_z and y <= top_y and x <= top_x:
                z, y, x = max(z, zero), max(y, zero), max(x, zero)
                value = (
                    cubic_value(flat, plane, row, z, y, x)
                    if cubic
                    else linear_value(flat, plane, row, z, y, x)
                )
                place = min(max((value - low32) * per_unit32, zero), highest)
                column = min(np.int32(place), last - np.int32(1))
                share = place - np.float32(column)
                here = weights[rows[n], column]
                shares[motion, n] = here + share * (weights[rows[n], column + 1] - here)
            else:
                shares[motion, n] = np.nan


@compiled(fastmath={"contract"})  # fused multiply-adds; nothing that changes the order of a sum
def add_joint_histograms(  # type: ignore[no-untyped-def]
    table, cubic, points, rows, affines, low, per_unit, chunk, first, step, histograms, inside
):
    """Move sample points, interpolate the moving volume there, and count value pairs.

    The moving value is shared between its two nearest bins, so that the histogram changes smoothly with the
    motion; the reference value is the same every time and takes one bin.

    The work is cut into tasks, one a motion and chunk of points. A call does every `step`-th of them, so that two
    threads can share the work, and each sum is formed in the same order whoever forms it.

    Args:
        table: The moving volume's, from an `Interpolant`.
        cubic: Whether it holds spline coefficients.
        points: Sample points (3, n), float32, in any frame that `affines` understand.
        rows: The reference's bin at each point (n,), int32.
        affines: 3 x 4 matrices (m, 3, 4), float32: point -> array position (z, y, x) in the moving volume.
        low: Value at the centre of the first moving bin.
        per_unit: Bins a unit of value.
        chunk: Points a task.
        first: The first task of this call.
        step: Tasks from one to the next.
        histograms: (m, chunks, reference bins, moving bins), float64, contiguous; is added to.
        inside: (m, chunks), int64: is set to the number of points that fell into the moving volume's data.
    """
    low_edge = -EDGE
    top_z = np.float32(table.shape[0] - 4) + EDGE
    top_y = np.float32(table.shape[1] - 4) + EDGE
    top_x = np.float32(table.shape[2] - 4) + EDGE
    row = np.uint64(table.shape[2])
    plane = np.uint64(table.shape[1]) * row
    flat = table.ravel()
    px, py, pz = points[0], points[1], points[2]
    chunks, columns = histograms.shape[1], np.uint64(histograms.shape[3])
    last = np.int32(histograms.shape[3] - 1)
    one, zero, highest = np.float32(1.0), np.float32(0.0), np.float32(last)
    low32, per_unit32 = np.float32(low), np.float32(per_unit)
    for task in range(first, histograms.shape[0] * chunks, step):
        motion, part = task // chunks, task % chunks
        a = affines[motion]
        zx, zy, zz, z0 = a[0, 0], a[0, 1], a[0, 2], a[0, 3]
        yx, yy, yz, y0 = a[1, 0], a[1, 1], a[1, 2], a[1, 3]
        xx, xy, xz, x0 = a[2, 0], a[2, 1], a[2, 2], a[2, 3]
        histogram = histograms[motion, part].ravel()
        count = 0
        for n in range(part * chunk, min((part + 1) * chunk, len(rows))):
            z = zx * px[n] + zy * py[n] + zz * pz[n] + z0
            y = yx * px[n] + yy * py[n] + yz * pz[n] + y0
            x = xx * px[n] + xy * py[n] + xz * pz[n] + x0
            if z >= low_edge and y >= low_edge and x >= low_edge and z <= top_z and y <= top_y and x <= top_x:
                z, y, x = max(z, zero), max(y, zero), max(x, zero)
                value = (
                    cubic_value(flat, plane, row, z, y, x)
                    if cubic
                    else linear_value(flat, plane, row, z, y, x)
                )
                place = min(max((value - low32) * per_unit32, zero), highest)
                column = min(np.int32(place), last - np.int32(1))
                share = place - np.float32(column)
                cell = np.uint64(rows[n]) * columns + np.uint64(column)
                histogram[cell] += one - share
                histogram[cell + np.uint64(1)] += share
                count += 1
        inside[motion, part] = count
