#!/usr/bin/env python3
"""Draw a patient's phases about a lesion as the scanner gave them and after registration: the README's picture.

python benchmarks/before_after_figure.py -o docs/images/before_after.png [--seed 1] [--case 4] [--size large]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import SimpleITK as sitk
from matplotlib import pyplot as plt

import nnunet_multiphase as mp
from nnunet_multiphase.phantom.cohort import render_case, sample_case
from nnunet_multiphase.phases import FILL_HU, PHASE_TITLES, PHASES

WINDOW_HU = (-60, 200)
HALF_MM = 75.0
"""From the picture's middle to its edge."""


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, default=4)
    parser.add_argument("--size", choices=("small", "large"), default="large")
    options = parser.parse_args()
    case = sample_case(options.case, seed=options.seed, size=options.size)
    volumes = render_case(case, seed=options.seed)
    phases = {phase: volumes[phase] for phase in PHASES}
    reference, lesions = phases[case.reference], volumes[f"lesions_{case.reference}"]
    found = {
        phase: mp.register(reference, image).transform
        for phase, image in phases.items()
        if phase != case.reference
    }
    largest = mp.lesion_table(lesions).lesions[0]
    middle = reference.TransformPhysicalPointToIndex(largest.centroid_mm)
    spacing_mm = reference.GetSpacing()
    window = [
        slice(max(0, c - round(HALF_MM / mm)), c + round(HALF_MM / mm))
        for c, mm in zip(middle, spacing_mm, strict=True)
    ]
    outline = sitk.GetArrayViewFromImage(lesions)[middle[2], window[1], window[0]]
    figure, axes = plt.subplots(2, len(PHASES), figsize=(12, 6.3), facecolor="white")
    for row, (title, transforms) in enumerate([("as they came", {}), ("registered", found)]):
        for place, (phase, image) in zip(axes[row], phases.items(), strict=True):
            still = sitk.Transform(3, sitk.sitkIdentity)
            moved = sitk.Resample(image, reference, transforms.get(phase, still), sitk.sitkBSpline, FILL_HU)
            shown = sitk.GetArrayViewFromImage(moved)[middle[2], window[1], window[0]].copy()
            place.imshow(
                shown, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1], aspect=spacing_mm[1] / spacing_mm[0]
            )
            place.contour(outline, levels=[0.5], colors="gold", linewidths=1.4)
            place.set_xticks([])
            place.set_yticks([])
            if row == 0:
                place.set_title(PHASE_TITLES[phase], fontsize=12)
        axes[row, 0].set_ylabel(title, fontsize=12)
    figure.tight_layout(pad=0.4)
    figure.savefig(options.output, dpi=80)
    print(f"outlined on {case.reference}; {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
