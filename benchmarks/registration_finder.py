#!/usr/bin/env python3
"""Look for the liver in every phase of patients whose liver is known, and say how much of it is found, and of what.

    python benchmarks/registration_finder.py [--seed 700] [--cases 6] [--anatomy fatty ...] [--cohort COHORT ...] [--phases]

The phantom's anatomies are drawn: patient n of each is case 1 of seed + n - 1; --cohort adds folders of cases whose
truth.json says the liver's shift in each phase (motion_zyx_mm). The finder gets what the registration gives it: the layer of
some 6 mm. Dice and precision (how much of what is found is liver) are taken there, over what was found.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from nnunet_multiphase.phantom.cohort import sample_case
from nnunet_multiphase.phantom.render import add_noise, render_hu, render_liver, to_image
from nnunet_multiphase.phantom.variants import VARIANTS
from nnunet_multiphase.phases import PHASES
from registration import RegistrationSettings
from registration.liver import find_liver
from registration.pyramid import shrink
from registration.region import body_region
from registration.volume import Volume, volume_from_image


@dataclass(frozen=True)
class Layer:
    """One phase as the finder gets it, and where its liver is."""

    group: str
    phase: str
    volume: Volume
    body: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    known: NDArray[np.bool_]  # where the truth says anything


def layer_of(
    group: str, phase: str, image: sitk.Image, liver: sitk.Image, known: sitk.Image | None = None
) -> Layer:
    """Shrink one phase and its liver as the registration does."""

    def marked(mask: sitk.Image) -> NDArray[np.bool_]:
        return shrink(volume_from_image(mask), spacing_mm).values > 0.5

    settings = RegistrationSettings()
    spacing_mm = settings.layer_spacings_mm[0]
    top = shrink(volume_from_image(image), spacing_mm)
    body = body_region(top, threshold_hu=settings.body_threshold_hu, rim_mm=settings.body_rim_mm)
    everywhere = np.ones(top.values.shape, dtype=bool)
    return Layer(group, phase, top, body, marked(liver), everywhere if known is None else marked(known))


def phantom_layers(anatomy: str, seed: int, cases: int) -> Iterator[Layer]:
    """Render patients of one anatomy."""
    for number in range(cases):
        case = sample_case(1, seed=seed + number, anatomy=anatomy)
        for index, phase in enumerate(PHASES):
            grid, motion = case.grids[phase], case.motions[phase]
            rng = np.random.default_rng([seed + number, 1, 1 + index])
            hu = add_noise(rng, render_hu(case.patient, motion, phase, grid), case.noise_hu[phase])
            liver = render_liver(case.patient, motion, grid)
            yield layer_of(anatomy, phase, to_image(hu, grid), to_image(liver, grid))


def cohort_layers(cohort: Path) -> Iterator[Layer]:
    """Read the cases of a cohort; the liver's mask of the masks' phase is moved to the others."""
    for folder in sorted(cohort.glob("case_*")):
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        mask = sitk.ReadImage(str(folder / f"liver_{truth['reference']}.nii.gz"))
        direction = np.array(mask.GetDirection()).reshape(3, 3)
        for phase in PHASES:
            if not (folder / f"{phase}.nii.gz").exists():
                continue
            image = sitk.ReadImage(str(folder / f"{phase}.nii.gz"))
            shift_mm = direction @ np.array(truth["motion_zyx_mm"][phase][::-1])
            back = sitk.TranslationTransform(3, (-shift_mm).tolist())
            # Beyond the mask's volume other phases may show liver that no mask marks.
            liver, known = (
                sitk.Resample(m, image, back, sitk.sitkNearestNeighbor, 0) for m in (mask, mask * 0 + 1)
            )
            yield layer_of(cohort.name, phase, image, liver, known)


def scores(found: NDArray[np.bool_], layer: Layer) -> tuple[float, float]:
    """Give Dice and precision, where the truth is known."""
    found, truth = found & layer.known, layer.truth & layer.known
    both = (found & truth).sum()
    return float(2 * both / (found.sum() + truth.sum())), float(both / found.sum())


def row(name: str, phase: str, values: list[tuple[float, float] | None]) -> str:
    """Give one line of the table."""
    found = np.array([v for v in values if v is not None]).reshape(-1, 2)
    if not len(found):
        return f"| {name} | {phase} | 0 of {len(values)} | | | | |"
    middle, least = np.median(found, axis=0), found.min(axis=0)
    numbers = " | ".join(f"{v:.2f}" for v in (middle[0], least[0], middle[1], least[1]))
    return f"| {name} | {phase} | {len(found)} of {len(values)} | {numbers} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=700)
    parser.add_argument("--cases", type=int, default=6, help="patients of each anatomy")
    parser.add_argument("--anatomy", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument(
        "--cohort", type=Path, nargs="*", default=[], help="cohorts on disk, in a row together"
    )
    parser.add_argument("--phases", action="store_true", help="a line for each phase")
    options = parser.parse_args()
    rows: dict[tuple[str, str], list[tuple[float, float] | None]] = {}
    seconds: list[float] = []
    sources = [phantom_layers(name, options.seed, options.cases) for name in options.anatomy]
    for layer in (layer for source in [*sources, *map(cohort_layers, options.cohort)] for layer in source):
        started = time.perf_counter()
        found = find_liver(layer.volume, layer.body)
        seconds.append(time.perf_counter() - started)
        name = layer.group if layer.group in VARIANTS else "real CT"
        value = None if found is None else scores(found, layer)
        rows.setdefault((name, layer.phase if options.phases else "all"), []).append(value)
    print("| patients | phase | found | Dice, median | worst | precision, median | worst |")
    print("|---|---|---|---|---|---|---|")
    for (name, phase), values in rows.items():
        print(row(name, phase, values))
    print(f"\n{np.median(seconds):.3f} s in the middle, {max(seconds):.3f} s at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
