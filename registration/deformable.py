"""Beyond rigid, on request: a smooth deformation of the reference after the rigid fit, by ITK's B-spline registration.

A cubic B-spline grid of wide meshes (some 30 mm) cannot fold easily nor squeeze a lesion; both are checked all the
same, at every place, of the region and of each lesion, and the deformation is taken back by halves until it is
harmless, or dropped.

Rueckert et al.: Nonrigid registration using free-form deformations, IEEE TMI 1999, doi:10.1109/42.796284.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.region import within
from registration.resample import coverage, resample_image
from registration.settings import Deformation
from registration.shapes import pieces
from registration.similarity import normalised_mutual_information
from registration.volume import (
    image_like,
    index_from_world,
    mask_from_image,
    values_of,
    volume_from_image,
    world_from_index,
)

MESH_MM = 30.0
WORKING_MM = 3.0
SURROUNDINGS_MM = 15.0
ITERATIONS = 60
LEAST_GAIN = 0.03  # of the similarity above chance; noise alone gained up to 0.015, a bulge at least 0.04
LEAST_JACOBIAN = 0.3  # a place may shrink to a third, or swell to three times; at 0 it folds
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
        region: What is to match better: nonzero, on any grid over the reference.
        lesion: Nonzero on the reference's grid: what must keep its volume, each piece of it; none = the region alone.
        window_hu: Values are clipped to this range.
        seed: Of the sample points.

    Returns:
        Reference points -> moving points, mm (the rigid transform itself where nothing was gained), and the report.
    """
    fixed = _prepared(reference, window_hu)
    rigidly = _prepared(resample_image(moving, reference, rigid), window_hu)
    wanted = mask_from_image(_on(region, fixed))
    covered = mask_from_image(coverage(moving, fixed, rigid))
    near = within(wanted, np.array(fixed.GetSpacing()[::-1]), SURROUNDINGS_MM) & covered
    if not (wanted & covered).any():
        return rigid, Deformation(False, "the region lies outside the moving volume")
    try:
        spline = _fit(reference, fixed, rigidly, image_like(near.astype(np.uint8), fixed), seed)
    except RuntimeError as problem:  # what SimpleITK raises
        why = str(problem).strip().splitlines()[-1]
        return rigid, Deformation(False, f"ITK could not fit one: {why}")

    for _ in range(HALVINGS + 1):
        jacobian = _jacobian(spline, fixed)
        least, most = float(jacobian.min()), float(jacobian.max())
        change = float(jacobian[wanted].mean() - 1)
        lesion_change = None if lesion is None else _worst_change(jacobian, fixed, lesion)
        harm = _harm(least, most, change, lesion_change)
        if not harm:
            break
        spline.SetParameters([p / 2 for p in spline.GetParameters()])

    # The last transform of a composite acts first.
    together = sitk.CompositeTransform([rigid, spline])
    judged = wanted & covered & mask_from_image(coverage(moving, fixed, together))
    deformed = _prepared(resample_image(moving, reference, together), window_hu)
    before, after = (_similarity(fixed, moved, judged, window_hu) for moved in (rigidly, deformed))
    if not harm and after - before <= LEAST_GAIN * (before - 1):
        harm = "it would not match better than the rigid fit"
    report = Deformation(not harm, harm, before, after, least, most, change, lesion_change)
    return (rigid if harm else together), report


def _harm(least: float, most: float, change: float, lesion_change: float | None) -> str:
    """Say what harm a deformation would do; nothing where it does none."""
    if least < LEAST_JACOBIAN:
        return f"it would shrink a place to {max(least, 0):.0%}"
    if most > 1 / LEAST_JACOBIAN:
        return f"it would swell a place to {most:.0%}"
    for what, share in (("the region", change), ("a lesion", lesion_change or 0.0)):
        if abs(share) > MOST_VOLUME_CHANGE:
            return f"it would change {what}'s volume by {share:+.0%}"
    return ""


def _worst_change(jacobian: NDArray[np.float64], grid: sitk.Image, lesion: sitk.Image) -> float:
    """Give the volume change (share) of the lesion that changes most; read at the lesions' own voxels."""
    volume, coarse = volume_from_image(lesion), volume_from_image(grid)
    numbered = pieces(mask_from_image(lesion))
    changes = [0.0]
    for number in range(1, int(numbered.max()) + 1):
        points = world_from_index(volume, np.argwhere(numbered == number))
        index = np.rint(index_from_world(coarse, points)).astype(int)
        index = np.clip(index, 0, np.array(jacobian.shape) - 1)
        changes.append(float(jacobian[tuple(index.T)].mean() - 1))
    return max(changes, key=abs)


def _fit(
    reference: sitk.Image, fixed: sitk.Image, moved: sitk.Image, around: sitk.Image, seed: int
) -> sitk.BSplineTransform:
    """Let ITK fit control points over all of the reference, on a coarser copy of it first."""
    extent = [n * s for n, s in zip(reference.GetSize(), reference.GetSpacing(), strict=True)]
    mesh = [max(2, round(e / MESH_MM)) for e in extent]
    start = sitk.BSplineTransformInitializer(reference, mesh, 3)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    inside = max(1, int(values_of(around).sum()))
    method.SetMetricSamplingPercentage(min(1.0, 40_000 / inside), seed + 1)
    method.SetMetricFixedMask(around)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-7,
        costFunctionConvergenceFactor=1e4,  # 1e7, the default, stops after a few steps
        numberOfIterations=ITERATIONS,
        maximumNumberOfFunctionEvaluations=2 * ITERATIONS,
    )
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 0.0])
    # Sums in another order end elsewhere; SetNumberOfThreads would leave the order to the threads.
    method.SetNumberOfWorkUnits(1)
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, moved)
    return start


def _prepared(image: sitk.Image, window_hu: tuple[float, float]) -> sitk.Image:
    """Bring an image to about 3 mm by block means, and clip it."""
    factors = [
        max(1, min(round(WORKING_MM / spacing), size // 4))
        for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.Clamp(
        sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors), sitk.sitkFloat32, *window_hu
    )


def _on(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    return sitk.Resample(mask != 0, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor)


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
