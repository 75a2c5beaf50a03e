"""Judge whether phases can be what they are called, by what contrast does: to a body, and to its liver."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from nnunet_multiphase.cases.liver_place import FoundLiver
from nnunet_multiphase.cases.plausibility import Finding, Sample

UNENHANCED = "nc"
GRID_MM = 5.0
SMOOTHING_MM = 6.0
"""Full width at half height: no scanner's noise is left, and organs are."""
CLIP_HU = (-1024.0, 400.0)
SOFT_HU = (-30.0, 300.0)
"""Without fat and gas, which move; bone and metal count as the brightest vessels do."""
LEAST_VOXELS = 500
LEAST_SHARE = 0.5
"""Of the unenhanced phase's soft tissue that the other shows too; with less they are of other parts of the body."""
DARKER_HU = -18.0
"""What differs most either way, summed: some 20 and more where the phases are right (docs/data.md), 0 for one twice."""
TAIL_PERCENT = 10.0
ARTERIAL, LATER = "art", ("pv", "dl")
FALLEN_HU = 15.0
"""The liver, fed by the portal vein, gains 26 HU and more from art to pv, 11 and more to dl (docs/data.md)."""
SAME_PLACE_MM = 60.0
SAME_SIZE = 1.6
"""Two finds of one liver lie no further apart, and are no more unlike in volume; else one is another organ, or a
large tumour was taken along."""


def find_unenhanced_too_bright(samples: Mapping[str, Sample]) -> Finding | None:
    """Say that the unenhanced phase is brighter than one with contrast.

    Args:
        samples: By phase, in HU.

    Returns:
        A finding whose clause names the phases.
    """
    if UNENHANCED not in samples:
        return None
    nc, nc_hu = samples[UNENHANCED], _smooth(samples[UNENHANCED])
    gains = {
        phase: enhancement(nc, nc_hu, sample, _smooth(sample))
        for phase, sample in samples.items()
        if phase != UNENHANCED
    }
    dark = {phase: gain for phase, gain in gains.items() if gain is not None and gain < DARKER_HU}
    if not dark:
        return None
    names = " and ".join(dark)
    return Finding(
        "phase-order",
        f"{UNENHANCED}, the phase without contrast, is brighter in organs and vessels than {names}: their files seem to be "
        "exchanged, or one bears another phase's name; look at both, and rename them",
    )


def told_of_bright_liver(livers: Mapping[str, FoundLiver | None]) -> str:
    """Say that the liver is brighter in the arterial phase than in a later one, as a thing to look at.

    What is found may be a tumour larger than the rest of the liver, which may be bright early: so nothing is refused.

    Args:
        livers: By phase, as they were found.

    Returns:
        A sentence that names the phases; the empty text where nothing is strange.
    """
    early = livers.get(ARTERIAL)
    if early is None:
        return ""
    fallen = {
        phase: later.hu
        for phase, later in livers.items()
        if phase in LATER
        and later is not None
        and _same_organ(early, later)
        and early.hu - later.hu > FALLEN_HU
    }
    if not fallen:
        return ""
    levels = " and ".join(f"{hu:.0f} HU in {phase}" for phase, hu in fallen.items())
    return (
        f"what looks like the liver has about {early.hu:.0f} HU in {ARTERIAL} and {levels}, where a liver grows brighter "
        "until the portal venous phase: look whether their files are exchanged, unless a large tumour was taken for it"
    )


def _same_organ(one: FoundLiver, other: FoundLiver) -> bool:
    away = float(np.linalg.norm(one.points_mm.mean(axis=0) - other.points_mm.mean(axis=0)))
    return away <= SAME_PLACE_MM and max(one.ml, other.ml) <= SAME_SIZE * min(one.ml, other.ml)


def enhancement(nc: Sample, nc_hu: np.ndarray, other: Sample, other_hu: np.ndarray) -> float | None:
    """Measure how much brighter a phase is than the unenhanced one, where the headers put them over each other.

    A breath between the two makes as many places brighter as darker. So the tenth that gains most and the tenth that
    loses most are weighed against each other: contrast in vessels, kidneys or the liver adds to the first alone.

    Args:
        nc: The unenhanced phase.
        nc_hu: Its values, smoothed (z, y, x).
        other: A phase with contrast.
        other_hu: Its values, smoothed (z, y, x).

    Returns:
        HU, above 0 where the other is brighter; None where they show too little of the same.
    """
    steps = [max(1, round(GRID_MM / spacing)) for spacing in nc.spacing_mm]
    places = np.meshgrid(
        *(np.arange(0, n, k) for n, k in zip(nc.hu.shape, steps, strict=True)), indexing="ij"
    )
    index = np.stack([axis.ravel() for axis in places[::-1]])  # x, y, z
    before = nc_hu[tuple(index[::-1])]
    index, before = index[:, before > SOFT_HU[0]], before[before > SOFT_HU[0]]
    points = nc.index_to_world @ index + nc.origin_mm[:, None]
    there = (np.linalg.inv(other.index_to_world) @ (points - other.origin_mm[:, None]))[::-1]  # z, y, x
    after = ndimage.map_coordinates(other_hu, there, order=1, cval=CLIP_HU[0])
    both = after > SOFT_HU[0]
    if both.sum() < max(LEAST_VOXELS, LEAST_SHARE * len(before)):
        return None
    gain = np.clip(after[both], *SOFT_HU) - np.clip(before[both], *SOFT_HU)
    return float(np.percentile(gain, 100 - TAIL_PERCENT) + np.percentile(gain, TAIL_PERCENT))


def _smooth(sample: Sample) -> np.ndarray:
    """Take the noise away, which kilovolts and slice thickness make unlike between phases."""
    return ndimage.gaussian_filter(
        np.clip(sample.hu, *CLIP_HU), [SMOOTHING_MM / 2.355 / spacing for spacing in sample.spacing_mm]
    )
