#!/usr/bin/env python3
"""Make registration pairs from sources that are split into tuning and holdout, and keep them as files.

    python benchmarks/registration_sources.py PAIRS --split holdout --ct CT.nii.gz --organs LABELS.nii.gz

Whoever tunes looks at `tuning` only, whoever reports reports `holdout` only. Two sources, another patient for every pair: a
real CT with the organ labels of TotalSegmentator, warped, and the phantom, some of its patients unlike the usual. Volumes
have a scanner's voxels (0.7-1.0 mm in plane, 2.5-5 mm slices) and 15-25 HU of noise with a kernel's grain; the moving one is
another contrast phase, on its own grid. Pairs that are there already are not made again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from registration_pairs import Pair, write_pair
from scipy import ndimage

from nnunet_multiphase.phantom.cohort import sample_patient
from nnunet_multiphase.phantom.motion import Motion, locate, place
from nnunet_multiphase.phantom.render import render_hu, render_liver, sample_grid
from nnunet_multiphase.phantom.render import to_image as phantom_image
from nnunet_multiphase.phantom.tissue import ENHANCING_HU
from nnunet_multiphase.phantom.variants import USUAL, VARIANTS
from nnunet_multiphase.phases import FILL_HU, PHASES
from registration.volume import image_like, values_of, volume_from_image, world_from_index

SPLITS = {"tuning": range(100, 200), "holdout": range(700, 800)}
"""Seeds of the anatomies, of either source; earlier seeds have been used for tuning, too."""


@dataclass(frozen=True)
class Group:
    """Say how far the moving volume is moved, and which share of the reference's length it covers."""

    shift_mm: float
    angle_deg: float
    length: float = 0.8


GROUPS = {
    "small": Group(5, 3),
    "medium": Group(15, 8),
    "large": Group(40, 20),
    "xl": Group(80, 40, length=0.55),
    "far": Group(120, 10),
    "breath": Group(0, 0),
    "aside": Group(15, 8),
    "torn": Group(15, 8),
}
ASIDE_MM = (75.0, 100.0)
"""Of the patient from the middle of a wide field, in `aside`; the moving volume's origin tells nothing."""
TORN_MM = (8.0, 20.0)
"""Of the moving volume's slices that are missing amid the liver, in `torn`."""
BREATH_MM = (5.0, 25.0)
UNLIKE = [name for name in VARIANTS if name not in (USUAL, "noisy")]
UNLIKE_NUMBERS = (9, 11)
"""Numbers of a class's pairs whose phantom is a patient unlike the usual one; the variants take turns."""
POINTS = 500

# TotalSegmentator's labels, and the phantom's names for what takes up contrast like them.
LIVER = 5
ENHANCING = {
    1: "spleen",
    2: "cortex",
    3: "cortex",
    LIVER: "liver",
    7: "pancreas",
    52: "aorta",
    63: "cava",
    64: "portal",
}
WARP_MM, WARP_REACH_MM, STRETCH = 5.0, 25.0, 0.08
BONE_HU, BODY_HU = 230, -300
EDGE_MM = 6.0  # the reference ends so far within the CT: anatomy goes on beyond a scan's ends


@dataclass(frozen=True)
class Anatomy:
    """Hold a warped CT: HU and labels (z, y, x), where they lie, and where the reference covers them (z, mm)."""

    hu: NDArray[np.float32]
    organs: NDArray[np.uint8]
    frame: sitk.Image
    length_mm: float


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], sigma: NDArray) -> NDArray[np.float32]:
    """Give smooth noise with standard deviation 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma)
    return np.asarray(field / field.std())


def warp_ct(image: sitk.Image, organs: sitk.Image, rng: np.random.Generator) -> Anatomy:
    """Make another patient of a CT; beyond its first and last slice its mirror image goes on."""
    mm = np.array(image.GetSpacing())[::-1]
    hu, labels = values_of(image).astype(np.float32), values_of(organs)
    shape = np.array(hu.shape)
    beyond = int(np.ceil(110 / mm[0]))  # a volume tilted by 40 degrees reaches so far
    grown = np.add(hu.shape, [2 * beyond, 0, 0])
    stretch = rng.uniform(1 - STRETCH, 1 + STRETCH, 3) * [1.15, 1, 1]
    where = []
    for axis, index in enumerate(
        np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grown), indexing="ij")
    ):
        aside = smooth_field(rng, tuple(grown), WARP_REACH_MM / mm) * (WARP_MM / mm[axis])
        where.append((index - (grown[axis] - 1) / 2) / stretch[axis] + (shape[axis] - 1) / 2 + aside)
    frame = sitk.GetImageFromArray(np.zeros(grown, np.uint8))
    frame.SetSpacing(image.GetSpacing())
    frame.SetDirection(image.GetDirection())
    frame.SetOrigin(image.TransformContinuousIndexToPhysicalPoint([0.0, 0.0, -float(beyond)]))
    return Anatomy(
        ndimage.map_coordinates(hu, where, order=3, mode="mirror"),
        ndimage.map_coordinates(labels, where, order=0, mode="mirror"),
        frame,
        float(shape[0] * mm[0] * stretch[0] - 2 * EDGE_MM),
    )


def enhanced(anatomy: Anatomy, phase: str, liver_hu: float) -> NDArray[np.float32]:
    """Give the HU of another contrast phase, organ by organ; `liver_hu` is added to the liver's."""
    hu = anatomy.hu.copy()
    for label, tissue in ENHANCING.items():
        organ = anatomy.organs == label
        if organ.any():
            aim = ENHANCING_HU[tissue][PHASES.index(phase)] + (liver_hu if label == LIVER else 0)
            hu += ndimage.gaussian_filter(organ.astype(np.float32), 0.5) * (
                aim - np.median(anatomy.hu[organ])
            )
    return hu


def breathed(
    hu: NDArray[np.float32], anatomy: Anatomy, shift_zyx: NDArray, mm_zyx: NDArray
) -> NDArray[np.float32]:
    """Move the liver by a shift (voxels); bone and what lies outside stay, between them the motion fades."""
    liver = ndimage.binary_fill_holes(anatomy.organs == LIVER)
    arrived = ndimage.shift(liver.astype(np.float32), shift_zyx, order=1, mode="nearest") > 0.05
    arrived = ndimage.binary_dilation(arrived, iterations=2)
    bone = (anatomy.hu > BONE_HU) & ~np.isin(anatomy.organs, list(ENHANCING))
    outside = ~np.array([ndimage.binary_fill_holes(part) for part in anatomy.hu > BODY_HU])
    still = (bone | outside) & ~arrived
    far, near = (ndimage.distance_transform_edt(~part, sampling=mm_zyx) for part in (arrived, still))
    weight = ndimage.gaussian_filter(np.where(arrived, 1, near / (far + near + 1e-3)).astype(np.float32), 1.0)
    weight[ndimage.binary_erosion(arrived)] = 1.0
    index = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in hu.shape), indexing="ij")
    where = [i - weight * s for i, s in zip(index, shift_zyx, strict=True)]
    return np.asarray(ndimage.map_coordinates(hu, where, order=3, mode="nearest"))


def random_motion(rng: np.random.Generator, group: Group, centre: NDArray) -> sitk.VersorRigid3DTransform:
    """Draw a rigid motion; far shifts go mostly along z, as scans that start elsewhere do."""
    axis, direction = rng.standard_normal((2, 3))
    if group.shift_mm > 60:
        direction[:2] *= 0.3
    motion = sitk.VersorRigid3DTransform()
    motion.SetCenter(centre.tolist())
    motion.SetRotation((axis / np.linalg.norm(axis)).tolist(), float(np.deg2rad(group.angle_deg)))
    motion.SetTranslation((group.shift_mm * direction / np.linalg.norm(direction)).tolist())
    return motion


def random_breath(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a liver's shift (x, y, z in mm), mostly along z."""
    direction = np.array([*rng.uniform(-0.3, 0.3, 2), rng.choice([-1.0, 1.0])])
    return np.asarray(rng.uniform(*BREATH_MM) * direction / np.linalg.norm(direction))


def random_phases(rng: np.random.Generator) -> tuple[str, str]:
    """Draw the reference's contrast phase, mostly portal venous, and another for the moving volume."""
    reference = str(rng.choice(["pv", "art", "dl"], p=[0.7, 0.2, 0.1]))
    return reference, str(rng.choice([phase for phase in PHASES if phase != reference]))


def scanned(hu: NDArray[np.float32], image: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    """Add noise that a kernel has smoothed in plane by 0.6 to 1 mm, and round to whole HU."""
    pixel_mm = image.GetSpacing()[0]
    grain = smooth_field(rng, hu.shape, np.array([0, 1, 1]) * rng.uniform(0.6, 1.0) / pixel_mm)
    noisy = hu + grain * np.float32(rng.uniform(15, 25))
    return image_like(np.clip(np.rint(noisy), FILL_HU, 3071).astype(np.int16), image)


def scanner_grid(
    rng: np.random.Generator, frame: sitk.Image, middle: NDArray, length_mm: float
) -> sitk.Image:
    """Draw a scanner's grid (an empty image) with the frame's directions and width about a point."""
    pixel = float(rng.uniform(0.7, 1.0))
    spacing = np.array([pixel, pixel, rng.choice([2.5, 3.0, 4.0, 5.0])])
    wide = np.array(frame.GetSize()) * frame.GetSpacing()
    size = np.rint([*wide[:2] / pixel, length_mm / spacing[2]]).astype(int)
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing(spacing.tolist())
    grid.SetDirection(frame.GetDirection())
    direction = np.array(frame.GetDirection()).reshape(3, 3)
    grid.SetOrigin((middle - direction @ ((size - 1) / 2 * spacing)).tolist())
    return grid


def real_pair(image: sitk.Image, organs: sitk.Image, name: str, rng: np.random.Generator) -> Pair:
    """Make one pair of a CT (HU) and its labels."""
    group, anatomy = GROUPS[name], warp_ct(image, organs, rng)
    frame, phases, liver_hu = anatomy.frame, random_phases(rng), float(rng.normal(0, 6))
    middle = np.array(frame.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in frame.GetSize()]))
    hu = [enhanced(anatomy, phase, liver_hu) for phase in phases]
    grid = scanner_grid(rng, frame, middle, anatomy.length_mm)
    linear = sitk.sitkLinear
    liver = ndimage.gaussian_filter((anatomy.organs == LIVER).astype(np.float32), 0.6)
    mask = sitk.Resample(image_like(liver, frame), grid, sitk.Transform(), linear) > 0.5
    voxels = np.argwhere(values_of(mask))
    points = world_from_index(volume_from_image(mask), voxels[rng.choice(len(voxels), POINTS)])
    truth: sitk.Transform = random_motion(rng, group, middle)
    place_of = truth
    if name == "breath":
        shift = random_breath(rng)
        place_of = sitk.TranslationTransform(3, shift.tolist())
        mm = np.array(frame.GetSpacing())
        along_axes = np.array(frame.GetDirection()).reshape(3, 3).T @ shift
        hu[1] = breathed(hu[1], anatomy, (along_axes / mm)[::-1], mm[::-1])
    there = np.array(truth.TransformPoint(middle.tolist())) + rng.uniform(-3, 3, 3)
    moving_grid = scanner_grid(rng, frame, there, anatomy.length_mm * group.length)
    scans = [
        sitk.Resample(image_like(values, frame), on, transform, sitk.sitkBSpline, float(FILL_HU))
        for values, on, transform in (
            (hu[0], grid, sitk.Transform()),
            (hu[1], moving_grid, truth.GetInverse()),
        )
    ]
    reference, moving = (scanned(values_of(scan), scan, rng) for scan in scans)
    places = np.array([place_of.TransformPoint(point) for point in points.tolist()])
    return Pair(reference, moving, points, places, mask, phases[0])


def aside(pair: Pair, rng: np.random.Generator) -> Pair:
    """Widen the moving volume's field to one side, by air, and give it an origin of its own."""
    columns = round(2 * float(rng.uniform(*ASIDE_MM)) / pair.moving.GetSpacing()[0])
    below, above = ([columns, 0, 0], [0, 0, 0]) if rng.random() < 0.5 else ([0, 0, 0], [columns, 0, 0])
    moving = sitk.ConstantPad(pair.moving, below, above, FILL_HU)
    away = rng.choice([-1.0, 1.0], 3) * rng.uniform(400, 1500, 3)
    moving.SetOrigin((np.array(moving.GetOrigin()) + away).tolist())
    return replace(pair, moving=moving, places=pair.places + away)


def torn(pair: Pair, rng: np.random.Generator) -> Pair:
    """Leave slices of the moving volume out amid the liver; what lay in them is where they were."""
    thickness = pair.moving.GetSpacing()[2]
    lost = max(2, round(float(rng.uniform(*TORN_MM)) / thickness))
    index = np.array(
        [pair.moving.TransformPhysicalPointToContinuousIndex(place) for place in pair.places.tolist()]
    )
    first = round(float(np.median(index[:, 2])) - lost / 2)
    values = values_of(pair.moving)
    kept = sitk.GetImageFromArray(np.concatenate([values[:first], values[first + lost :]]))
    kept.SetSpacing(pair.moving.GetSpacing())
    kept.SetOrigin(pair.moving.GetOrigin())
    kept.SetDirection(pair.moving.GetDirection())
    beyond = np.clip(index[:, 2] - first + 0.5, 0, lost)
    along = np.array(pair.moving.GetDirection()).reshape(3, 3)[:, 2]
    return replace(pair, moving=kept, places=pair.places - np.outer(beyond * thickness, along))


SPOILT = {"aside": aside, "torn": torn}


def variant_of(name: str, number: int) -> str:
    """Give the phantom's variant for a class's pair."""
    if number not in UNLIKE_NUMBERS:
        return USUAL
    turn = list(GROUPS).index(name) * len(UNLIKE_NUMBERS) + UNLIKE_NUMBERS.index(number)
    return UNLIKE[turn % len(UNLIKE)]


def phantom_pair(name: str, rng: np.random.Generator, number: int) -> Pair:
    """Make one pair of a phantom's patient; nothing is interpolated."""
    group, phases = GROUPS[name], random_phases(rng)
    variation = sample_patient(rng, number, variant=variant_of(name, number), variant_rng=rng.spawn(1)[0])
    patient = variation.patient
    still = Motion(np.eye(3), rng.uniform([-20, -40, -400], [20, 10, 300]), np.zeros(3))
    moved = random_motion(rng, group, still.translation_mm)
    motion = Motion(
        np.array(moved.GetMatrix()).reshape(3, 3),
        np.array(moved.TransformPoint(still.translation_mm.tolist())),
        random_breath(rng) if name == "breath" else np.zeros(3),
    )
    scans = []
    for where, phase, length in ((still, phases[0], 1.0), (motion, phases[1], group.length)):
        pixel = round(float(rng.uniform(0.8, 1.0)), 3)
        grid = sample_grid(
            rng,
            where,
            spacing_mm=(pixel, pixel, float(rng.choice([3.0, 4.0, 5.0]))),
            in_plane=(round(320 * variation.field / pixel), round(254 / pixel)),
            length_mm=160.0 * variation.length * length,
            middle_mm=(0.0, 0.0, -3.0),
        )
        values = render_hu(patient, where, phase, grid)
        scans.append(scanned(values, phantom_image(values, grid), rng))
        if where is still:
            mask = phantom_image(render_liver(patient, where, grid), grid)
    voxels = np.argwhere(values_of(mask))
    points = world_from_index(volume_from_image(mask), voxels[rng.choice(len(voxels), POINTS)])
    return Pair(scans[0], scans[1], points, place(motion, locate(still, points)), mask, phases[0])


def main() -> int:
    """Write the pairs that are not there yet, and pairs.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for the pairs")
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--ct", type=Path, help="a CT volume; without it all pairs are the phantom's")
    parser.add_argument("--organs", type=Path, help="its labels, numbered as TotalSegmentator's")
    parser.add_argument("--classes", default=",".join(GROUPS), help=f"of {', '.join(GROUPS)}")
    parser.add_argument(
        "--pairs", type=int, default=12, help="pairs a class (default 12), every other one real"
    )
    parser.add_argument("--sources", default="real,phantom", help="make only those of it now")
    options = parser.parse_args()
    if (options.ct is None) != (options.organs is None):
        parser.error("--ct and --organs go together; give both or none.")
    seeds = list(SPLITS[options.split])[:3]
    makers: dict[str, Callable[[str, np.random.Generator, int], Pair]] = {"phantom": phantom_pair}
    if options.ct is not None:
        image, organs = sitk.ReadImage(str(options.ct)), sitk.ReadImage(str(options.organs))
        makers = {"real": lambda name, rng, _: real_pair(image, organs, name, rng), **makers}
    for number in range(options.pairs):
        source = list(makers)[number % len(makers)]
        # each source takes every seed in turn
        seed = seeds[number // len(makers) % len(seeds)]
        for name in options.classes.split(","):
            folder = options.out / f"{name}_{number:02d}_{source}"
            if folder.exists() or source not in options.sources.split(","):
                continue
            rng = np.random.default_rng([seed, list(GROUPS).index(name), number])
            partial = folder.with_name(f".{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            facts = {"group": name, "source": source, "split": options.split, "seed": seed}
            if source == "phantom":
                facts["variant"] = variant_of(name, number)
            pair = makers[source](name, rng, number)
            write_pair(partial, SPOILT[name](pair, rng) if name in SPOILT else pair, facts)
            partial.rename(folder)
            print(folder, flush=True)
    records = [json.loads(file.read_text())["facts"] for file in sorted(options.out.glob("*/pair.json"))]
    (options.out / "pairs.json").write_text(json.dumps(records, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
