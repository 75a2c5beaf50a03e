#!/usr/bin/env python3
"""Register two files with another tool: `python benchmarks/registration_run_peer.py TOOL REFERENCE MOVING OUT.tfm`.

Each run is a process of its own that reads two files and writes a transform (reference points -> moving points, mm), so
that imports and reading count as they do for a user.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

THREADS = 2
FLIP = np.diag([-1.0, -1.0, 1.0])  # ITK's world is LPS, greedy's is RAS


def simpleitk_usual(reference: str, moving: str, seed: int = 1) -> sitk.Transform:
    """SimpleITK as its examples do: Mattes, regular-step descent, three levels, geometric start."""
    fixed, floating = (sitk.ReadImage(path, sitk.sitkFloat32) for path in (reference, moving))
    method = _mattes(fixed, floating)
    # A fixed small share of the coarse levels' few voxels would starve it: 10 mm errors, measured.
    method.SetMetricSamplingPercentagePerLevel([1.0, 0.5, 0.1], seed)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=200, relaxationFactor=0.5
    )
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    return method.Execute(fixed, floating)


def simpleitk_fast(reference: str, moving: str, seed: int = 1) -> sitk.Transform:
    """The same, tuned for speed: both volumes brought to about 2 mm, two levels, fewer samples, an earlier stop."""
    fixed, floating = (_coarser(sitk.ReadImage(path, sitk.sitkFloat32)) for path in (reference, moving))
    method = _mattes(fixed, floating)
    voxels = fixed.GetNumberOfPixels()
    method.SetMetricSamplingPercentagePerLevel(
        [min(1.0, 20_000 / voxels * 27), min(1.0, 40_000 / voxels)], seed
    )
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=0.02, numberOfIterations=100, relaxationFactor=0.5
    )
    method.SetShrinkFactorsPerLevel([3, 1])
    method.SetSmoothingSigmasPerLevel([3, 0])
    return method.Execute(fixed, floating)


def _coarser(image: sitk.Image) -> sitk.Image:
    """Average blocks of voxels of less than 2 mm."""
    return sitk.BinShrink(image, [max(1, round(2.0 / s)) for s in image.GetSpacing()])


def _mattes(fixed: sitk.Image, floating: sitk.Image) -> sitk.ImageRegistrationMethod:
    start = sitk.CenteredTransformInitializer(
        fixed, floating, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetNumberOfThreads(THREADS)
    method.SetInitialTransform(start, inPlace=False)
    return method


def elastix(reference: str, moving: str) -> sitk.Transform:
    """elastix with its own default parameters for a rigid registration."""
    import itk

    fixed, floating = (itk.imread(path, itk.F) for path in (reference, moving))
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(parameters.GetDefaultParameterMap("rigid"))
    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(THREADS)
    _, found = itk.elastix_registration_method(
        fixed, floating, parameter_object=parameters, log_to_console=False
    )
    answer = found.GetParameterMap(0)
    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(c) for c in answer["CenterOfRotationPoint"]])
    transform.SetParameters([float(p) for p in answer["TransformParameters"]])
    return transform


def greedy(reference: str, moving: str) -> sitk.Transform:
    """greedy, rigid, normalised mutual information, from the images' centres."""
    from picsl_greedy import Greedy3D

    with tempfile.TemporaryDirectory() as folder:
        matrix = Path(folder) / "rigid.mat"
        Greedy3D().execute(
            f"-threads {THREADS} -i {reference} {moving} -a -dof 6 -m NMI -ia-image-centers -n 100x50x10 -o {matrix}"
        )
        ras = np.loadtxt(matrix)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((FLIP @ ras[:3, :3] @ FLIP).ravel().tolist())
    transform.SetTranslation((FLIP @ ras[:3, 3]).tolist())
    return transform


def antspy(reference: str, moving: str) -> sitk.Transform:
    """ANTs through antspyx, its preset Rigid."""
    import ants

    fixed, floating = ants.image_read(reference), ants.image_read(moving)
    found = ants.registration(fixed, floating, type_of_transform="Rigid", random_seed=1)
    return sitk.ReadTransform(found["fwdtransforms"][0])


TOOLS = {f.__name__: f for f in (simpleitk_usual, simpleitk_fast, elastix, greedy, antspy)}

if __name__ == "__main__":
    tool, reference, moving, out = sys.argv[1:]
    sitk.WriteTransform(TOOLS[tool](reference, moving), out)
