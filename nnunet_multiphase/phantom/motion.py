"""Move the patient between phases: a rigid transform of the body, and the breath of the organs inside it.

A liver point q of the patient's frame lies in a phase's physical frame (mm, LPS) at
    x = R (q + b) + t
with that phase's rotation R, translation t and breath b. Other organs follow the breath by a weight that
falls smoothly with the distance from the liver and towards the back; spine, ribs and body wall do not follow it
at all, so the organs slide along them. Breath of 10-30 mm, mostly cranio-caudal: Keall et al. 2006, Med. Phys. 33:3874,
doi:10.1118/1.2349696 (AAPM task group 76).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnunet_multiphase.phantom.shapes import Field, Points, smooth_step

RIGID_MARGIN_MM = 6.0
"""The liver and this much around it move as one piece."""
FALLOFF_MM = 70.0
"""Distance from the liver at which its own motion has faded to the neighbours'."""


@dataclass(frozen=True)
class Motion:
    """Place of the patient in one phase."""

    rotation: npt.NDArray[np.float64]  # (3, 3)
    translation_mm: npt.NDArray[np.float64]  # (3,)
    liver_shift_mm: npt.NDArray[np.float64]  # (3,) in the patient's frame, before the rotation


def rotation_matrix(angles_deg: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return Rz Ry Rx for the angles about x, y and z in degrees."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(angles_deg)), np.sin(np.radians(angles_deg))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, dtype=np.float64)


def sample_motion(
    rng: np.random.Generator,
    table_mm: npt.ArrayLike,
    *,
    max_breath_mm: float,
    max_rotation_deg: float,
    max_shift_mm: float,
) -> Motion:
    """Draw one phase's motion; each limit holds for the difference between any two phases, an axis at a time.

    Args:
        rng: Source of randomness.
        table_mm: Where the patient's origin lies in the scanner, the same for all phases of a case.
        max_breath_mm: Largest cranio-caudal difference between two breath holds.
        max_rotation_deg: Largest difference about each axis.
        max_shift_mm: Largest difference along each axis.
    """
    breath = rng.uniform(-0.5, 0.5) * max_breath_mm
    # breathing in takes the liver down (caudal) and a little to the front
    shift = [rng.uniform(-0.05, 0.05) * max_breath_mm, rng.uniform(0.1, 0.3) * breath, breath]
    return Motion(
        rotation=rotation_matrix(rng.uniform(-0.5, 0.5, 3) * max_rotation_deg),
        translation_mm=np.asarray(table_mm, dtype=np.float64) + rng.uniform(-0.5, 0.5, 3) * max_shift_mm,
        liver_shift_mm=np.asarray(shift, dtype=np.float64),
    )


def place(motion: Motion, points_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Map liver points (N, 3) of the patient's frame to the phase's physical frame."""
    moved = np.asarray(points_mm, dtype=np.float64) + motion.liver_shift_mm
    return np.asarray(moved @ motion.rotation.T + motion.translation_mm, dtype=np.float64)


def locate(motion: Motion, points_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Map liver points (N, 3) of the phase's physical frame to the patient's frame: inverse of `place`."""
    body = (np.asarray(points_mm, dtype=np.float64) - motion.translation_mm) @ motion.rotation
    return np.asarray(body - motion.liver_shift_mm, dtype=np.float64)


def breath_weight(body: Points, liver_mm: Field) -> Field:
    """Return how far a point follows the liver's breath: 1 on the liver, less far off and near the spine."""
    neighbours = 0.85 * (1 - smooth_step(body[1], -20.0, 62.0))
    near = 1 - smooth_step(liver_mm, RIGID_MARGIN_MM, FALLOFF_MM)
    return neighbours + (1 - neighbours) * near


def undo_breath(
    motion: Motion, body: Points, liver_distance: Callable[[Points], Field]
) -> tuple[Points, Field]:
    """Map points of the breathing body to the patient's frame, where the anatomy is defined.

    Args:
        motion: The phase's motion; only its breath is used.
        body: Points (3, N) after the rigid transform has been undone.
        liver_distance: Signed distance to the liver in the patient's frame.

    Returns:
        The points (3, N) and the liver's distance there. Exact for the liver and `RIGID_MARGIN_MM` around it.
    """
    shift = motion.liver_shift_mm.astype(np.float32)[:, None]
    as_liver = liver_distance(body - shift)
    weight = breath_weight(body, as_liver)
    rest = body - weight * shift
    elsewhere = np.maximum(liver_distance(rest), RIGID_MARGIN_MM)
    return rest, np.where(as_liver <= RIGID_MARGIN_MM, as_liver, elsewhere)
