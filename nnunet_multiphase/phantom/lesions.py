"""Place lesions and their mimics in a liver, and say how bright each is in every phase.

Patterns as in the radiology literature, numbers typical of 120 kV CT and chosen here:
HCC (arterial hyperenhancement, washout, capsule): LI-RADS v2018 CT/MRI core, American College of Radiology.
Haemangioma (peripheral nodules, fill-in): Vilgrain et al. 2000, RadioGraphics 20:379.
FNH (arterial bright, later iso, scar): Hussain et al. 2004, RadioGraphics 24:3.
Perfusion mimics (arterial only): Colagrande et al. 2004, AJR 183:459 (transient attenuation differences).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnunet_multiphase.phantom.motion import rotation_matrix
from nnunet_multiphase.phantom.shapes import Field, Points, cover, smooth_step

KINDS: tuple[str, ...] = ("hcc", "metastasis", "haemangioma", "cyst", "fnh")
MIMICS: tuple[str, ...] = ("arterial_nodule", "arterial_wedge", "focal_fat")

# HU above the liver in (nc, art, pv, dl), by part. A cyst never enhances: its HU are absolute.
CONTRAST_HU: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "hcc": {"core": (-4, 48, -2, -28), "rim": (-4, 32, 4, 16)},
    "metastasis": {"core": (-14, -4, -46, -30), "rim": (-10, 7, -20, -16)},
    "haemangioma": {"core": (-15, -24, -48, -14), "nodule": (-15, 100, 46, 18)},
    "cyst": {"core": (6, 6, 6, 6)},
    "fnh": {"core": (-3, 50, 18, 2), "scar": (-6, 4, -8, 14)},
    "arterial_nodule": {"core": (0, 48, 0, 0)},
    "arterial_wedge": {"core": (0, 44, 0, 0)},
    "focal_fat": {"core": (-30, -30, -30, -30)},
}
CAPSULE_MM = (1.2, 2.5)
"""Thinnest and thickest capsule of an HCC; 0.14 radii between."""
NODULE_REACH = (0.4, 0.4, 0.62, 1.0)
"""How far a haemangioma's nodules have grown by each phase, in radii."""
SCAR_FROM_RADIUS_MM = 11.0
HILUM = np.array([-26.0, 0.0, -10.0])
"""Where the portal vein divides; a perfusion wedge's tip points there."""


@dataclass(frozen=True)
class Lesion:
    """One lesion or mimic; centre in the patient's frame, lengths in mm."""

    kind: str
    centre: tuple[float, float, float]
    radius_mm: float
    axes: npt.NDArray[np.float64]  # (3, 3) maps mm to unit-radius coordinates
    bumps: npt.NDArray[np.float64]  # (3,) amplitudes of the surface's irregularity
    nodules: npt.NDArray[np.float64]  # (K, 3) unit vectors
    strength: float


def sample_shape(rng: np.random.Generator, kind: str, centre: npt.ArrayLike, radius_mm: float) -> Lesion:
    """Draw size and shape of one lesion around a centre; the volume stays that of a ball of the radius."""
    stretch = rng.uniform(0.85, 1.18, 3)
    if kind == "focal_fat":
        stretch = stretch * (1.5, 1.2, 0.6)
    stretch /= np.cbrt(np.prod(stretch))
    turn = rotation_matrix(rng.uniform(-40, 40, 3))
    if kind == "arterial_wedge":
        stretch, turn = np.ones(3), facing(np.asarray(centre, dtype=np.float64) - HILUM)
    nodules = rng.standard_normal((5, 3))
    nodules /= np.linalg.norm(nodules, axis=1, keepdims=True)
    x, y, z = (float(v) for v in np.asarray(centre, dtype=np.float64))
    smooth = kind == "cyst"
    return Lesion(
        kind=kind,
        centre=(x, y, z),
        radius_mm=float(radius_mm),
        axes=np.diag(1 / (stretch * radius_mm)) @ turn,
        bumps=np.zeros(3) if smooth else rng.uniform(-0.07, 0.07, 3),
        nodules=nodules,
        strength=float(rng.uniform(0.9, 1.1)),
    )


def facing(direction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a rotation (3, 3) that takes the direction to the z axis."""
    z = direction / max(float(np.linalg.norm(direction)), 1e-6)
    x = np.cross(z, [1.0, 0.0, 0.0] if abs(z[0]) < 0.9 else [0.0, 1.0, 0.0])
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def unit_points(lesion: Lesion, points: Points) -> Points:
    """Return the points (3, N) of the patient's frame in the lesion's own coordinates, radius 1."""
    offset = points - np.asarray(lesion.centre, dtype=np.float32)[:, None]
    return (lesion.axes.astype(np.float32) @ offset).astype(np.float32)


def distance(lesion: Lesion, points: Points) -> Field:
    """Return the signed distance (mm, first order) to the lesion's surface at points (3, N)."""
    u = unit_points(lesion, points)
    radius = np.sqrt((u * u).sum(axis=0))
    if lesion.kind == "arterial_wedge":
        # a cone: its tip in the liver, its base (beyond the capsule) outward
        tip = u + np.asarray([0.0, 0.0, 1.0], dtype=np.float32)[:, None]
        length = np.sqrt((tip * tip).sum(axis=0))
        side = np.hypot(tip[0], tip[1]) * 0.83 - tip[2] * 0.56
        return (np.maximum(side, length - 2.3) * lesion.radius_mm).astype(np.float32)
    a, b, c = u / np.maximum(radius, 1e-4)
    # odd and even products of the direction: an irregular surface without a seam
    bump = lesion.bumps[0] * 4 * a * b + lesion.bumps[1] * 4 * b * c + lesion.bumps[2] * 8 * a * b * c
    return ((radius - 1 - bump * np.minimum(radius, 1.5)) * lesion.radius_mm).astype(np.float32)


def lesion_hu(lesion: Lesion, phase: int, points: Points, distance_mm: Field, liver_hu: float) -> Field:
    """Return what the lesion measures in HU at points inside it.

    Args:
        lesion: The lesion or mimic.
        phase: Index into PHASES.
        points: Points (3, N) in the patient's frame.
        distance_mm: `distance` at these points.
        liver_hu: The liver's HU in this phase.
    """
    parts = {part: lesion.strength * values[phase] for part, values in CONTRAST_HU[lesion.kind].items()}
    core = np.full(distance_mm.shape, parts["core"], dtype=np.float32)
    if lesion.kind == "cyst":
        return core / np.float32(lesion.strength)
    if "rim" in parts:
        if lesion.kind == "hcc":
            width = float(np.clip(0.14 * lesion.radius_mm, *CAPSULE_MM))
        else:
            width = max(2.5, 0.22 * lesion.radius_mm)
        core += (parts["rim"] - parts["core"]) * smooth_step(distance_mm, -width - 0.8, -width + 0.8)
    if "nodule" in parts:
        u = unit_points(lesion, points)
        gaps = np.sqrt(((u[None] - 0.95 * lesion.nodules[:, :, None]) ** 2).sum(axis=1)).min(axis=0)
        core += (parts["nodule"] - parts["core"]) * cover(gaps - NODULE_REACH[phase], 0.25)
    if "scar" in parts and lesion.radius_mm >= SCAR_FROM_RADIUS_MM:
        u = unit_points(lesion, points)
        # three flat arms that cross in the centre
        arms = np.sort(np.abs(u), axis=0)
        core += (parts["scar"] - parts["core"]) * cover(np.maximum(arms[1] - 0.12, arms[2] - 0.5), 0.12)
    return (liver_hu + core).astype(np.float32)


def place_lesions(
    rng: np.random.Generator,
    kinds: list[str],
    radii_mm: list[float],
    liver_distance: Callable[[Points], Field],
    *,
    beside: Sequence[Lesion] = (),
) -> list[Lesion]:
    """Place lesions and mimics apart from one another inside the liver, largest first.

    One that finds no place is tried smaller, down to 6 mm, and then left out. They keep off what they are placed `beside`.
    """
    low, high = np.array([-125.0, -95.0, -95.0]), np.array([95.0, 90.0, 95.0])
    candidates = rng.uniform(low, high, (20000, 3)).astype(np.float32)
    depth = -liver_distance(np.ascontiguousarray(candidates.T))
    placed: list[Lesion] = []
    for index in np.argsort(radii_mm, kind="stable")[::-1]:
        radius = radii_mm[index]
        while radius >= 6.0:
            free = depth > 0.85 * radius
            for other in (*beside, *placed):
                gap = np.linalg.norm(candidates - np.asarray(other.centre), axis=1)
                free &= gap > 1.3 * (radius + other.radius_mm) + 5
            if free.any():
                centre = candidates[rng.choice(np.flatnonzero(free))]
                placed.append(sample_shape(rng, kinds[index], centre, radius))
                break
            radius *= 0.85
    return placed
