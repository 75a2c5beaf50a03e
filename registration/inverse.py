"""Turn a transform round: from points of the moving volume to points of the reference."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk

from registration.settings import RegistrationResult

STEP_MM = 3.0  # the deformation's meshes are of 25 mm and more
TOLERANCE_MM = 0.01
MARGIN_MM = 30.0  # about the reference: what is bent across its faces is turned round as well


def inverse_of(result: RegistrationResult, reference: sitk.Image) -> sitk.Transform:
    """Give the inverse of what was found, on which moving points lie in the reference.

    A rigid motion is turned round exactly, a deformation numerically (Chen et al., Medical Physics 2008,
    doi:10.1118/1.2816107), to less than 0.1 mm by points 3 mm apart.

    Args:
        result: From `register`.
        reference: Its grid is where the deformation is turned round; beyond it the rigid motion holds.

    Returns:
        Points of the moving volume -> points of the reference, mm.
    """
    back = result.rigid.GetInverse()
    if result.deformation is None or not result.deformation.accepted:
        return back
    margin = math.ceil(MARGIN_MM / STEP_MM)
    size = [
        max(2, math.ceil(n * s / STEP_MM) + 1) + 2 * margin
        for n, s in zip(reference.GetSize(), reference.GetSpacing(), strict=True)
    ]
    direction = np.array(reference.GetDirection()).reshape(3, 3)
    origin = np.array(reference.GetOrigin()) - direction @ np.full(3, margin * STEP_MM)
    # ITK puts the last one first: the deformation without the rigid motion after it.
    bent = sitk.CompositeTransform([back, result.transform])
    field = sitk.TransformToDisplacementField(
        bent, sitk.sitkVectorFloat64, size, origin.tolist(), [STEP_MM] * 3, reference.GetDirection()
    )
    turned = sitk.InvertDisplacementField(
        field,
        maximumNumberOfIterations=50,
        maxErrorToleranceThreshold=TOLERANCE_MM,
        meanErrorToleranceThreshold=0.0,  # it would stop at the first of the two that is reached
        enforceBoundaryCondition=False,
    )
    return sitk.CompositeTransform([sitk.DisplacementFieldTransform(turned), back])
