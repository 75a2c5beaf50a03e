#!/usr/bin/env python3
"""Say how much of a liver a network would not be shown, where it looks only about the liver that the registration found.

    python benchmarks/liver_window.py [--seed 700] [--cases 6] [--anatomy usual ...] [--cohort COHORT ...]

Every phase of every patient is the reference once, registered with the next phase; no liver mask is given. The phantom's
patient n of each anatomy is case 1 of seed + n - 1; cohorts have the liver's mask on one phase, which is taken as the
reference.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from nnunet_multiphase.alignment.align import align_phases, box_slices
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.phantom.cohort import sample_case
from nnunet_multiphase.phantom.render import add_noise, render_hu, render_liver, to_image
from nnunet_multiphase.phantom.variants import VARIANTS
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.prediction import PreparedCase
from nnunet_multiphase.prediction.window import liver_window
from nnunet_multiphase.volumes.orientation import stored_grid, turned, upright

Pair = tuple[str, dict[str, sitk.Image], str, NDArray[np.bool_]]
"""Group, two phases, the reference, and its liver."""


def phantom_pairs(anatomy: str, seed: int, cases: int) -> Iterator[Pair]:
    """Render patients of one anatomy."""
    for number in range(cases):
        case = sample_case(1, seed=seed + number, anatomy=anatomy)
        images = {}
        for index, phase in enumerate(PHASES):
            rng = np.random.default_rng([seed + number, 1, 1 + index])
            hu = render_hu(case.patient, case.motions[phase], phase, case.grids[phase])
            images[phase] = upright(to_image(add_noise(rng, hu, case.noise_hu[phase]), case.grids[phase]))
        for phase, following in zip(PHASES, (*PHASES[1:], PHASES[0]), strict=True):
            grid = case.grids[phase]
            liver = turned(to_image(render_liver(case.patient, case.motions[phase], grid), grid))
            pair = {phase: images[phase], following: images[following]}
            yield anatomy, pair, phase, sitk.GetArrayFromImage(liver) > 0


def cohort_pairs(cohort: Path) -> Iterator[Pair]:
    """Read the cases of a cohort."""
    for folder in sorted(cohort.glob("case_*")):
        reference = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["reference"]
        other = next(p for p in PHASES if p != reference and (folder / f"{p}.nii.gz").exists())
        pair = {p: upright(sitk.ReadImage(str(folder / f"{p}.nii.gz"))) for p in (reference, other)}
        liver = turned(sitk.ReadImage(str(folder / f"liver_{reference}.nii.gz")))
        yield "real CT", pair, reference, sitk.GetArrayFromImage(liver) > 0


def outside(
    images: dict[str, sitk.Image], reference: str, liver: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Register a pair; give the share of the liver beyond the window, and the window's of the volume; none without one."""
    aligned = align_phases(images, reference)
    case = CaseFolder("a", Path(), "a", {}, reference, None, None)
    stored = {phase: stored_grid(image) for phase, image in images.items()}
    window = liver_window(PreparedCase(case, tuple(images), (), images, stored, None, aligned))
    if window is None:
        return None
    shown = liver[box_slices(aligned.box)]
    seen = shown[box_slices(window.box)]
    return 1 - seen.sum() / shown.sum(), window.share


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=700)
    parser.add_argument("--cases", type=int, default=6, help="patients of each anatomy")
    parser.add_argument("--anatomy", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--cohort", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    sources = [phantom_pairs(name, options.seed, options.cases) for name in options.anatomy]
    found: dict[str, list[tuple[float, float] | None]] = {}
    for group, images, reference, liver in (
        p for s in [*sources, *map(cohort_pairs, options.cohort)] for p in s
    ):
        found.setdefault(group, []).append(outside(images, reference, liver))
    print(
        "| patients | volumes | window used | share of the volume, median | liver cut in | worst share cut |"
    )
    print("|---|---|---|---|---|---|")
    for group, values in found.items():
        used = np.array([value for value in values if value is not None]).reshape(-1, 2)
        numbers = (
            " | | "
            if not len(used)
            else f"{np.median(used[:, 1]):.2f} | {(used[:, 0] > 0).sum()} | {used[:, 0].max():.4f}"
        )
        print(f"| {group} | {len(values)} | {len(used)} | {numbers} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
