"""Measure registrations of phantom cases against their known truth: target registration error in the liver."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.phantom.truth import liver_points_in_moving, read_truth

MAX_POINTS = 2000
"""Points drawn from the liver mask; the mean over them is known to a hundredth of a millimetre."""


@dataclass(frozen=True)
class RegistrationError:
    """Mean distance over liver points between where a transform puts them and where they are, in mm."""

    case: str
    phase: str
    before_mm: float
    """With the headers alone."""
    after_mm: float


def registration_errors(
    case_folder: Path, transforms: Mapping[str, sitk.Transform], *, seed: int = 0
) -> list[RegistrationError]:
    """Compare a phantom case's transforms with its truth.json.

    Args:
        case_folder: A case the phantom made, with its liver mask.
        transforms: phase -> transform from reference points to that phase's points (mm). The reference phase
            itself is left out.
        seed: Chooses the points.

    Returns:
        One record a moving phase.
    """
    case_folder = Path(case_folder)
    truth = read_truth(case_folder)
    liver = sitk.ReadImage(str(case_folder / f"liver_{truth['reference']}.nii.gz"))
    voxels = np.argwhere(sitk.GetArrayViewFromImage(liver))[:, ::-1]  # (N, 3), x y z
    rng = np.random.default_rng(seed)
    voxels = voxels[rng.permutation(len(voxels))[:MAX_POINTS]]
    points = np.array([liver.TransformIndexToPhysicalPoint(v.tolist()) for v in voxels])
    errors = []
    for phase, transform in transforms.items():
        if phase == truth["reference"]:
            continue
        there = liver_points_in_moving(truth, phase, points)
        placed = np.array([transform.TransformPoint(p.tolist()) for p in points])
        before, after = (float(np.linalg.norm(p - there, axis=1).mean()) for p in (points, placed))
        errors.append(RegistrationError(case_folder.name, phase, before, after))
    return errors
