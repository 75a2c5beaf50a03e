"""Bring a phase to the reference otherwise than we do: not at all, or as SimpleITK's users usually do.

Both answer as `registration.register` does, so that the same dataset can be built with them. Nobody judges what they found:
the verdict is "check".
"""

import math
import time

import SimpleITK as sitk

from registration import RegistrationResult, RegistrationSettings
from registration.resample import coverage
from registration.settings import Evidence

NO_JUDGE = "SimpleITK does not judge itself"
GAVE_UP = "SimpleITK gave up"


def by_headers(
    reference: sitk.Image,
    moving: sitk.Image,
    *,
    reference_mask: sitk.Image | None = None,
    settings: RegistrationSettings | None = None,
) -> RegistrationResult:
    """Leave the phase where its header puts it.

    Args:
        reference: The volume that stays.
        moving: The other.
        reference_mask: Not used.
        settings: Not used.

    Returns:
        The identity; "failed" where the volumes do not meet.
    """
    return _unjudged(reference, moving, sitk.Euler3DTransform(), 0.0, "not registered")


def by_simpleitk(
    reference: sitk.Image,
    moving: sitk.Image,
    *,
    reference_mask: sitk.Image | None = None,
    settings: RegistrationSettings | None = None,
) -> RegistrationResult:
    """Register rigidly as SimpleITK's own examples do.

    Mattes' mutual information (doi:10.1109/TMI.2003.809072) of 50 bins on a random sample of the voxels, the volumes'
    middles laid on each other to begin with, regular-step gradient descent on three levels. The share of
    voxels sampled differs from the examples': all of the coarsest level's, half, a tenth, because a tenth of the coarsest's
    few starves the descent. One thread, so that the result does not depend on how many there are.

    Args:
        reference: The volume that stays.
        moving: The other.
        reference_mask: Not used: the usual recipe knows no organ.
        settings: Gives the seed.

    Returns:
        The transform found; "failed" where the volumes do not meet by it, or SimpleITK found none.
    """
    started = time.perf_counter()
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(
        1
    )  # the method's own setting does not reach all its parts
    try:
        found, reason = _usual_recipe(reference, moving, 0 if settings is None else settings.seed), NO_JUDGE
    except RuntimeError:  # too few samples meet
        found, reason = sitk.Euler3DTransform(), GAVE_UP
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    return _unjudged(reference, moving, found, time.perf_counter() - started, reason)


def _usual_recipe(reference: sitk.Image, moving: sitk.Image, seed: int) -> sitk.Euler3DTransform:
    """Find the transform; RuntimeError where too few samples meet."""
    fixed, floating = (sitk.Cast(image, sitk.sitkFloat32) for image in (reference, moving))
    start = sitk.CenteredTransformInitializer(
        fixed, floating, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    # SimpleITK takes 0 for the time of day.
    method.SetMetricSamplingPercentagePerLevel([1.0, 0.5, 0.1], 1 + seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=200, relaxationFactor=0.5
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    return sitk.Euler3DTransform(sitk.CompositeTransform(method.Execute(fixed, floating)).GetBackTransform())


def _unjudged(
    reference: sitk.Image, moving: sitk.Image, transform: sitk.Euler3DTransform, seconds: float, reason: str
) -> RegistrationResult:
    """Put a result together, of which nothing is known but whether the volumes meet."""
    meets = bool(sitk.GetArrayFromImage(coverage(moving, reference, transform)).any())
    failed = not meets or reason == GAVE_UP
    unknown = math.nan
    return RegistrationResult(
        transform=transform,
        rigid=transform,
        similarity_before=unknown,
        similarity_after=unknown,
        overlap=unknown,
        seconds=seconds,
        evaluations=0,
        swarm_trace=(),
        region="body",
        motion_of="body",
        expected_error_mm=unknown,
        fitted=sitk.Image([1, 1, 1], sitk.sitkUInt8),
        verdict="failed" if failed else "check",
        reasons=(reason if meets else "the volumes do not meet",),
        evidence=Evidence(unknown, unknown, unknown, unknown, unknown, unknown),
    )
