"""Transforms turned round."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from registration.inverse import inverse_of
from registration.settings import Deformation, RegistrationResult


def grid() -> sitk.Image:
    image = sitk.Image((40, 36, 20), sitk.sitkUInt8)
    image.SetSpacing((3.0, 3.0, 5.0))
    image.SetOrigin((-70.0, 20.0, 500.0))
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.0, 0.1, 0.2).GetMatrix())
    return image


def around(reference: sitk.Image) -> sitk.Image:
    """The grid and 60 mm about it: beyond its domain a spline of ITK moves nothing, and tears."""
    return sitk.ConstantPad(reference, (20, 20, 12), (20, 20, 12))


def rigid(reference: sitk.Image) -> sitk.Euler3DTransform:
    middle = reference.TransformContinuousIndexToPhysicalPoint([n / 2 for n in reference.GetSize()])
    return sitk.Euler3DTransform(middle, 0.1, -0.2, 0.3, (12.0, -7.0, 30.0))


def found(reference: sitk.Image, *, bent_mm: float) -> RegistrationResult:
    """A result as `register` gives it: a spline with random controls before a rigid motion."""
    first = rigid(reference)
    transform: sitk.Transform = first
    if bent_mm:
        spline = sitk.BSplineTransformInitializer(around(reference), [4, 4, 3])
        controls = np.random.default_rng(4).normal(0.0, bent_mm, len(spline.GetParameters()))
        spline.SetParameters(controls.tolist())
        transform = sitk.CompositeTransform([first, spline])
    return RegistrationResult(
        **dict.fromkeys(RegistrationResult.__dataclass_fields__)
        | {
            "transform": transform,
            "rigid": first,
            "deformation": Deformation(accepted=bool(bent_mm), reason=""),
        }
    )


def points_in(reference: sitk.Image) -> list[tuple[float, ...]]:
    """Points from face to face: some come to lie beyond the faces."""
    share = np.random.default_rng(1).uniform(0.0, 1.0, (200, 3))
    last = np.array(reference.GetSize()) - 1
    return [reference.TransformContinuousIndexToPhysicalPoint(p.tolist()) for p in share * last]


def errors_mm(bent_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """How far points end from where they began, there and back; and how far the deformation alone moves them."""
    reference = grid()
    result = found(reference, bent_mm=bent_mm)
    back = inverse_of(result, reference)
    points = points_in(reference)
    there = [result.transform.TransformPoint(p) for p in points]
    round_trip = np.linalg.norm(np.subtract([back.TransformPoint(p) for p in there], points), axis=1)
    undone = np.subtract([result.rigid.GetInverse().TransformPoint(p) for p in there], points)
    return round_trip, np.linalg.norm(undone, axis=1)


def test_a_rigid_motion_is_turned_round_exactly() -> None:
    assert errors_mm(0.0)[0].max() < 1e-6


def test_a_deformation_is_turned_round_to_a_tenth_of_a_millimetre_up_to_the_faces() -> None:
    left, bent = errors_mm(4.0)
    assert np.median(bent) > 1.5  # else there would be nothing to turn round
    assert left.max() < 0.1
