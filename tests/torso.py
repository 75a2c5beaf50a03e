"""A torso of 320 x 220 mm with fat, liver, spleen, spine, lungs and gas."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

SIZE = (64, 48, 24)  # x, y, z
SPACING_MM = (5.6, 5.6, 8.0)


def _points() -> tuple[np.ndarray, ...]:
    """Give x to the patient's left, y to the back, z to the head, in mm from the middle; each (z, y, x)."""
    z, y, x = np.indices(SIZE[::-1]).astype(float)
    middles = [(n - 1) / 2 for n in SIZE]
    return tuple((a - m) * s for a, m, s in zip((x, y, z), middles, SPACING_MM, strict=True))


def _ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    parts = ((p - c) / r for p, c, r in zip(_points(), centre, radii, strict=True))
    return np.asarray(sum(part**2 for part in parts) < 1)


LIVER = ((-62.0, -15.0, 12.0), (66.0, 62.0, 58.0))
LESION = ((-80.0, -15.0, 15.0), (18.0, 18.0, 18.0))


def torso_hu(*, liver_hu: float = 110.0, noise_hu: float = 10.0, seed: int = 0) -> np.ndarray:
    """Make the HU (z, y, x), float."""
    hu = np.full(SIZE[::-1], -1000.0)
    hu[_ellipsoid((0, 0, 0), (160, 110, 1e4))] = -100
    hu[_ellipsoid((0, 0, 0), (145, 97, 1e4))] = 45  # muscles
    hu[_ellipsoid((0, -10, 0), (130, 82, 1e4))] = -100  # fat between the organs
    hu[_ellipsoid((75, 10, 30), (42, 45, 40))] = 120  # spleen and stomach
    hu[_ellipsoid((20, -35, -30), (95, 38, 45))] = 30  # gut
    hu[_ellipsoid((60, -50, -30), (18, 15, 18))] = -950  # gas in it
    hu[_ellipsoid((-70, -5, 110), (55, 70, 62))] = -850  # lungs
    hu[_ellipsoid((70, -5, 110), (55, 70, 62))] = -850
    hu[_ellipsoid(*LIVER)] = liver_hu
    hu[_ellipsoid(*LESION)] = liver_hu - 60
    hu[_ellipsoid((0, 65, 0), (22, 22, 1e4))] = 450
    return hu + np.random.default_rng(seed).normal(0, noise_hu, hu.shape)


def image_of(hu: np.ndarray, dtype: type = np.int16) -> sitk.Image:
    """Put an array on the torso's grid."""
    image = sitk.GetImageFromArray(
        np.rint(hu).astype(dtype) if np.issubdtype(dtype, np.integer) else hu.astype(dtype)
    )
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-180.0, -130.0, 900.0))
    return image


def liver_mask() -> np.ndarray:
    """Draw the liver, boolean (z, y, x)."""
    return _ellipsoid(*LIVER)


def lesion_mask() -> np.ndarray:
    """Draw the one lesion."""
    return _ellipsoid(*LESION)
