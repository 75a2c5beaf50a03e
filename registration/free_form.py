"""A free-form deformation: displacements as cubic B-splines of a grid of control points, and their bending energy.

Rueckert et al.: Nonrigid registration using free-form deformations, IEEE TMI 1999, doi:10.1109/42.796284. Voxels and
control points lie on parallel grids, so that every sum over control points is done an axis at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.compiled import compiled
from registration.volume import Volume

STILL_LAYERS = (
    3  # outermost control points that stay 0: with them the deformation fades out smoothly, to nothing
)
# A cubic B-spline and its derivatives at its knots, in units of the mesh.
KNOTS = ((1 / 6, 2 / 3, 1 / 6), (-0.5, 0.0, 0.5), (1.0, -2.0, 1.0))
SECOND_DERIVATIVES = ((2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1))


@dataclass(frozen=True)
class Axis:
    """Hold where the voxels of an axis lie among its control points.

    Attributes:
        first: First of the four control points that reach a voxel, (voxels,).
        weights: Their shares, (voxels, 4).
        controls: Number of control points.
        start_mm: Place of the first voxel, from the second control point on.
    """

    first: NDArray[np.int64]
    weights: NDArray[np.float32]
    controls: int
    start_mm: float


@dataclass(frozen=True)
class ControlGrid:
    """Hold a grid of control points over a box of voxels, parallel to it.

    Attributes:
        axes: One for each array axis (z, y, x).
        mesh_mm: From control point to control point.
    """

    axes: tuple[Axis, Axis, Axis]
    mesh_mm: float

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of an array of control points: displacements (z, y, x) first."""
        return (3, *(axis.controls for axis in self.axes))  # type: ignore[return-value]

    def free(self) -> NDArray[np.float64]:
        """Give 1 where a control point may move, 0 on the outermost layers."""
        mask = np.zeros(self.shape)
        inner = slice(STILL_LAYERS, -STILL_LAYERS)
        mask[:, inner, inner, inner] = 1.0
        return mask


def control_grid(volume: Volume, mesh_mm: float, around_mm: float) -> ControlGrid:
    """Lay control points over a volume and around it.

    Args:
        volume: The box of voxels.
        mesh_mm: From control point to control point.
        around_mm: How far beyond the voxels the deformation may reach; there it has faded to nothing.
    """
    axes = []
    for voxels, spacing in zip(volume.values.shape, volume.spacing_zyx_mm, strict=True):
        length = (voxels - 1) * spacing
        meshes = int(np.ceil((length + 2 * around_mm) / mesh_mm))
        axes.append(_axis(voxels, spacing, (meshes * mesh_mm - length) / 2, meshes, mesh_mm))
    return ControlGrid((axes[0], axes[1], axes[2]), mesh_mm)


def everywhere(grid: ControlGrid, volume: Volume) -> tuple[ControlGrid, NDArray[np.int64]]:
    """Continue the volume's voxels over all that the control points reach.

    Returns:
        The same control points over more voxels, and how many voxels were added at the low ends (z, y, x).
    """
    axes, added = [], []
    for axis, voxels, spacing in zip(grid.axes, volume.values.shape, volume.spacing_zyx_mm, strict=True):
        more = int(axis.start_mm / spacing)
        start = axis.start_mm - more * spacing
        axes.append(_axis(voxels + 2 * more, spacing, start, axis.controls - 3, grid.mesh_mm))
        added.append(more)
    return ControlGrid((axes[0], axes[1], axes[2]), grid.mesh_mm), np.array(added)


def _axis(voxels: int, spacing_mm: float, start_mm: float, meshes: int, mesh_mm: float) -> Axis:
    place = (start_mm + np.arange(voxels) * spacing_mm) / mesh_mm
    first = np.clip(np.floor(place).astype(np.int64), 0, meshes - 1)
    t = place - first
    u = 1 - t
    weights = np.stack([u**3, 4 - 3 * t**2 * (1 + u), 4 - 3 * u**2 * (1 + t), t**3], axis=1) / 6
    return Axis(first, weights.astype(np.float32), meshes + 3, start_mm)


def displacements(grid: ControlGrid, controls: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give the displacements (3, z, y, x), mm along the array axes, at the voxels."""
    field = controls.astype(np.float32)
    for number, axis in reversed(list(enumerate(grid.axes, start=1))):  # the last axis while there is little
        shape = field.shape
        flat = field.reshape(int(np.prod(shape[:number])), shape[number], -1)
        out = np.empty((flat.shape[0], len(axis.first), flat.shape[2]), np.float32)
        _spread(np.ascontiguousarray(flat), axis.first, axis.weights, out)
        field = out.reshape(*shape[:number], len(axis.first), *shape[number + 1 :])
    return field


def gathered(grid: ControlGrid, forces: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum what acts on the voxels (3, z, y, x) up at the control points: the transpose of `displacements`."""
    field = forces
    for number, axis in enumerate(grid.axes, start=1):
        shape = field.shape
        flat = field.reshape(int(np.prod(shape[:number])), shape[number], -1)
        out = np.zeros((flat.shape[0], axis.controls, flat.shape[2]), np.float32)
        _gather(np.ascontiguousarray(flat), axis.first, axis.weights, out)
        field = out.reshape(*shape[:number], axis.controls, *shape[number + 1 :])
    return field.astype(np.float64)


@compiled(fastmath={"contract"})
def _spread(field, first, weights, out):  # type: ignore[no-untyped-def]
    """Give each voxel the weighted sum of its four control points, along the middle one of three axes."""
    for a in range(out.shape[0]):
        for n in range(out.shape[1]):
            k = first[n]
            w0, w1, w2, w3 = weights[n, 0], weights[n, 1], weights[n, 2], weights[n, 3]
            for b in range(out.shape[2]):
                out[a, n, b] = (
                    w0 * field[a, k, b]
                    + w1 * field[a, k + 1, b]
                    + w2 * field[a, k + 2, b]
                    + w3 * field[a, k + 3, b]
                )


@compiled(fastmath={"contract"})
def _gather(field, first, weights, out):  # type: ignore[no-untyped-def]
    """Add each voxel to its four control points, along the middle one of three axes."""
    for a in range(field.shape[0]):
        for n in range(field.shape[1]):
            k = first[n]
            for j in range(4):
                w = weights[n, j]
                for b in range(field.shape[2]):
                    out[a, k + j, b] += w * field[a, n, b]


def bending(grid: ControlGrid, controls: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give half the derivative of the bending energy: the energy is the sum of this times the control points.

    The energy is the integral of the squared second derivatives, summed at the knots, in mm.
    """
    total = np.zeros_like(controls)
    for orders in SECOND_DERIVATIVES:
        there = controls
        for axis, order in enumerate(orders, start=1):
            there = _along(there, axis, KNOTS[order])
        for axis, order in enumerate(orders, start=1):
            there = _along(there, axis, KNOTS[order][::-1])
        total += there * (1.0 if 2 in orders else 2.0)
    return total / grid.mesh_mm


def bending_diagonal(grid: ControlGrid) -> float:
    """Give what `bending` makes of a single control point at its own place."""
    of = [sum(w * w for w in knot) for knot in KNOTS]
    return (3 * of[2] * of[0] ** 2 + 3 * 2 * of[1] ** 2 * of[0]) / grid.mesh_mm


def _along(controls: NDArray[np.float64], axis: int, weights: tuple[float, ...]) -> NDArray[np.float64]:
    """Weigh each control point and its two neighbours along an axis; beyond the ends there are none."""
    low, middle, high = weights
    moved = np.moveaxis(controls, axis, 0)
    out = middle * moved
    out[1:] += low * moved[:-1]
    out[:-1] += high * moved[1:]
    return np.moveaxis(out, 0, axis)


def spline_transform(
    grid: ControlGrid, controls: NDArray[np.float64], volume: Volume
) -> sitk.BSplineTransform:
    """Give the deformation as ITK's transform of world points; ITK takes it for still beyond the control points."""
    start_mm = np.array([axis.start_mm for axis in grid.axes])[::-1] + grid.mesh_mm
    world = np.einsum("ij,jzyx->izyx", volume.directions, controls[::-1])
    images = []
    for component in world:
        image = sitk.GetImageFromArray(np.ascontiguousarray(component))
        image.SetSpacing([grid.mesh_mm] * 3)
        image.SetDirection(volume.directions.ravel().tolist())
        image.SetOrigin((volume.origin - volume.directions @ start_mm).tolist())
        images.append(image)
    return sitk.BSplineTransform(images, 3)


def jacobian(field: NDArray[np.float32], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the local volume of a deformation: 1 = kept, 0 = folded.

    Args:
        field: Displacements (3, z, y, x), mm along the array axes.
        spacing_mm: Voxel size (z, y, x).

    Returns:
        Array (z, y, x): the determinant of the deformation's derivative.
    """
    (a, b, c), (d, e, f), (g, h, i) = (np.gradient(part.astype(np.float64), *spacing_mm) for part in field)
    a, e, i = a + 1, e + 1, i + 1
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
