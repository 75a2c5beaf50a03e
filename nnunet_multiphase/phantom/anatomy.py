"""Draw a patient's anatomy: shapes and sizes as signed distances in the patient's own frame.

Frame: mm, LPS axes, origin on the midline at the height of the middle of the liver. Shapes are given for an
average adult ("canonical") and reach the patient's frame through a scale and a smooth warp of the coordinates.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnunet_multiphase.phantom.shapes import (
    Field,
    Points,
    column,
    ellipsoid,
    smooth_difference,
    smooth_union,
    tube,
)

# Joints (x, y, z, radius) in canonical mm.
IVC = ((-20, 25, -90, 10), (-20, 24, -30, 11), (-19, 17, 20, 12), (-14, 8, 62, 12), (-12, 4, 75, 12))
AORTA = ((4, 24, -100, 8.5), (8, 23, 0, 9.5), (12, 25, 100, 11))
PORTAL_VEIN = (
    ((6, 6, -42, 6.5), (-26, 0, -10, 7), (-50, 4, 0, 5.5), (-70, -16, 8, 4), (-86, -26, 4, 2.5)),
    ((-50, 4, 0, 5), (-72, 22, -10, 4), (-86, 30, -24, 2.5)),
    ((-70, -16, 8, 3.5), (-76, -22, 34, 2.2)),
    ((-72, 22, -10, 3.5), (-80, 30, 14, 2.2)),
    ((-26, 0, -10, 5.5), (-12, -22, 10, 5), (6, -34, 18, 3.8), (34, -42, 20, 2.2)),
)
SPLENIC_VEIN = ((6, 6, -42, 5), (30, 14, -20, 4.5), (62, 28, 2, 3.5))
SPLENIC_ARTERY = ((8, 16, -8, 4), (8, 4, -8, 3.5), (34, 10, -10, 3), (62, 24, 8, 2.5))
HEPATIC_VEINS = (
    ((-15, 9, 52, 6), (-44, 18, 40, 5), (-72, 14, 18, 4), (-88, 6, -12, 2.5)),
    ((-15, 6, 52, 5.5), (-32, -16, 30, 4.5), (-46, -32, 2, 3), (-52, -40, -20, 2)),
    ((-13, 4, 52, 5), (0, -20, 36, 4), (26, -36, 30, 2.5)),
)
COLON = (
    (-82, -10, -92, 19),
    (-70, -40, -78, 17),
    (-20, -56, -84, 15),
    (40, -56, -76, 15),
    (82, -16, -52, 16),
)
COLON_AFTER_RESECTION = (
    (-80, 0, -92, 19),
    (-82, 0, -40, 20),
    (-72, -14, 0, 21),
    (-56, -36, -40, 17),
    *COLON[2:],
)
"""Bowel moves into the place of a lobe that was taken away."""
LEFT_LOBE_TAIL = ((20, -44, 24, 1.1), (62, -46, 28, 1.0), (92, -14, 32, 0.8), (99, 22, 32, 0.65))
"""Joints (x, y, z, radius as a part of `left_lobe_tail_mm`) of a left lobe that lies over the spleen."""
PANCREAS = ((-20, 2, -52, 13), (4, -6, -38, 10), (34, 4, -22, 10), (62, 22, -6, 8))


@dataclass(frozen=True)
class Anatomy:
    """Sizes and shape of one patient; lengths in mm. What has a default is not part of a usual patient."""

    scale: tuple[float, float, float]
    waves: npt.NDArray[np.float32]  # (K, 3) wave vectors of the warp, radian/mm
    wave_phases: npt.NDArray[np.float32]  # (K,) radian
    wave_amplitudes: npt.NDArray[np.float32]  # (K, 3) mm
    right_lobe_radii: tuple[float, float, float]
    left_lobe_radii: tuple[float, float, float]
    left_lobe_reach: float
    spleen_radii: tuple[float, float, float]
    fat_mm: float
    stomach_shrink_mm: float
    spine_phase_mm: float
    caudate_radii: tuple[float, float, float] | None = None  # of a caudate lobe that stands out
    nodules_mm: float = 0.0  # how far nodules stand out of the liver's surface
    left_lobe_tail_mm: float = 0.0  # half the thickness of a left lobe that reaches over the spleen
    right_lobe_resected: bool = False
    stomach_shift_mm: tuple[float, float, float] | None = None
    ascites_mm: float = 0.0  # thickness of the fluid about the liver and along the wall
    arms_gap_mm: float | None = (
        None  # between the arms and the body's widest place, below 0 where they lie against it
    )


def sample_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw one patient."""

    def vary(values: tuple[float, ...], by: float) -> tuple[float, float, float]:
        x, y, z = (float(v * rng.uniform(1 - by, 1 + by)) for v in values)
        return x, y, z

    count = 5
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    wavelength = rng.uniform(90, 180, (count, 1))
    return Anatomy(
        scale=vary((1.0, 1.0, 1.0), 0.06),
        waves=(2 * np.pi * direction / wavelength).astype(np.float32),
        wave_phases=rng.uniform(0, 2 * np.pi, count).astype(np.float32),
        wave_amplitudes=rng.uniform(-2.6, 2.6, (count, 3)).astype(np.float32),
        right_lobe_radii=vary((60, 66, 68), 0.07),
        left_lobe_radii=vary((56, 27, 36), 0.12),
        left_lobe_reach=float(rng.uniform(0, 22)),
        spleen_radii=vary((27, 36, 44), 0.15),
        fat_mm=float(rng.uniform(8, 24)),
        stomach_shrink_mm=float(rng.uniform(-2, 12)),
        spine_phase_mm=float(rng.uniform(0, 30)),
    )


def canonical(anatomy: Anatomy, points: Points) -> Points:
    """Map points of the patient's frame to the average adult's."""
    result = [axis / np.float32(s) for axis, s in zip(points, anatomy.scale, strict=True)]
    for wave, phase, amplitude in zip(
        anatomy.waves, anatomy.wave_phases, anatomy.wave_amplitudes, strict=True
    ):
        swing = np.sin(wave[0] * points[0] + wave[1] * points[1] + wave[2] * points[2] + phase)
        for axis in range(3):
            result[axis] = result[axis] + amplitude[axis] * swing
    return np.stack(result)


def liver(anatomy: Anatomy, at: Points, mass: Field | None = None) -> Field:
    """Return the distance to the liver at canonical points; gallbladder and vena cava are not part of it.

    Args:
        anatomy: The patient.
        at: Canonical points (3, N).
        mass: Distance to a mass that belongs to the liver and makes it bulge.
    """
    right = ellipsoid(at, (-46, -2, -4), anatomy.right_lobe_radii)
    if anatomy.right_lobe_resected:
        # Cut along the plane of the middle hepatic vein, from the gallbladder's bed to the vena cava.
        right = np.maximum(right, -(at[0] + 30) + np.float32(0.25) * (at[1] + 10))
    left = ellipsoid(at, (4 + anatomy.left_lobe_reach, -38, 20), anatomy.left_lobe_radii)
    both = smooth_union(right, left, 22)
    if anatomy.left_lobe_tail_mm:
        both = smooth_union(both, left_lobe_tail(anatomy, at), 14)
    if mass is not None:
        both = smooth_union(both, mass, 12)
    # the visceral face: hilum and what lies under it, right kidney, spine, stomach, gallbladder
    both = smooth_difference(both, ellipsoid(at, (30, 22, -46), (62, 52, 58)), 14)
    if anatomy.caudate_radii is not None:
        both = smooth_union(both, ellipsoid(at, (0, 4, 14), anatomy.caudate_radii), 6)
    both = smooth_difference(both, kidney_right(at) - 5, 8)
    both = smooth_difference(both, column(at, (0, 48), (34, 30)), 8)
    both = smooth_difference(both, stomach(anatomy, at) - 4, 8)
    if not anatomy.right_lobe_resected:  # the gallbladder goes with the lobe
        both = smooth_difference(both, gallbladder(at) - 1.5, 4)
    if anatomy.nodules_mm:
        # nodules of some 9 mm: a gyroid's bumps (Schoen 1970, NASA TN D-5541)
        x, y, z = (np.float32(2 * np.pi / 24) * axis for axis in at)
        bumps = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)
        both = both - np.float32(anatomy.nodules_mm) * bumps
    both = smooth_difference(both, vena_cava(at) - 1, 3)
    return np.maximum(both, cavity(at) + np.float32(4 + 0.6 * anatomy.ascites_mm))


def left_lobe_tail(anatomy: Anatomy, at: Points) -> Field:
    """Return the distance to a left lobe's tail that lies over stomach and spleen."""
    path = [(x, y, z, part * anatomy.left_lobe_tail_mm) for x, y, z, part in LEFT_LOBE_TAIL]
    return tube(at, path)


def colon(anatomy: Anatomy, at: Points) -> Field:
    """Return the distance to the colon."""
    return tube(at, COLON_AFTER_RESECTION if anatomy.right_lobe_resected else COLON)


def cavity(at: Points) -> Field:
    """Return the distance to the inside of the body wall."""
    return smooth_difference(column(at, (0, -6), (108, 78), 2.3), column(at, (0, 74), (60, 36)), 12)


def wall(at: Points) -> Field:
    """Return the distance to the outside of the muscle wall; the fat lies on it."""
    return column(at, (0, -6), (108, 78), 2.3) - 13


def kidney_right(at: Points) -> Field:
    """Return the distance to the right kidney."""
    return ellipsoid(at, (-58, 40, -62), (27, 24, 48))


def kidney_left(at: Points) -> Field:
    """Return the distance to the left kidney."""
    return ellipsoid(at, (60, 38, -50), (27, 24, 48))


def gallbladder(at: Points) -> Field:
    """Return the distance to the gallbladder."""
    return ellipsoid(at, (-36, -38, -48), (14, 17, 22))


def vena_cava(at: Points) -> Field:
    """Return the distance to the inferior vena cava."""
    return tube(at, IVC)


def stomach(anatomy: Anatomy, at: Points) -> Field:
    """Return the distance to the stomach, more or less filled; the fuller, the farther in front of the spleen."""
    if anatomy.stomach_shift_mm is not None:
        at = np.stack([axis - np.float32(s) for axis, s in zip(at, anatomy.stomach_shift_mm, strict=True)])
    fundus = ellipsoid(at, (56, -4, 22), (33, 36, 38))
    rest = tube(at, ((54, -20, 10, 26), (36, -40, -30, 20), (0, -40, -50, 14)))
    return smooth_union(fundus, rest, 14) + np.float32(anatomy.stomach_shrink_mm)


def spleen(anatomy: Anatomy, at: Points) -> Field:
    """Return the distance to the spleen."""
    solid = ellipsoid(at, (80, 36, 12), anatomy.spleen_radii)
    solid = smooth_difference(solid, stomach(anatomy, at) - 5, 6)
    if anatomy.left_lobe_tail_mm:
        solid = smooth_difference(solid, left_lobe_tail(anatomy, at) - 3, 6)
    return np.maximum(smooth_difference(solid, kidney_left(at) - 4, 6), cavity(at) + 3)


def heart(at: Points) -> Field:
    """Return the distance to the heart, whose lowest part rests on the diaphragm."""
    return ellipsoid(at, (24, -36, 92), (52, 38, 34))


def below_diaphragm(anatomy: Anatomy, at: Points, liver_mm: Field, spleen_mm: Field) -> Field:
    """Return the distance to all that lies under the diaphragm: organs and the fat between them."""
    bulk = ellipsoid(at, (0, 0, -78), (128, 100, 112))
    organs = smooth_union(
        liver_mm - np.float32(3 + anatomy.ascites_mm),
        smooth_union(spleen_mm - 4, stomach(anatomy, at) - 4, 12),
        16,
    )
    return smooth_union(bulk, organs, 12)


def ascites(anatomy: Anatomy, at: Points, liver_mm: Field, cavity_mm: Field) -> Field:
    """Return the distance to free fluid: about the liver and along the wall, not behind the organs; organs lie over it."""
    thick = np.float32(anatomy.ascites_mm)
    fluid = np.maximum(np.minimum(liver_mm - thick, -cavity_mm - thick), at[1] - np.float32(38))
    return np.maximum(fluid, cavity_mm + np.float32(1.5)).astype(np.float32)


def arm(anatomy: Anatomy, at: Points) -> tuple[Field, Field]:
    """Return the distances to the skin and the bone of the nearer of two arms beside the body."""
    assert anatomy.arms_gap_mm is not None
    # The wall's half width, fat and skin, the gap, the arm's own half width.
    aside = 121 + anatomy.fat_mm + 2 + anatomy.arms_gap_mm + 37
    folded = np.stack([np.abs(at[0]), at[1], at[2]])
    return column(folded, (aside, 14), (37, 44)), column(folded, (aside, 16), (11, 11))


def vertebrae(anatomy: Anatomy, at: Points) -> tuple[Field, Field]:
    """Return the distances to the bone of the spine and to its discs."""
    body = column(at, (0, 45), (21, 16))
    height = (at[2] + np.float32(anatomy.spine_phase_mm)) % 31 - 15.5
    disc = np.maximum(body, 11.5 - np.abs(height))
    bone = np.maximum(body, np.abs(height) - 11.5)
    canal = column(at, (0, 69), (9.5, 8))
    arch = np.maximum(np.maximum(np.abs(canal - 2.5) - 2.5, np.abs(height) - 10), -body)
    spinous = np.maximum(column(at, (0, 84), (3.5, 12)), np.abs(height + 4) - 9)
    transverse = np.hypot(np.hypot(at[1] - 70, height) * 0.9, np.maximum(np.abs(at[0]) - 34, 0)) - 5
    transverse = np.maximum(transverse, 12 - np.abs(at[0]))
    return np.minimum(np.minimum(bone, arch), np.minimum(spinous, transverse)).astype(
        np.float32
    ), disc.astype(np.float32)


def ribs(at: Points, wall_mm: Field) -> Field:
    """Return the distance to the ribs: oblique hoops in the muscle wall, lower in front than behind."""
    height = (at[2] - 0.5 * at[1] + 6) % 31 - 15.5
    hoop = np.hypot((wall_mm + 6.5) * 1.25, height * 0.8) - 4.6
    # the cartilage arch in front is left out; the lowest ribs are short
    front = -62 - 0.5 * np.minimum(at[2] + 20, 0)
    return np.maximum(np.maximum(hoop, front - at[1]), np.abs(at[0]) * -1 + 22).astype(np.float32)
