"""Paint the tissues: what every organ measures in HU, phase by phase, and which lies over which.

Values are typical of 120 kV CT at 35 s (arterial), 70 s (portal venous) and 180 s (delayed) after injection.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnunet_multiphase.phantom import anatomy as body
from nnunet_multiphase.phantom.anatomy import Anatomy
from nnunet_multiphase.phantom.lesions import Lesion, distance, lesion_hu
from nnunet_multiphase.phantom.motion import Motion, undo_breath
from nnunet_multiphase.phantom.shapes import Field, Points, column, cover, ellipsoid, tube
from nnunet_multiphase.phases import FILL_HU, PHASES

# HU in (nc, art, pv, dl)
ENHANCING_HU: dict[str, tuple[float, float, float, float]] = {
    "liver": (55, 68, 108, 92),
    "portal": (40, 105, 168, 118),
    "hepatic_vein": (40, 60, 158, 116),
    "cava": (40, 80, 145, 115),
    "aorta": (42, 305, 155, 115),
    "spleen": (48, 128, 124, 100),
    "cortex": (34, 170, 185, 150),
    "medulla": (32, 62, 165, 158),
    "pancreas": (40, 105, 92, 76),
    "gut_wall": (38, 82, 88, 76),
    "muscle": (52, 58, 64, 62),
    "heart": (40, 190, 140, 110),
}
FAT_HU, SKIN_HU, LUNG_HU, BILE_HU, DISC_HU = -102, 12, -845, 8, 85
GAS_HU, STOMACH_HU, STOOL_HU, CANCELLOUS_HU, CORTICAL_HU, RIB_HU = -950, 14, 15, 190, 420, 330
ASCITES_HU, TEXTURE_HU = 9, 1.3


@dataclass(frozen=True)
class Patient:
    """Everything about one case but its motion and its grids."""

    anatomy: Anatomy
    organ_hu: dict[str, tuple[float, ...]]  # as ENHANCING_HU
    texture_waves: np.ndarray  # (K, 4) wave vector in radian/mm, phase in radian
    gas_level: float  # height (canonical y, mm) of the fluid in the stomach
    lesions: tuple[Lesion, ...]
    mimics: tuple[Lesion, ...]
    mass: Lesion | None = None  # one of the lesions, if it is so large that the liver bulges over it
    stomach_hu: float = STOMACH_HU  # of what is in the stomach below the gas
    texture_hu: float = TEXTURE_HU  # amplitude of each of the texture's waves

    def liver_distance(self, points: Points) -> Field:
        """Return the signed distance (mm) to the liver at points (3, N) of the patient's frame."""
        mass = None if self.mass is None else distance(self.mass, points) - np.float32(4)
        return body.liver(self.anatomy, body.canonical(self.anatomy, points), mass)


def sample_organ_hu(rng: np.random.Generator) -> dict[str, tuple[float, ...]]:
    """Draw one patient's enhancement: fatty or not, good or poor injection, own level of every organ."""
    dose, fat_liver = rng.uniform(0.88, 1.12), rng.normal(0, 5)
    result = {}
    for organ, values in ENHANCING_HU.items():
        base = values[0] + rng.normal(0, 2) + (fat_liver if organ == "liver" else 0)
        result[organ] = tuple(float(base + (v - values[0]) * dose) for v in values)
    return result


def sample_texture(rng: np.random.Generator) -> np.ndarray:
    """Draw the parenchyma's slight unevenness as plane waves of 14 to 40 mm."""
    direction = rng.standard_normal((8, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    waves = 2 * np.pi * direction / rng.uniform(14, 40, (8, 1))
    return np.column_stack([waves, rng.uniform(0, 2 * np.pi, 8)]).astype(np.float32)


def _paint(hu: Field, share: Field, value: float | Field) -> None:
    hu += share * (value - hu)


def body_hu(patient: Patient, motion: Motion, phase: str, points: Points, softness_mm: float) -> Field:
    """Return noise-free HU at points (3, N) of the patient's frame with the rigid transform undone.

    Args:
        patient: The case.
        motion: The phase's motion (its breath is undone here).
        phase: One of PHASES.
        points: Points after the rigid transform has been undone, before the breath.
        softness_mm: Width of the edges, about one pixel.
    """
    hu = np.full(points.shape[1], FILL_HU, dtype=np.float32)
    still = body.canonical(patient.anatomy, points)
    wall = body.wall(still)
    skin = wall - patient.anatomy.fat_mm
    inside = np.flatnonzero(skin < 2 + softness_mm)
    part = np.ascontiguousarray(points[:, inside])
    values = _inside_hu(
        patient, motion, PHASES.index(phase), part, still[:, inside], wall[inside], softness_mm
    )
    edge = cover(skin[inside] - 2, softness_mm)
    hu[inside] += edge * (values - FILL_HU)
    if patient.anatomy.arms_gap_mm is not None:
        muscle = patient.organ_hu["muscle"][PHASES.index(phase)]
        _paint_arms(hu, patient.anatomy, still, muscle, softness_mm)
    return hu


def _paint_arms(hu: Field, anatomy: Anatomy, still: Points, muscle_hu: float, softness: float) -> None:
    skin, bone = body.arm(anatomy, still)
    _paint(hu, cover(skin, softness), SKIN_HU)
    _paint(hu, cover(skin + 2, softness), FAT_HU)
    _paint(hu, cover(skin + np.float32(2 + 0.4 * anatomy.fat_mm), softness), muscle_hu)
    _paint(hu, cover(bone, softness), CORTICAL_HU)
    _paint(hu, cover(bone + 5, softness), FAT_HU + 60)  # fatty marrow


def _inside_hu(
    patient: Patient, motion: Motion, phase: int, points: Points, still: Points, wall: Field, softness: float
) -> Field:
    tissue = {organ: values[phase] for organ, values in patient.organ_hu.items()}
    hu = np.full(points.shape[1], SKIN_HU, dtype=np.float32)
    _paint(hu, cover(wall - patient.anatomy.fat_mm, softness), FAT_HU)
    _paint(hu, cover(wall, softness), tissue["muscle"])
    cavity = body.cavity(still)
    _paint(hu, cover(cavity, softness), FAT_HU)
    psoas: Field = np.minimum(column(still, (-31, 50), (13, 15)), column(still, (31, 50), (13, 15)))
    _paint(hu, cover(np.maximum(psoas, still[2] + np.float32(15)), softness), tissue["muscle"])
    for seam in (column(still, (-34, 78), (27, 17)), column(still, (34, 78), (27, 17))):
        _paint(hu, 0.6 * cover(np.abs(seam) - np.float32(0.8), softness), FAT_HU)

    rest, liver = undo_breath(motion, points, patient.liver_distance)
    moved = body.canonical(patient.anatomy, rest)
    spleen = body.spleen(patient.anatomy, moved)
    if patient.anatomy.ascites_mm:
        _paint(hu, cover(body.ascites(patient.anatomy, moved, liver, cavity), softness), ASCITES_HU)
    # no lung in the mediastinum, in front of the spine
    mediastinum = np.where(moved[1] > 8, 20 - np.abs(moved[0] - 6), -99).astype(np.float32)
    lung = np.maximum(cavity + 1.5, -body.below_diaphragm(patient.anatomy, moved, liver, spleen))
    _paint(hu, cover(np.maximum(lung, mediastinum), softness), LUNG_HU)

    spongy, disc = body.vertebrae(patient.anatomy, still)
    _paint(hu, cover(column(still, (0, 69), (9.5, 8)), softness), 25)
    _paint(hu, cover(disc, softness), DISC_HU)
    _paint(hu, cover(spongy, softness), CORTICAL_HU)
    _paint(hu, cover(spongy + 3, softness), CANCELLOUS_HU)
    _paint(hu, cover(body.ribs(still, wall), softness), RIB_HU)
    _paint(hu, cover(tube(still, body.AORTA), softness), tissue["aorta"])

    _paint_organs(hu, patient, tissue, moved, spleen, phase, softness)
    _paint_liver(hu, patient, tissue, rest, moved, liver, phase, softness)
    return hu


def _paint_organs(
    hu: Field,
    patient: Patient,
    tissue: dict[str, float],
    at: Points,
    spleen: Field,
    phase: int,
    softness: float,
) -> None:
    colon = body.colon(patient.anatomy, at)
    _paint(hu, cover(colon, softness), tissue["gut_wall"])
    _paint(hu, cover(colon + 4, softness), STOOL_HU)
    _paint(hu, cover(np.maximum(colon + 4, at[1] + 52), softness), GAS_HU)
    _paint(hu, cover(body.heart(at), softness), tissue["muscle"])
    _paint(hu, cover(body.heart(at) + 9, softness), tissue["heart"])
    stomach = body.stomach(patient.anatomy, at)
    _paint(hu, cover(stomach, softness), tissue["gut_wall"])
    _paint(hu, cover(stomach + 5, softness), patient.stomach_hu)
    # the fluid's level is flat: the patient lies on the back
    _paint(hu, cover(np.maximum(stomach + 5, at[1] - patient.gas_level), softness), GAS_HU)
    _paint(hu, cover(tube(at, body.PANCREAS), softness), tissue["pancreas"])
    _paint(hu, cover(tube(at, body.SPLENIC_ARTERY), softness), tissue["aorta"])
    _paint(hu, cover(tube(at, body.SPLENIC_VEIN), softness), tissue["portal"])
    _paint(hu, cover(tube(at, body.PORTAL_VEIN[0]), softness), tissue["portal"])
    # the arterial spleen is striped: its red pulp fills at two speeds
    stripes = (
        26 * np.sin(0.42 * (at[0] + 0.6 * at[1]) + 2 * np.sin(0.11 * at[2]))
        if PHASES[phase] == "art"
        else 0.0
    )
    _paint(hu, cover(spleen, softness), tissue["spleen"] + stripes)
    for kidney, centre in ((body.kidney_right(at), (-58, 40, -62)), (body.kidney_left(at), (60, 38, -50))):
        sinus = ellipsoid(at, (centre[0] * 0.8, centre[1], centre[2]), (10, 8, 22))
        _paint(hu, cover(kidney, softness), tissue["cortex"])
        _paint(hu, cover(kidney + 7, softness), tissue["medulla"])
        _paint(hu, cover(sinus, softness), FAT_HU + 30)
    if not patient.anatomy.right_lobe_resected:
        _paint(hu, cover(body.gallbladder(at), softness), BILE_HU)
    _paint(hu, cover(body.vena_cava(at), softness), tissue["cava"])


def _paint_liver(
    hu: Field,
    patient: Patient,
    tissue: dict[str, float],
    rest: Points,
    moved: Points,
    liver: Field,
    phase: int,
    softness: float,
) -> None:
    near = np.flatnonzero(liver < 8)
    points, at, depth = np.ascontiguousarray(rest[:, near]), moved[:, near], liver[near]
    part = hu[near]
    parenchyma = np.full(near.size, tissue["liver"], dtype=np.float32)
    for x, y, z, shift in patient.texture_waves:
        parenchyma += patient.texture_hu * np.sin(x * points[0] + y * points[1] + z * points[2] + shift)
    _paint_all(parenchyma, patient.mimics, phase, points, tissue["liver"], softness)
    veins = min_of([tube(at, path) for path in body.HEPATIC_VEINS])
    portal = min_of([tube(at, path) for path in body.PORTAL_VEIN])
    _paint(parenchyma, cover(veins, softness), tissue["hepatic_vein"])
    _paint(parenchyma, cover(portal, softness), tissue["portal"])
    _paint_all(parenchyma, patient.lesions, phase, points, tissue["liver"], softness)
    _paint(part, cover(depth, softness), parenchyma)
    hu[near] = part


def _paint_all(
    hu: Field, lesions: Sequence[Lesion], phase: int, points: Points, liver_hu: float, softness: float
) -> None:
    for lesion in lesions:
        gap = distance(lesion, points)
        near = np.flatnonzero(gap < softness)
        value = lesion_hu(lesion, phase, points[:, near], gap[near], liver_hu)
        hu[near] += cover(gap[near], softness) * (value - hu[near])


def min_of(distances: Sequence[Field]) -> Field:
    """Return the union of solids."""
    return np.minimum.reduce(list(distances))
