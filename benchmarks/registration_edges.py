#!/usr/bin/env python3
"""Displace right matches by known distances, and see what the agreement of the liver mask's edges says.

    python benchmarks/registration_edges.py COHORT [COHORT ...] [--found]

Every pair of one patient's phases is put where truth.json says, then moved from there in a random direction (seed 0).
"Another patient" puts another patient's liver where this one's is. With --found the edges are not those of the mask but of
the liver that is looked for where there is none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from registration_pairs import Pair, breath_pairs

from registration import RegistrationSettings
from registration.edges import edge_agreement
from registration.liver import find_liver
from registration.pyramid import on_layer, shrink
from registration.region import body_region
from registration.rigid import RigidMotion
from registration.verdict import LEAST_EDGE_AGREEMENT
from registration.volume import Volume, mask_from_image, volume_from_image

DISTANCES_MM = (0, 2, 3, 6, 10, 20)


def true_motion(pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the six parameters that bring the pair's points to their places, and their centre."""
    landmarks = [p.ravel().tolist() for p in (pair.points, pair.places)]
    rigid = sitk.VersorRigid3DTransform(
        sitk.LandmarkBasedTransformInitializer(sitk.VersorRigid3DTransform(), *landmarks)
    )
    euler = sitk.Euler3DTransform()
    euler.SetCenter(rigid.GetCenter())
    euler.SetMatrix(rigid.GetMatrix(), 1e-6)
    euler.SetTranslation(rigid.GetTranslation())
    return np.array(euler.GetParameters()), np.array(euler.GetCenter())


def main() -> int:
    """Print a table: distance, the agreement's spread, and how many pairs would be judged how by it alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohorts", type=Path, nargs="+", help="cohorts with truth.json")
    parser.add_argument("--found", action="store_true", help="look for the liver instead of taking the mask")
    options = parser.parse_args()
    settings, rng = RegistrationSettings(), np.random.default_rng(0)
    found: dict[str, list[float]] = {}

    def bottom(image: sitk.Image) -> Volume:
        return shrink(volume_from_image(image), settings.layer_spacings_mm[-1])

    def liver_of(pair: Pair, layer: Volume) -> NDArray[np.bool_]:
        grid = volume_from_image(pair.reference)
        if not options.found:
            assert pair.mask is not None
            return on_layer(mask_from_image(pair.mask), grid, layer)
        top = shrink(grid, settings.layer_spacings_mm[0])
        body = body_region(top, threshold_hu=settings.body_threshold_hu, rim_mm=settings.body_rim_mm)
        liver = find_liver(top, body)
        return np.zeros(layer.values.shape, bool) if liver is None else on_layer(liver, top, layer)

    for cohort in options.cohorts:
        pairs = [pair for _, pair in breath_pairs(cohort, per_case=3)]
        for number, pair in enumerate(pairs):
            reference, (motion, centre) = bottom(pair.reference), true_motion(pair)
            mask, same = liver_of(pair, reference), bottom(pair.moving)
            tried = []
            for distance in DISTANCES_MM:
                direction = rng.normal(size=3)
                aside = np.concatenate([np.zeros(3), distance * direction / np.linalg.norm(direction)])
                tried.append((f"{distance} mm aside", same, motion + aside))
            other = pairs[(number + len(pairs) // 2) % len(pairs)]
            there = np.concatenate([motion[:3], other.places.mean(axis=0) - pair.points.mean(axis=0)])
            tried.append(("another patient", bottom(other.moving), there))
            for name, moving, parameters in tried:
                value = edge_agreement(
                    mask,
                    reference,
                    moving,
                    RigidMotion(parameters, centre),
                    window_hu=settings.region_window_hu,
                    cut_mm=settings.cut_mm,
                )
                found.setdefault(name, []).append(np.nan if value is None else value)

    limit = LEAST_EDGE_AGREEMENT
    print("| | lowest | median | highest | ok | check | failed |\n|---|---|---|---|---|---|---|")
    for name, values in found.items():
        known = np.array(values)[np.isfinite(values)]
        counts = (
            (known >= limit.ok).sum(),
            ((known < limit.ok) & (known >= limit.failed)).sum(),
            (known < limit.failed).sum(),
        )
        spread = " | ".join(f"{v:.2f}" for v in (known.min(), np.median(known), known.max()))
        print(f"| {name} | {spread} | {' | '.join(map(str, counts))} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
