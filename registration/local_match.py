"""How well two volumes match under a deformation, and how to do better: correlation within small windows.

Within a window of some millimetres one phase is nearly a straight-line function of another, whatever the contrast agent
does. What the best line leaves unexplained is the misfit, as the logarithm of its variance, so that windows that cannot
match (a rib that stayed, a lesion in another phase) weigh little. Local correlation: Cachier et al., Iconic feature based
nonrigid registration: the PASHA algorithm, CVIU 2003, doi:10.1016/S1077-3142(03)00002-X; the logarithm is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.compiled import compiled

REACH = 2.5  # of a window, in standard deviations


@dataclass(frozen=True)
class Step:
    """Hold a misfit and its quadratic model about the present displacements.

    Attributes:
        misfit: Summed over the voxels.
        slopes: How the moved value changes a mm along the array axes, (3, z, y, x).
        force: The misfit falls by `force * slopes` a mm; (z, y, x).
        stiffness: Its second derivative is `stiffness * slopes * slopes`; (z, y, x).
    """

    misfit: float
    slopes: NDArray[np.float32]
    force: NDArray[np.float32]
    stiffness: NDArray[np.float32]


class LocalMatch:
    """Score displacements of a box of voxels of the reference over the moving volume."""

    def __init__(
        self,
        fixed: NDArray[np.float32],
        mask: NDArray[np.bool_],
        coefficients: NDArray[np.float32],
        affine: NDArray[np.float64],
        per_mm: NDArray[np.float64],
        spacing_mm: NDArray[np.float64],
        *,
        window_mm: float,
        noise_hu: float,
        window_hu: tuple[float, float],
    ) -> None:
        """Prepare what does not change with the displacements.

        Args:
            fixed: The reference in the box (z, y, x), clipped.
            mask: What counts.
            coefficients: The moving volume's spline coefficients.
            affine: 3 x 4, array position in the box -> array position in the moving volume.
            per_mm: 3 x 3, mm along the box's array axes -> the same.
            spacing_mm: Voxel size (z, y, x).
            window_mm: Standard deviation of a window.
            noise_hu: A difference of values that means nothing.
            window_hu: Moving values are clipped to it.
        """
        self.fixed, self.mask = fixed, mask.astype(np.float32)
        self._coefficients, self._affine, self._per_mm = coefficients, affine, per_mm
        self._kernels = [_window(window_mm / s) for s in spacing_mm]
        self._variance = np.float32(noise_hu**2)
        self._low, self._high = np.float32(window_hu[0]), np.float32(window_hu[1])
        weight = np.maximum(self._smooth(self.mask), 1e-3)
        self._per_weight = (self.mask / weight).astype(np.float32)
        inside = self._per_weight
        self._fixed_mean = self._smooth(self.mask * fixed) * inside
        self._fixed_variance = self._smooth(self.mask * fixed * fixed) * inside - self._fixed_mean**2
        self._values = np.empty(fixed.shape, np.float32)

    def _smooth(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum over windows."""
        out = np.ascontiguousarray(values, np.float32)
        for axis, kernel in enumerate(self._kernels):
            shape = out.shape
            result = np.zeros(shape, np.float32)
            if axis == 2:
                _convolve_rows(out.reshape(-1, shape[2]), kernel, result.reshape(-1, shape[2]))
            else:
                three = (int(np.prod(shape[:axis])), shape[axis], -1)
                _convolve(out.reshape(three), kernel, result.reshape(three))
            out = result
        return out

    def step(self, field: NDArray[np.float32]) -> Step:
        """Give the misfit of displacements (3, z, y, x; mm along the array axes), and how it changes with them."""
        slopes = np.empty(field.shape, np.float32)
        _warp(
            self._coefficients,
            self._affine,
            self._per_mm,
            self.mask,
            field,
            self._low,
            self._high,
            self._values,
            slopes,
        )
        moved, mask, inside, noise = self._values, self.mask, self._per_weight, self._variance
        mean = self._smooth(mask * moved) * inside
        variance = self._smooth(mask * moved * moved) * inside - mean * mean
        common = self._smooth(mask * moved * self.fixed) * inside - mean * self._fixed_mean
        slope = common / (np.maximum(variance, 0) + noise)
        rest = np.maximum(self._fixed_variance - slope * common, 0)
        unexplained = (rest + noise) / (np.maximum(self._fixed_variance, 0) + noise)
        misfit = float((mask * np.log(unexplained)).sum(dtype=np.float64))
        # The line of each window is the best one, so that its own change does not count (envelope theorem).
        share = inside / (rest + noise)
        of_slope = self._smooth(share * slope)
        of_square = self._smooth(share * slope * slope)
        of_offset = self._smooth(share * slope * (self._fixed_mean - slope * mean))
        force = mask * (self.fixed * of_slope - moved * of_square - of_offset)
        return Step(misfit, slopes, force.astype(np.float32), (mask * of_square).astype(np.float32))

    def explained(self, field: NDArray[np.float32]) -> float:
        """Give the share of the reference's local variance that the moving volume explains (0..1), a geometric mean."""
        return 1.0 - float(np.exp(self.step(field).misfit / self.mask.sum(dtype=np.float64)))


def _window(sigma: float) -> NDArray[np.float32]:
    """Give a Gaussian window in voxels; its sum is 1."""
    reach = max(1, int(np.ceil(REACH * sigma)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)


@compiled(fastmath={"contract"})
def _convolve(values, kernel, out):  # type: ignore[no-untyped-def]
    """Add weighted neighbours along the middle one of three axes; beyond the ends there is nothing."""
    reach = len(kernel) // 2
    for a in range(values.shape[0]):
        for n in range(values.shape[1]):
            for k in range(max(0, n - reach), min(values.shape[1], n + reach + 1)):
                w = kernel[k - n + reach]
                for b in range(values.shape[2]):
                    out[a, n, b] += w * values[a, k, b]


@compiled(fastmath={"contract"})
def _convolve_rows(values, kernel, out):  # type: ignore[no-untyped-def]
    """Do the same along the last of two axes."""
    reach = len(kernel) // 2
    for a in range(values.shape[0]):
        for j in range(len(kernel)):
            w = kernel[j]
            shift = j - reach
            for n in range(max(0, -shift), min(values.shape[1], values.shape[1] - shift)):
                out[a, n] += w * values[a, n + shift]


@compiled(fastmath={"contract"})
def _warp(table, affine, per_mm, mask, field, low, high, values, slopes):  # type: ignore[no-untyped-def]
    """Read the moving volume and its slopes, by cubic splines, where the voxels of the mask are displaced to."""
    top = (table.shape[0] - 4, table.shape[1] - 4, table.shape[2] - 4)
    w = np.empty((3, 4), np.float32)
    d = np.empty((3, 4), np.float32)
    at = np.empty(3, np.int64)
    half, sixth = np.float32(0.5), np.float32(1 / 6)
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            for k in range(mask.shape[2]):
                if mask[i, j, k] == 0:
                    values[i, j, k] = 0
                    slopes[0, i, j, k] = 0
                    slopes[1, i, j, k] = 0
                    slopes[2, i, j, k] = 0
                    continue
                for a in range(3):
                    p = affine[a, 0] * i + affine[a, 1] * j + affine[a, 2] * k + affine[a, 3]
                    for b in range(3):
                        p += per_mm[a, b] * field[b, i, j, k]
                    p = min(max(p, 0.0), top[a] + 1e-4)
                    at[a] = int(p)
                    t = np.float32(p - at[a])
                    u = np.float32(1) - t
                    w[a, 0] = sixth * u * u * u
                    w[a, 1] = np.float32(2 / 3) - half * t * t * (np.float32(1) + u)
                    w[a, 2] = np.float32(2 / 3) - half * u * u * (np.float32(1) + t)
                    w[a, 3] = sixth * t * t * t
                    d[a, 0] = -half * u * u
                    d[a, 1] = half * t * (np.float32(3) * t - np.float32(4))
                    d[a, 3] = half * t * t
                    d[a, 2] = -(d[a, 0] + d[a, 1] + d[a, 3])
                v, sz, sy, sx = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
                for dz in range(4):
                    vy, yy, xy = np.float32(0), np.float32(0), np.float32(0)
                    for dy in range(4):
                        c0 = table[at[0] + dz, at[1] + dy, at[2]]
                        c1 = table[at[0] + dz, at[1] + dy, at[2] + 1]
                        c2 = table[at[0] + dz, at[1] + dy, at[2] + 2]
                        c3 = table[at[0] + dz, at[1] + dy, at[2] + 3]
                        row = w[2, 0] * c0 + w[2, 1] * c1 + w[2, 2] * c2 + w[2, 3] * c3
                        vy += w[1, dy] * row
                        yy += d[1, dy] * row
                        xy += w[1, dy] * (d[2, 0] * c0 + d[2, 1] * c1 + d[2, 2] * c2 + d[2, 3] * c3)
                    v += w[0, dz] * vy
                    sz += d[0, dz] * vy
                    sy += w[0, dz] * yy
                    sx += w[0, dz] * xy
                if v <= low or v >= high:
                    v = min(max(v, low), high)
                    sz, sy, sx = np.float32(0), np.float32(0), np.float32(0)
                values[i, j, k] = v
                for b in range(3):
                    slopes[b, i, j, k] = per_mm[0, b] * sz + per_mm[1, b] * sy + per_mm[2, b] * sx
