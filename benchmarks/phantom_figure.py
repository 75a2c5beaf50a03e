#!/usr/bin/env python3
"""Draw an axial and a coronal slice of each of the phantom's anatomies, through the liver, with its outline.

python benchmarks/phantom_figure.py -o docs/images/phantom_anatomies.png [--phase pv] [--seed 0] [--case 1]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from nnunet_multiphase.phantom.cohort import sample_case
from nnunet_multiphase.phantom.render import add_noise, render_hu, render_liver
from nnunet_multiphase.phantom.variants import VARIANTS
from nnunet_multiphase.phases import PHASES

WINDOW_HU = (-120, 220)


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--phase", choices=PHASES, default="pv")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, default=1)
    options = parser.parse_args()
    columns = 5
    rows = -(-len(VARIANTS) // columns)
    figure, axes = plt.subplots(
        2 * rows,
        columns,
        figsize=(12, 3.6 * rows),
        facecolor="black",
        gridspec_kw={"height_ratios": [0.8, 0.56] * rows},
    )
    for place in axes.ravel():
        place.axis("off")
    for number, name in enumerate(VARIANTS):
        case = sample_case(options.case, seed=options.seed, anatomy=name)
        motion, grid = case.motions[options.phase], case.grids[options.phase]
        noise = case.noise_hu[options.phase]
        hu = add_noise(np.random.default_rng(0), render_hu(case.patient, motion, options.phase, grid), noise)
        liver = render_liver(case.patient, motion, grid)
        k, y, _ = np.rint(np.argwhere(liver).mean(axis=0)).astype(int)
        sx, _, sz = grid.spacing_mm
        for row, (image, mask, aspect) in enumerate(
            [(hu[k], liver[k], 1.0), (hu[::-1, y], liver[::-1, y], sz / sx)]
        ):
            place = axes[2 * (number // columns) + row, number % columns]
            place.imshow(image, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1], aspect=aspect)
            place.contour(mask, levels=[0.5], colors="tab:orange", linewidths=0.8)
            if row == 0:
                place.set_title(name, color="white")
    figure.tight_layout(pad=0.3, h_pad=0.1)
    figure.savefig(options.output, dpi=90, facecolor="black")
    return 0


if __name__ == "__main__":
    sys.exit(main())
