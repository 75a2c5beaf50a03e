#!/usr/bin/env python3
"""Measure the phantom's lesions after a real registration, and compare with what they are.

    python benchmarks/lesion_measures.py [--seed 700] [--cases 6] [--size small]

The segmentation is the mask as drawn on the reference phase's grid, so that the table says how right the measures are, not
the network. The truth is taken from the phantom's shapes themselves: points 0.5 mm apart and parallel to the reference's
slices, without noise, all phases where the reference lies; diameters by comparing all pairs of outermost points.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import pdist

from nnunet_multiphase.evaluation.lesions import lesion_image
from nnunet_multiphase.measurement.record import LesionMeasures
from nnunet_multiphase.phantom.cohort import SIZES, Case, make_case, sample_case
from nnunet_multiphase.phantom.render import Grid, render_hu, render_lesions
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.prediction import SegmentedCase, prepare_case, write_prediction
from nnunet_multiphase.volumes.mask_file import read_mask

FINE_MM = 0.5
MOST_POINTS = 6000  # of the outermost ones that are compared in pairs


@dataclass(frozen=True)
class Truth:
    """Hold one lesion as it is; lengths in mm."""

    centroid_mm: NDArray[np.float64]
    volume_ml: float
    axial_mm: float
    diameter_3d_mm: float
    hu: dict[str, float]


def truths(case: Case) -> list[Truth]:
    """Sample each lesion finely where it lies in the reference phase."""
    motion, grid = case.motions[case.reference], case.grids[case.reference]
    found = []
    for lesion in case.patient.lesions:
        centre = motion.rotation @ (np.array(lesion.centre) + motion.liver_shift_mm) + motion.translation_mm
        half = math.ceil(1.8 * lesion.radius_mm / FINE_MM)
        origin = centre - grid.direction @ np.full(3, half * FINE_MM)
        fine = Grid((2 * half + 1,) * 3, (FINE_MM,) * 3, tuple(origin), grid.direction)
        inside = render_lesions(case.patient, motion, fine, (lesion,)) > 0
        if not inside.any():
            continue
        axial = max(_longest(plane) for plane in inside if plane.any())
        middle = np.argwhere(inside).mean(axis=0)[::-1]
        found.append(
            Truth(
                origin + grid.direction @ (middle * FINE_MM),
                np.count_nonzero(inside) * FINE_MM**3 / 1000,
                axial,
                _longest(inside),
                {p: float(render_hu(case.patient, motion, p, fine)[inside].mean()) for p in PHASES},
            )
        )
    return found


def _longest(mask: NDArray[np.bool_]) -> float:
    """Compare all pairs of outermost points, or of every n-th."""
    outermost = np.argwhere(mask & ~binary_erosion(mask))
    step = 1 + len(outermost) // MOST_POINTS
    points = outermost[::step]
    return float(pdist(points).max() + 1.0) * FINE_MM if len(points) > 1 else FINE_MM


def measured(folder: Path, work: Path) -> tuple[tuple[LesionMeasures, ...], list[str]]:
    """Register a case and measure the lesions that are drawn on it; also name the phases whose registration failed."""
    prepared = prepare_case(folder, PHASES)
    aligned = prepared.aligned
    grid = aligned.images[aligned.reference]
    drawn = read_mask(prepared.case.lesions, prepared.images[aligned.reference], "the reference")
    labels = sitk.RegionOfInterest(drawn, list(aligned.box[1]), list(aligned.box[0]))
    labels.CopyInformation(grid)
    labels = lesion_image(labels, (1,))
    found = SegmentedCase(labels, sitk.Cast(labels, sitk.sitkFloat32))
    measures = write_prediction(prepared, found, work).measures
    return measures.lesions, [p for p, r in aligned.results.items() if r.verdict == "failed"]


def compared(options: argparse.Namespace) -> Iterator[tuple[Truth, LesionMeasures]]:
    """Give each lesion as it is and as it was measured."""
    for number in range(options.cases):
        case = sample_case(1, seed=options.seed + number, size=options.size)
        with tempfile.TemporaryDirectory() as work:
            folder = make_case(work, 1, seed=options.seed + number, size=options.size)
            lesions, failed = measured(folder, Path(work) / "out")
        if failed:
            print(f"seed {options.seed + number}: {', '.join(failed)} failed", flush=True)
        for truth in truths(case):
            nearest = min(lesions, key=lambda one: math.dist(one.centroid_mm, truth.centroid_mm))
            if math.dist(nearest.centroid_mm, truth.centroid_mm) < truth.axial_mm / 4:
                yield truth, nearest
            else:
                print(
                    f"seed {options.seed + number}: a lesion of {truth.volume_ml:.2f} ml is not among those drawn"
                )


def row(name: str, unit: str, differences: list[float]) -> str:
    """Give one line of the table."""
    values = np.abs(differences)
    off = (np.median(values), np.percentile(values, 90), values.max())
    numbers = " | ".join(f"{value:.2f}" for value in off)
    return f"| {name} | {len(values)} | {np.median(differences):+.2f} {unit} | {numbers} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=700)
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--size", choices=SIZES, default="small")
    pairs = list(compared(parser.parse_args()))
    print("| measure | lesions | in the middle | off by: median | 90 % | worst |\n|---|---|---|---|---|---|")
    print(row("volume", "%", [100 * (m.volume_ml / t.volume_ml - 1) for t, m in pairs]))
    print(row("longest axial diameter", "mm", [m.axial.mm - t.axial_mm for t, m in pairs]))
    print(row("3-D diameter", "mm", [m.diameter_3d.mm - t.diameter_3d_mm for t, m in pairs]))
    for phase in PHASES:
        print(
            row(
                f"mean HU, {phase}",
                "HU",
                [m.lesion[phase].mean_hu - t.hu[phase] for t, m in pairs if phase in m.lesion],
            )
        )
    for phase in PHASES[1:]:
        gained = [(t, m.enhancement_hu[phase]) for t, m in pairs if phase in m.enhancement_hu]
        print(row(f"enhancement, {phase}", "HU", [value - (t.hu[phase] - t.hu["nc"]) for t, value in gained]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
