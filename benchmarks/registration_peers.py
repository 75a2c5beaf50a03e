#!/usr/bin/env python3
"""Compare the registration with SimpleITK's (Mattes mutual information) on pairs of known rigid motion.

    python benchmarks/registration_peers.py CT.nii.gz [--pairs 4] [--seed 0] [--peers ours,mattes]

Pairs are made from the image given: a random motion of each class, a contrast change between the phases, noise,
another spacing and a fifth less coverage along z. The moving grid follows the anatomy, as a second scan does.
The error (TRE) is the mean distance between found and true place over points in the body, in mm.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from registration import RegistrationSettings, register
from registration.volume import image_like, values_of, volume_from_image, world_from_index

# Length of the translation in mm, angle about a random axis in degrees.
CLASSES = {
    "none": (0.0, 0.0),
    "small": (5.0, 3.0),
    "medium": (15.0, 8.0),
    "large": (40.0, 20.0),
    "far": (120.0, 10.0),
}
FOUND_MM = 1.0  # a smaller error counts as found


@dataclass(frozen=True)
class Pair:
    """Hold a reference, a moving volume, the true transform between them, and points to judge by."""

    reference: sitk.Image
    moving: sitk.Image
    truth: sitk.Transform
    points: np.ndarray


def random_motion(
    rng: np.random.Generator, shift_mm: float, angle_deg: float, centre: np.ndarray
) -> sitk.Transform:
    """Draw a rigid motion; far shifts go mostly along z, as scans that start elsewhere do."""
    axis, direction = rng.standard_normal((2, 3))
    if shift_mm > 60:
        direction[:2] *= 0.3
    motion = sitk.VersorRigid3DTransform()
    motion.SetCenter(centre.tolist())
    motion.SetRotation((axis / np.linalg.norm(axis)).tolist(), float(np.deg2rad(angle_deg)))
    motion.SetTranslation((shift_mm * direction / np.linalg.norm(direction)).tolist())
    return motion


def make_pair(image: sitk.Image, shift_mm: float, angle_deg: float, rng: np.random.Generator) -> Pair:
    """Make one pair from one image."""
    volume = volume_from_image(image)
    body = np.argwhere(volume.values > -200)
    points = world_from_index(volume, body[rng.choice(len(body), 500, replace=False)])
    centre = points.mean(axis=0)
    truth = random_motion(rng, shift_mm, angle_deg, centre)
    size, spacing = np.array(image.GetSize()), np.array(image.GetSpacing())
    new_spacing = spacing * rng.uniform([1.0, 1.0, 0.8], [1.2, 1.2, 1.4])
    new_size = np.maximum(np.rint(size * spacing / new_spacing * [1, 1, 0.8]), 8).astype(int)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint(((size - 1) / 2).tolist()))
    middle = np.array(truth.TransformPoint(middle.tolist())) + rng.uniform(-3, 3, 3)
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(new_size.tolist())
    resampler.SetOutputSpacing(new_spacing.tolist())
    resampler.SetOutputDirection(image.GetDirection())
    resampler.SetOutputOrigin((middle - direction @ ((new_size - 1) / 2 * new_spacing)).tolist())
    resampler.SetTransform(truth.GetInverse())
    resampler.SetInterpolator(sitk.sitkBSpline)
    resampler.SetDefaultPixelValue(-1024)
    moved = resampler.Execute(sitk.Cast(image, sitk.sitkFloat32))
    enhanced = np.interp(
        values_of(moved),
        [-1024, -150, 0, 60, 130, 250, 1500],
        [-1024, -150, 0, *np.cumsum(rng.uniform([40, 20, 60], [110, 90, 160])), 1500],
    )
    return Pair(
        reference=image_like(values_of(image) + _noise(image, rng), image),
        moving=image_like((enhanced + _noise(moved, rng)).astype(np.float32), moved),
        truth=truth,
        points=points,
    )


def _noise(image: sitk.Image, rng: np.random.Generator) -> np.ndarray:
    return (12 * rng.standard_normal(image.GetSize()[::-1])).astype(np.float32)


def run_ours(pair: Pair, seed: int) -> sitk.Transform:
    """Register with this package."""
    return register(pair.reference, pair.moving, settings=RegistrationSettings(seed=seed)).transform


def run_mattes(pair: Pair, seed: int) -> sitk.Transform:
    """Register with SimpleITK as its examples do: Mattes, regular-step descent, three levels, geometric start."""
    fixed, moving = (sitk.Cast(image, sitk.sitkFloat32) for image in (pair.reference, pair.moving))
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    # A fixed small share of the coarse levels' few voxels would starve it: 10 mm errors, measured.
    method.SetMetricSamplingPercentagePerLevel([1.0, 0.5, 0.1], seed + 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=200, relaxationFactor=0.5
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetNumberOfThreads(2)
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


PEERS: dict[str, Callable[[Pair, int], sitk.Transform]] = {"ours": run_ours, "mattes": run_mattes}


def error_mm(found: sitk.Transform, pair: Pair) -> float:
    """Give the mean distance between found and true places."""
    apart = [np.subtract(found.TransformPoint(p), pair.truth.TransformPoint(p)) for p in pair.points.tolist()]
    return float(np.linalg.norm(apart, axis=1).mean())


def main() -> int:
    """Print a line a class and peer: median and worst error, found of all, median seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a CT volume")
    parser.add_argument("--pairs", type=int, default=4, help="pairs a class (default 4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--classes", default=",".join(CLASSES), help=f"of {', '.join(CLASSES)}")
    options = parser.parse_args()
    image = sitk.Cast(sitk.ReadImage(str(options.image)), sitk.sitkFloat32)
    peers = options.peers.split(",")
    # Compiling belongs to the first run ever, not to these.
    run_ours(make_pair(image, 0.0, 0.0, np.random.default_rng(options.seed)), options.seed)
    print(f"{'class':<8} {'peer':<8} {'median mm':>10} {'worst mm':>10} {'found':>8} {'median s':>10}")
    for number, name in enumerate(options.classes.split(",")):
        errors: dict[str, list[float]] = {peer: [] for peer in peers}
        seconds: dict[str, list[float]] = {peer: [] for peer in peers}
        for k in range(options.pairs):
            pair = make_pair(image, *CLASSES[name], np.random.default_rng([options.seed, number, k]))
            for peer in peers:
                started = time.perf_counter()
                try:
                    error = error_mm(PEERS[peer](pair, options.seed), pair)
                except RuntimeError:  # SimpleITK, where the volumes lose one another
                    error = float("inf")
                seconds[peer].append(time.perf_counter() - started)
                errors[peer].append(error)
        for peer in peers:
            hits = sum(e < FOUND_MM for e in errors[peer])
            print(
                f"{name:<8} {peer:<8} {np.median(errors[peer]):10.3f} {max(errors[peer]):10.3f} "
                f"{hits:>4}/{options.pairs:<3} {np.median(seconds[peer]):10.2f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
