"""Tiny oblique, anisotropic phases of one made-up abdomen, written as a function of the point in space.

A phase moved by `shift_mm` shows at point p what the still phase shows at p - shift: the true transform from
the still phase's points to the moved one's is known exactly, whatever the grids.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from registration import RegistrationSettings

QUICK = RegistrationSettings(
    swarm_particles=40,
    swarm_iterations=10,
    top_samples=2000,
    bottom_samples=8000,
    search_rotation_deg=8.0,
    search_inplane_mm=12.0,
    search_axial_mm=20.0,
    region_restarts_mm=(0.0,),
    region_particles=12,
    region_iterations=5,
    region_search_axial_mm=8.0,
    region_search_inplane_mm=8.0,
)
"""Searches as far as these phases move, not further."""

ORGAN_HU = {"nc": (50, 40, 30), "art": (75, 120, 230), "pv": (115, 150, 150), "dl": (95, 110, 120)}
LIVER = ((-28.0, -10.0, 5.0), (36.0, 32.0, 34.0))  # centre, radii, mm
LESION = ((-35.0, -15.0, 10.0), (9.0, 9.0, 9.0))


def empty_grid(spacing_mm: tuple[float, float, float], tilt_degrees: float) -> sitk.Image:
    """Make a grid of 180 x 150 x 98 mm about the origin, tilted about x."""
    angle = np.radians(tilt_degrees)
    direction = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    size = [int(length / step) for length, step in zip((180, 150, 98), spacing_mm, strict=True)]
    image = sitk.Image(size, sitk.sitkInt16)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction.ravel().tolist())
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
    image.SetOrigin([-v for v in middle])
    return image


def _points_mm(grid: sitk.Image) -> np.ndarray:
    index = np.indices(grid.GetSize()[::-1])[::-1].reshape(3, -1)  # x, y, z
    return ((np.array(grid.GetDirection()).reshape(3, 3) * grid.GetSpacing()) @ index).T + np.array(
        grid.GetOrigin()
    )


def _inside(points: np.ndarray, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    return (((points - centre) / radii) ** 2).sum(axis=1) < 1


def _image(values: np.ndarray, grid: sitk.Image, dtype: type) -> sitk.Image:
    image = sitk.GetImageFromArray(values.reshape(grid.GetSize()[::-1]).astype(dtype))
    image.CopyInformation(grid)
    return image


def phase_image(
    phase: str,
    *,
    spacing_mm: tuple[float, float, float] = (6.0, 6.0, 5.0),
    tilt_degrees: float = -8.0,
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
) -> sitk.Image:
    """Make one phase, int16 HU, with 8 HU of noise."""
    grid = empty_grid(spacing_mm, tilt_degrees)
    points = _points_mm(grid) - shift_mm
    liver, kidney, vessel = ORGAN_HU[phase]
    hu = np.full(len(points), -1000.0)
    hu[_inside(points, (0, 0, 0), (80, 62, 300))] = 20
    hu[_inside(points, *LIVER)] = liver
    hu[_inside(points, (40, 20, -10), (14, 12, 24))] = kidney
    hu[_inside(points, (8, 12, 0), (8, 8, 300))] = vessel
    hu[_inside(points, (0, 40, 0), (15, 13, 300))] = 400
    hu[_inside(points, (40, -25, 15), (22, 18, 16))] = -100
    hu[_inside(points, *LESION)] = liver - 45
    hu += np.random.default_rng(seed).normal(0, 8, len(points))
    return _image(hu.round(), grid, np.int16)


def mask_image(grid: sitk.Image, organ: tuple[tuple[float, ...], tuple[float, ...]]) -> sitk.Image:
    """Make the 0/1 mask of LIVER or LESION on a still phase's grid."""
    return _image(_inside(_points_mm(grid), *organ), grid, np.uint8)


def write_case(
    folder: Path,
    *,
    reference: str = "art",
    phases: tuple[str, ...] = ("nc", "art", "pv"),
    liver: bool = False,
    seed: int = 0,
) -> Path:
    """Write a case folder: the reference still and on thick slices, the others moved by a few mm."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for phase in phases:
        if phase == reference:
            image = phase_image(phase, spacing_mm=(5.0, 5.0, 7.0), tilt_degrees=12.0, seed=seed)
            sitk.WriteImage(mask_image(image, LESION), str(folder / f"lesions_{phase}.nii.gz"))
            if liver:
                sitk.WriteImage(mask_image(image, LIVER), str(folder / f"liver_{phase}.nii.gz"))
        else:
            x, y, z = rng.uniform(-6, 6, 3)
            image = phase_image(phase, shift_mm=(x, y, z), seed=seed)
        sitk.WriteImage(image, str(folder / f"{phase}.nii.gz"))
    return folder
