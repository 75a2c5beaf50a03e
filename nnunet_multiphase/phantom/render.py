"""Render a phase on its own grid: evaluate the anatomy at every voxel's physical place, then add noise.

Nothing is interpolated: images and masks come straight from the formulas, so a mask is exact on any grid.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import fft, ndimage

from nnunet_multiphase.phantom.lesions import Lesion, distance
from nnunet_multiphase.phantom.motion import Motion, rotation_matrix
from nnunet_multiphase.phantom.shapes import Points
from nnunet_multiphase.phantom.tissue import Patient, body_hu
from nnunet_multiphase.phases import FILL_HU

SLAB_POINTS = 30_000


@dataclass(frozen=True)
class Grid:
    """A scanner's grid in SimpleITK's convention: size, spacing and origin as (x, y, z)."""

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: npt.NDArray[np.float64]  # (3, 3), columns = the axes

    def points_mm(self, slices: range, offset: float = 0.0) -> npt.NDArray[np.float64]:
        """Return the physical points (3, K * Y * X) of K slices, `offset` slices off their middles."""
        axes = [np.asarray(slices) + offset, np.arange(self.size[1]), np.arange(self.size[0])]
        index = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")[::-1]])
        scaled = self.direction @ (index * np.asarray(self.spacing_mm)[:, None])
        return np.asarray(scaled + np.asarray(self.origin_mm)[:, None], dtype=np.float64)

    def slabs(self) -> list[range]:
        """Return the slices in groups that are worth a numpy call and still fit the processor's cache."""
        step = max(1, SLAB_POINTS // (self.size[0] * self.size[1]))
        return [range(k, min(k + step, self.size[2])) for k in range(0, self.size[2], step)]


def sample_grid(
    rng: np.random.Generator,
    motion: Motion,
    *,
    spacing_mm: tuple[float, float, float],
    in_plane: tuple[int, int],
    length_mm: float,
    middle_mm: npt.ArrayLike,
    max_oblique_deg: float = 5.0,
) -> Grid:
    """Draw a grid around the patient as he lies in this phase.

    Args:
        rng: Source of randomness.
        motion: Where the patient lies.
        spacing_mm: Spacing (x, y, z).
        in_plane: Matrix (x, y).
        length_mm: Coverage along the slices.
        middle_mm: The grid's middle (3,) in the patient's frame.
        max_oblique_deg: Largest tilt about each axis.
    """
    direction = rotation_matrix(rng.uniform(-1, 1, 3) * max_oblique_deg)
    size = (in_plane[0], in_plane[1], max(8, round(length_mm / spacing_mm[2])))
    centre = motion.rotation @ np.asarray(middle_mm) + motion.translation_mm + rng.uniform(-4, 4, 3)
    half = direction @ ((np.asarray(size) - 1) / 2 * np.asarray(spacing_mm))
    x, y, z = (round(float(v), 4) for v in centre - half)
    return Grid(size, spacing_mm, (x, y, z), direction)


def render_hu(patient: Patient, motion: Motion, phase: str, grid: Grid) -> npt.NDArray[np.float32]:
    """Return noise-free HU (z, y, x); every voxel averages two points along its slice's thickness."""
    softness = 1.1 * max(grid.spacing_mm[:2])
    volume = np.zeros(grid.size[::-1], dtype=np.float32)
    for slab in grid.slabs():
        pair = [_body(motion, grid.points_mm(slab, offset)) for offset in (-0.25, 0.25)]
        hu = body_hu(patient, motion, phase, np.concatenate(pair, axis=1), softness)
        volume[slab.start : slab.stop] = hu.reshape(2, len(slab), grid.size[1], grid.size[0]).mean(axis=0)
    return volume


def render_liver(patient: Patient, motion: Motion, grid: Grid) -> npt.NDArray[np.uint8]:
    """Return the liver's mask (z, y, x): 1 where a voxel's centre lies in the liver or a lesion."""
    return _mask(grid, motion, lambda points: patient.liver_distance(points) < 0)


def render_lesions(
    patient: Patient, motion: Motion, grid: Grid, lesions: tuple[Lesion, ...]
) -> npt.NDArray[np.uint8]:
    """Return the lesions' mask (z, y, x); 1 where a voxel's centre lies in a lesion and in the liver."""

    def inside(points: Points) -> npt.NDArray[np.bool_]:
        hit = np.zeros(points.shape[1], dtype=bool)
        for lesion in lesions:
            hit |= distance(lesion, points) < 0
        hit[hit] = patient.liver_distance(np.ascontiguousarray(points[:, hit])) < 0
        return hit

    return _mask(grid, motion, inside)


def add_noise(
    rng: np.random.Generator, volume: npt.NDArray[np.float32], sigma_hu: float
) -> npt.NDArray[np.float32]:
    """Add noise of a soft reconstruction kernel: correlated in the plane, weak at the lowest frequencies."""
    white = rng.standard_normal(volume.shape).astype(np.float32)
    band = ndimage.gaussian_filter(white, (0.3, 0.75, 0.75)) - 0.6 * ndimage.gaussian_filter(
        white, (0.3, 2.2, 2.2)
    )
    return volume + band * np.float32(sigma_hu / band.std())


def add_kernel_noise(
    rng: np.random.Generator,
    volume: npt.NDArray[np.float32],
    sigma_hu: float,
    *,
    pixel_mm: float,
    peak_per_mm: float,
) -> npt.NDArray[np.float32]:
    """Add noise with the shape of power spectrum that filtered backprojection with a soft kernel gives.

    In the plane the power is f exp(-f^2 / (2 f_peak^2)): the ramp of the backprojection (Kijewski and Judy 1987,
    Phys. Med. Biol. 32:565, doi:10.1088/0031-9155/32/5/003), rolled off by the kernel; the Gaussian is our choice.
    Slices are as good as independent.

    Args:
        rng: Source of randomness.
        volume: Noise-free HU (z, y, x).
        sigma_hu: Standard deviation.
        pixel_mm: Pixel spacing.
        peak_per_mm: Frequency of the highest power, cycles per mm.
    """
    white = rng.standard_normal(volume.shape).astype(np.float32)
    rows, columns = volume.shape[1:]
    f = np.hypot(fft.fftfreq(rows, pixel_mm)[:, None], fft.rfftfreq(columns, pixel_mm)[None])  # cycles per mm
    amplitude = np.sqrt(f * np.exp(-(f**2) / (2 * peak_per_mm**2))).astype(np.float32)
    # padding is not needed: the noise may wrap round, as long as it is the same everywhere
    noise = fft.irfft2(fft.rfft2(white) * amplitude, volume.shape[1:]).astype(np.float32)
    return volume + noise * np.float32(sigma_hu / noise.std())


def to_image(volume: npt.NDArray[np.generic], grid: Grid) -> sitk.Image:
    """Return a SimpleITK image: int16 HU for floats, the same type for masks."""
    if volume.dtype == np.float32:
        volume = np.clip(np.rint(volume), FILL_HU, 3000).astype(np.int16)
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction.ravel().tolist())
    return image


def _body(motion: Motion, points_mm: npt.NDArray[np.float64]) -> Points:
    moved = motion.rotation.T @ (points_mm - motion.translation_mm[:, None])
    return np.asarray(moved, dtype=np.float32)


def _mask(
    grid: Grid, motion: Motion, inside: Callable[[Points], npt.NDArray[np.bool_]]
) -> npt.NDArray[np.uint8]:
    volume = np.zeros(grid.size[::-1], dtype=np.uint8)
    shift = motion.liver_shift_mm.astype(np.float32)[:, None]
    for slab in grid.slabs():
        hit = inside(_body(motion, grid.points_mm(slab)) - shift)
        volume[slab.start : slab.stop] = hit.reshape(len(slab), grid.size[1], grid.size[0])
    return volume
