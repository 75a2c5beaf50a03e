"""Write and read a case's known truth: where the patient lay, and which lesions and mimics he has.

For every phase truth.json holds R = `rotation`, t = `translation_mm`, b = `liver_shift_mm`; a point q of the liver
at rest lies at x = R (q + b) + t in that phase's physical coordinates (mm, LPS as in SimpleITK).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunet_multiphase.errors import InputError
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
        truth = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(
            f"{path}: expected the phantom's truth.json, but it cannot be read ({error})"
        ) from error
    if not isinstance(truth, dict) or not {"reference", "motions", "lesions"} <= truth.keys():
        raise InputError(
            f"{path}: expected the keys reference, motions and lesions, as the phantom writes them"
        )
    return truth


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
