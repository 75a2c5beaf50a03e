"""Write and read a case's known truth: where the patient lay, and which lesions and mimics he has.

For every phase truth.json holds R = `rotation`, t = `translation_mm`, b = `liver_shift_mm`; a point q of the liver
at rest lies at x = R (q + b) + t in that phase's physical coordinates (mm, LPS as in SimpleITK).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json
from nnunet_multiphase.phantom.lesions import Lesion
from nnunet_multiphase.phantom.motion import Motion, locate, place

Truth = dict[str, Any]
MOTION_KEYS = ("rotation", "translation_mm", "liver_shift_mm")


def lesion_record(lesion: Lesion, reference: Motion) -> dict[str, Any]:
    """Return kind, centre in the reference phase's physical frame (mm) and radius (mm)."""
    centre = place(reference, [lesion.centre])[0]
    return {
        "kind": lesion.kind,
        "centre_mm": [round(float(v), 4) for v in centre],
        "radius_mm": round(lesion.radius_mm, 4),
    }


def motion_record(motion: Motion) -> dict[str, Any]:
    """Return a motion as plain lists, unrounded."""
    return {
        "rotation": motion.rotation.tolist(),
        "translation_mm": motion.translation_mm.tolist(),
        "liver_shift_mm": motion.liver_shift_mm.tolist(),
    }


def read_truth(case: str | Path) -> Truth:
    """Read truth.json of a case folder.

    Raises:
        InputError: The folder has no readable truth.json of the phantom.
    """
    path = Path(case) / "truth.json"
    try:
        truth = load_json(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected the phantom's truth.json, but it cannot be read ({error})"
        ) from error
    if not isinstance(truth, dict) or not {"reference", "motions", "lesions"} <= truth.keys():
        raise InputError(
            f"{path}: expected the keys reference, motions and lesions, as the phantom writes them"
        )
    if not isinstance(truth["motions"], dict) or str(truth["reference"]) not in truth["motions"]:
        raise InputError(
            f"{path}: expected a motion of the reference and of each other phase; restore the file"
        )
    for phase in truth["motions"]:
        try:
            motion = motion_of(truth, phase)
            well = motion.rotation.shape == (3, 3) and motion.translation_mm.shape == (3,)
            well = well and motion.liver_shift_mm.shape == (3,) and _is_rotation(motion.rotation)
            well = well and bool(np.isfinite([*motion.translation_mm, *motion.liver_shift_mm]).all())
        except (KeyError, TypeError, ValueError, OverflowError):
            well = False
        if not well:
            raise InputError(
                f"{path}: the motion of {phase} is none: expected a rotation of 3 x 3 and two shifts of 3 numbers; restore "
                "the file"
            )
    return truth


def _is_rotation(matrix: npt.NDArray[np.float64]) -> bool:
    return bool(np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-6))


def motion_of(truth: Mapping[str, Any], phase: str) -> Motion:
    """Return one phase's motion.

    Raises:
        InputError: The truth does not know the phase.
    """
    if phase not in truth["motions"]:
        known = ", ".join(truth["motions"])
        raise InputError(
            f"{truth.get('case', 'truth')}: no motion of phase {phase!r}; expected one of {known}"
        )
    record = truth["motions"][phase]
    return Motion(*(np.asarray(record[key], dtype=np.float64) for key in MOTION_KEYS))


def liver_points_in_moving(
    truth: Mapping[str, Any], phase: str, points_mm: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Map liver points of the reference phase to the same tissue in another phase, exactly.

    Args:
        truth: Content of truth.json (`read_truth`).
        phase: The moving phase.
        points_mm: Points (N, 3) in the reference phase's physical coordinates, mm, in the liver or
            within 6 mm of it.

    Returns:
        Points (N, 3) in the moving phase's physical coordinates, mm.
    """
    points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
    return place(motion_of(truth, phase), locate(motion_of(truth, truth["reference"]), points))
