"""A whole made-up body, of which tests cut a head, a chest, a belly, a pelvis or legs: z = 0 mm at the liver's dome."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import ndimage

# From, to (mm): what is usually scanned under that name.
HEAD, NECK, CHEST, ABDOMEN = (440, 620), (310, 450), (30, 300), (-230, 30)
CHEST_WITH_DOME, CHEST_TO_PELVIS, PELVIS, LEGS = (-40, 300), (-440, 300), (-450, -210), (-700, -460)

# liver, spleen, kidneys, vessels and heart, muscle
_HU = {
    "nc": (55, 48, 32, 42, 52),
    "art": (70, 130, 150, 290, 58),
    "pv": (112, 122, 185, 160, 62),
    "dl": (92, 98, 170, 120, 62),
}
SPACING_MM = (8.0, 8.0, 5.0)  # x, y, z
_HALF_WIDTH, _HALF_DEPTH = 165.0, 115.0


@cache
def body_hu(
    heights_mm: tuple[float, float], phase: str = "pv", *, noise_hu: float = 12.0, seed: int = 0
) -> np.ndarray:
    """Draw a stretch of the body; (z, y, x) int16 with SPACING_MM, z up, y to the back, x to the left; not to be changed."""
    low, high = heights_mm
    z = np.arange(low, high, SPACING_MM[2]) + SPACING_MM[2] / 2
    z, y, x = np.meshgrid(z, np.arange(-160.0, 161, 8), np.arange(-220.0, 221, 8), indexing="ij")
    hu = np.full(z.shape, -1000.0)
    _draw_trunk(hu, z, y, x, phase)
    _draw_head_and_neck(hu, z, y, x)
    for side in (-1, 1):
        leg = np.hypot(x - side * 95, y)
        for radius, value in ((85, -100), (74, _HU[phase][4]), (15, 700)):
            hu[(z < -450) & (leg < radius)] = value
    hu = ndimage.gaussian_filter(hu, 0.4)
    noisy = (
        (hu + np.random.default_rng(seed).normal(0, noise_hu, hu.shape)).clip(-1024, 3000).astype(np.int16)
    )
    noisy.flags.writeable = False
    return noisy


def _draw_trunk(hu: np.ndarray, z: np.ndarray, y: np.ndarray, x: np.ndarray, phase: str) -> None:
    liver, spleen, kidney, vessel, muscle = _HU[phase]
    w, d = _HALF_WIDTH, _HALF_DEPTH

    def ball(centre: Sequence[float], radii: Sequence[float]) -> np.ndarray:
        parts = zip((x, y, z), centre, radii, strict=True)
        return np.asarray(sum(((axis - middle) / radius) ** 2 for axis, middle, radius in parts) < 1)

    r = np.hypot(x / w, y / d)
    trunk = (z > -450) & (z < 300) & (r < 1)
    hu[trunk] = -100
    hu[trunk & (r < 0.9) & (r > 0.77)] = muscle
    hu[trunk & (z < -280) & (y > 15) & (np.abs(x) > 35) & (r < 0.9)] = muscle  # glutei
    for k in range(12):  # bowel
        hu[ball((110 * np.sin(2.4 * k), 45 * np.cos(1.7 * k) - 20, -190 - 18 * k), (26, 24, 24))] = (
            30 if k % 3 else -900
        )
    base = [
        -75 * (((x - side * 63) / 63) ** 2 + (y / 70) ** 2) + (0 if side < 0 else -15) for side in (-1, 1)
    ]
    lung = np.zeros(z.shape, bool)
    for side, floor in zip((-1, 1), base, strict=True):
        lung |= (side * x > 24) & (r < 0.75) & (z > np.maximum(floor, -70)) & (z < 280)
    hu[lung] = -850
    hu[trunk & (r < 0.75) & ~lung & (z > 0) & (np.abs(x) < 60)] = muscle - 10
    heart = ball((25, -22, 55), (58, 48, 50))
    hu[heart] = vessel
    hu[
        (ball((-60, -5, -85), (70, 70, 88)) | ball((0, -32, -60), (52, 34, 45)))
        & (r < 0.75)
        & (z < 0)
        & ~lung
    ] = liver
    hu[ball((96, 35, -70), (32, 36, 52)) & ~lung] = spleen
    hu[ball((50, -22, -75), (45, 36, 60)) & ~lung] = -10  # stomach
    for side in (-1, 1):
        hu[ball((side * 62, 44, -150), (29, 27, 55))] = kidney
        wing = np.abs(np.hypot((x - side * 85) / 40, (y - 20) / 75) - 1) < 0.12
        hu[wing & (side * x > 35) & (r < 0.85) & (z < -240) & (z > -370)] = 420
        hu[ball((side * 90, 0, -390), (30, 30, 40))] = 500
    hu[ball((0, 63, -310), (50, 25, 60))] = 300
    hu[trunk & (np.hypot(x / 24, (y - 68) / 26) < 1) & (z > -300)] = 260
    hu[trunk & (np.hypot(x - 15, y - 38) < 12) & (z > -220)] = vessel


def _draw_head_and_neck(hu: np.ndarray, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> None:
    neck = (z >= 300) & (z < 450)
    hu[neck & (np.hypot(x / 62, y / 66) < 1)] = 55
    hu[neck & (np.hypot(x, y + 15) < 10)] = -1000
    hu[neck & (np.hypot(x / 18, (y - 20) / 15) < 1)] = 350
    top = np.maximum(z - 520, 0) / 100
    for shrink, bottom, value in ((0, 430, 55), (6, 450, 900), (14, 458, 38)):
        inside = (x / (75 - shrink)) ** 2 + (y / (95 - shrink)) ** 2 + top**2 < 1 - shrink / 100
        hu[inside & (z >= bottom) & (z < 620)] = value
