#!/usr/bin/env python3
"""Measure the registration's error in the liver on a cohort whose motion is known (truth.json).

    python benchmarks/registration_cohort.py COHORT [--seed 0] [--dataset FOLDER]

Every phase is registered to the phase of the liver mask: with that mask, without it (the liver is found), and by
the whole body. With --dataset
nothing is registered: the transforms that setup_dataset.py kept in that folder are measured. The error is the
distance, in mm, between where the transform sends the liver's voxels and where they really went.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from registration import RegistrationSettings, register
from registration.volume import mask_from_image, volume_from_image, world_from_index

REGIONS = ("mask", "liver", "body")


def liver_points(mask: sitk.Image, count: int, seed: int) -> np.ndarray:
    """Draw liver voxels; their centres in mm, (n, 3: x, y, z)."""
    voxels = np.argwhere(mask_from_image(mask))
    chosen = np.random.default_rng(seed).choice(len(voxels), min(count, len(voxels)), replace=False)
    return world_from_index(volume_from_image(mask), voxels[chosen])


def true_motion_mm(motion_zyx_mm: list[float], image: sitk.Image) -> np.ndarray:
    """Turn a motion along the array axes (z, y, x) into world axes (x, y, z)."""
    return np.array(image.GetDirection()).reshape(3, 3) @ np.array(motion_zyx_mm[::-1])


def liver_errors_mm(transform: sitk.Transform, points: np.ndarray, motion_mm: np.ndarray) -> np.ndarray:
    """Give the distance between found and true place of each point."""
    found = np.array([transform.TransformPoint([float(c) for c in point]) for point in points])
    return np.linalg.norm(found - (points + motion_mm), axis=1)


def cohort_pairs(cohort: Path) -> Iterator[tuple[Path, str, str, list[float]]]:
    """Give case folder, reference, moving phase and true motion (z, y, x in mm) of each pair."""
    for truth_file in sorted(cohort.glob("*/truth.json")):
        truth = json.loads(truth_file.read_text())
        case, reference = truth_file.parent, truth["reference"]
        for phase, motion in truth["motion_zyx_mm"].items():
            if phase != reference and (case / f"{phase}.nii.gz").exists():
                yield case, reference, phase, motion


def measure_pair(case: Path, reference: str, phase: str, motion: list[float], seed: int) -> dict[str, float]:
    """Register one phase with the liver mask, with the liver that is found, and by the body."""
    images = {name: sitk.ReadImage(str(case / f"{name}.nii.gz")) for name in (reference, phase)}
    mask = sitk.ReadImage(str(case / f"liver_{reference}.nii.gz"))
    points, motion_mm = liver_points(mask, 500, seed), true_motion_mm(motion, images[reference])
    row = {"before": float(np.linalg.norm(motion_mm))}
    for name in REGIONS:
        result = register(
            images[reference],
            images[phase],
            reference_mask=mask if name == "mask" else None,
            settings=RegistrationSettings(seed=seed, region="body" if name == "body" else "liver"),
        )
        row[name] = float(liver_errors_mm(result.transform, points, motion_mm).mean())
        row[f"{name}_s"] = result.seconds
    return row


def measure_kept(
    case: Path, reference: str, transform: sitk.Transform, motion: list[float], seed: int
) -> dict[str, float]:
    """Measure a transform that was found earlier."""
    mask = sitk.ReadImage(str(case / f"liver_{reference}.nii.gz"))
    points, motion_mm = liver_points(mask, 500, seed), true_motion_mm(motion, mask)
    after = float(liver_errors_mm(transform, points, motion_mm).mean())
    return {"before": float(np.linalg.norm(motion_mm)), "after": after}


def main() -> int:
    """Print one line a pair and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort", type=Path, help="folder of case folders, each with truth.json")
    parser.add_argument("--seed", type=int, default=0, help="of the registration and of the points measured")
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="FOLDER",
        help="measure FOLDER/registration/<case>_<phase>.tfm instead",
    )
    arguments = parser.parse_args()
    seed, kept = arguments.seed, arguments.dataset and arguments.dataset / "registration"
    columns = ("before", "after") if kept else ("before", *REGIONS, *(f"{name}_s" for name in REGIONS))
    rows, missing = [], []
    print(f"{'case':<10} {'pair':<9} " + " ".join(f"{c:>7}" for c in columns))
    for case, reference, phase, motion in cohort_pairs(arguments.cohort):
        pair = f"{reference}<-{phase}"
        if kept:
            file = kept / f"{case.name}_{phase}.tfm"
            if (kept / f"{case.name}_{reference}.tfm").exists():
                print(f"{kept} aligns {case.name} to another phase than {reference}.", file=sys.stderr)
                return 2
            if not file.exists():
                missing.append(file.stem)
                continue
            row = measure_kept(case, reference, sitk.ReadTransform(str(file)), motion, seed)
        else:
            row = measure_pair(case, reference, phase, motion, seed)
        rows.append([row[c] for c in columns])
        print(f"{case.name:<10} {pair:<9} " + " ".join(f"{row[c]:7.2f}" for c in columns), flush=True)
    if missing:
        print(f"No transform is kept for {', '.join(missing)}.", file=sys.stderr)
    if not rows:
        print(f"No pair with truth.json to measure lies in {arguments.cohort}.", file=sys.stderr)
        return 2
    table = np.array(rows)
    for name, values in (
        ("median", np.median(table, axis=0)),
        ("90 %", np.quantile(table, 0.9, axis=0)),
        ("max", table.max(axis=0)),
        ("below 2 mm, share", (table < 2).mean(axis=0)),
    ):
        print(f"{name:<20} " + " ".join(f"{v:7.2f}" for v in values))
    how = f"transforms kept in {arguments.dataset}" if kept else "seconds within one process"
    print(f"{len(rows)} pairs; mean liver error in mm, {how}; seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
