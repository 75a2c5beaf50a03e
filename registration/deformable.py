"""Beyond rigid, on request: a smooth deformation of the reference after the rigid fit, by ITK's B-spline registration.

A cubic B-spline grid of wide meshes (some 40 mm) cannot fold easily nor squeeze a lesion; both are checked all the
same, in the region and on its lesion, and the deformation is taken back by halves until it is harmless, or dropped.

Rueckert et al.: Nonrigid registration using free-form deformations, IEEE TMI 1999, doi:10.1109/42.796284.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.resample import coverage, resample_image
from registration.settings import Deformation
from registration.shapes import distances_to
from registration.similarity import normalised_mutual_information
from registration.volume import image_like, mask_from_image, values_of

MESH_MM = 40.0
WORKING_MM = 3.0
SURROUNDINGS_MM = 15.0
ITERATIONS = 40
LEAST_GAIN = 0.01  # of the similarity above chance; less is noise being fitted
LEAST_JACOBIAN = 0.3  # a voxel may shrink to a third; at 0 it folds
MOST_VOLUME_CHANGE = 0.1  # of the lesion, and of the region
HALVINGS = 3


def deform(
    reference: sitk.Image,
    moving: sitk.Image,
    rigid: sitk.Transform,
    region: sitk.Image,
    *,
    lesion: sitk.Image | None = None,
    window_hu: tuple[float, float],
    seed: int = 0,
) -> tuple[sitk.Transform, Deformation]:
    """Find a deformation that improves on a rigid fit in a region, or say why there is none.

    Args:
        reference: Fixed volume, HU.
        moving: Moving volume, HU.
        rigid: Reference points -> moving points, mm.
        region: Nonzero on the reference's grid: what is to match better.
        lesion: Nonzero on the reference's grid: what must keep its volume; none = the region alone must.
        window_hu: Values are clipped to this range.
        seed: Of the sample points.

    Returns:
        Reference points -> moving points, mm (the rigid transform itself where nothing was gained), and the report.
    """
    moved = resample_image(moving, reference, rigid)
    fixed_small, moved_small = (_prepared(image, window_hu) for image in (reference, moved))
    covered = coverage(moving, fixed_small, rigid)
    region_small = _on(region, fixed_small)
    around = image_like(
        _near(mask_from_image(region_small), fixed_small).astype(np.uint8) & values_of(covered), fixed_small
    )
    spline = _fit(fixed_small, moved_small, around, seed)

    judged = mask_from_image(region_small) & (values_of(covered) > 0)
    lesion_small = None if lesion is None else mask_from_image(_on(lesion, fixed_small))
    before = _similarity(fixed_small, moved_small, judged, window_hu)
    reason = ""
    for _ in range(HALVINGS + 1):
        jacobian = _jacobian(spline, fixed_small)
        least = float(jacobian[mask_from_image(around)].min(initial=1.0))
        change = float(jacobian[judged].mean() - 1) if judged.any() else 0.0
        lesion_change = None
        if lesion_small is not None and lesion_small.any():
            lesion_change = float(jacobian[lesion_small].mean() - 1)
        if least < LEAST_JACOBIAN:
            reason = f"it would shrink a place to {max(least, 0):.0%}"
        elif max(abs(change), abs(lesion_change or 0.0)) > MOST_VOLUME_CHANGE:
            what = "the region" if abs(change) > MOST_VOLUME_CHANGE else "the lesion"
            reason = f"it would change {what}'s volume by more than {MOST_VOLUME_CHANGE:.0%}"
        else:
            break
        spline.SetParameters([p / 2 for p in spline.GetParameters()])
    else:
        return rigid, Deformation(False, reason, before, before, 1.0, 0.0, None)

    after = _similarity(
        fixed_small, sitk.Resample(moved_small, fixed_small, spline, sitk.sitkLinear), judged, window_hu
    )
    if after - before < LEAST_GAIN * (before - 1):
        reason = "it would not match better than the rigid fit"
        return rigid, Deformation(False, reason, before, after, least, change, lesion_change)
    # The last transform of a composite acts first.
    together = sitk.CompositeTransform([rigid, spline])
    return together, Deformation(True, "", before, after, least, change, lesion_change)


def _fit(fixed: sitk.Image, moved: sitk.Image, around: sitk.Image, seed: int) -> sitk.BSplineTransform:
    """Let ITK fit the control points, coarse grid first."""
    extent = [n * s for n, s in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    mesh = [max(2, round(e / MESH_MM)) for e in extent]
    start = sitk.BSplineTransformInitializer(fixed, mesh, 3)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    inside = max(1, int(values_of(around).sum()))
    method.SetMetricSamplingPercentage(min(1.0, 40_000 / inside), seed + 1)
    method.SetMetricFixedMask(around)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-6,
        numberOfIterations=ITERATIONS,
        maximumNumberOfFunctionEvaluations=2 * ITERATIONS,
    )
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 0.0])
    method.SetNumberOfThreads(1)  # sums in another order end elsewhere
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, moved)
    return start


def _prepared(image: sitk.Image, window_hu: tuple[float, float]) -> sitk.Image:
    """Bring an image to about 3 mm by block means, and clip it."""
    factors = [max(1, round(WORKING_MM / spacing)) for spacing in image.GetSpacing()]
    return sitk.Clamp(
        sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors), sitk.sitkFloat32, *window_hu
    )


def _on(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    return sitk.Resample(mask != 0, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor)


def _near(region: NDArray[np.bool_], grid: sitk.Image) -> NDArray[np.bool_]:
    if not region.any():
        return np.ones_like(region)
    return distances_to(region, np.array(grid.GetSpacing()[::-1])) <= SURROUNDINGS_MM


def _similarity(
    fixed: sitk.Image, moved: sitk.Image, where: NDArray[np.bool_], window_hu: tuple[float, float]
) -> float:
    """Give the normalised mutual information of the voxels in a region."""
    pairs = values_of(fixed)[where], values_of(moved)[where]
    histogram, *_ = np.histogram2d(*pairs, bins=32, range=[window_hu, window_hu])
    return float(normalised_mutual_information(histogram))


def _jacobian(transform: sitk.Transform, grid: sitk.Image) -> NDArray[np.float64]:
    """Give the determinant of the transform's derivative at each voxel: local volume, 1 = kept, 0 = folded."""
    field = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        grid.GetSize(),
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
    )
    return values_of(sitk.DisplacementFieldJacobianDeterminant(field)).astype(np.float64)
