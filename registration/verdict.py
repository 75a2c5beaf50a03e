"""Judge a registration by what it leaves behind: ok, check, or failed, and why.

Four signs, none of which depends on the scanner's noise or on the contrast phase:

- sharpness: the share of the body's similarity (above chance) that is lost when the match is displaced by 20 mm, as a
  part of what the reference loses against itself. Two bodies that do not belong together, or not at that place, match
  about as badly anywhere.
- overlap: how much of the body, and of the region, lies in the moving volume's data at all.
- disagreement: the region's halves (right, left, front, back, low, high) are fitted again, each alone. Where the match
  is real, they find the same motion.
- apart: how far the region's motion is from the body's. Breathing has limits.

The limits were set on pairs of real anatomy and of the phantom, good ones and provoked failures (docs/results.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from registration.rigid import rotation_matrices
from registration.search import STILL, Parameters, climb_roughly
from registration.settings import Evidence, Judgement
from registration.similarity import MutualInformation

DISPLACED_MM = 20.0
# 6 faces and 8 corners of a cube: directions all around.
DIRECTIONS = np.array([d for d in product((-1.0, 0.0, 1.0), repeat=3) if sum(map(abs, d)) in (1.0, 3.0)])


@dataclass(frozen=True)
class Limit:
    """Hold what is ok, and beyond what it has failed; in between somebody should look."""

    ok: float
    failed: float
    sentence: str


LEAST_SHARPNESS = Limit(0.58, 0.45, "the bodies match hardly better than 20 mm aside (sharpness {:.2f})")
LEAST_OVERLAP = Limit(0.5, 0.35, "only {:.0%} of the {} lies in the moving volume")
MOST_DISAGREEMENT_MM = Limit(4.0, 12.0, "parts of the {1}, fitted alone, end {0:.0f} mm apart")
MOST_APART_MM = Limit(25.0, 40.0, "the {1} would have moved {0:.0f} mm against the body")


def judge(evidence: Evidence, region: str) -> tuple[Judgement, tuple[str, ...]]:
    """Give the verdict and a reason for each sign that is not ok.

    Args:
        evidence: The signs.
        region: What was fitted, for the sentences.
    """
    signs = [
        (LEAST_SHARPNESS, evidence.sharpness, ""),
        (LEAST_OVERLAP, evidence.body_overlap, "body"),
        (LEAST_OVERLAP, evidence.overlap, region),
        (MOST_DISAGREEMENT_MM, evidence.disagreement_mm, region),
        (MOST_APART_MM, evidence.apart_mm, region),
    ]
    worst: Judgement = "ok"
    reasons = []
    for limit, value, name in signs:
        sign = 1.0 if limit.ok > limit.failed else -1.0  # larger is better, or smaller
        if sign * value >= sign * limit.ok:
            continue
        reasons.append(limit.sentence.format(value, name))
        if sign * value < sign * limit.failed:
            worst = "failed"
        elif worst == "ok":
            worst = "check"
    return worst, tuple(dict.fromkeys(reasons))


def gather_evidence(
    body: MutualInformation,
    body_motion: Parameters,
    itself: MutualInformation,
    region: MutualInformation,
    region_motion: Parameters,
    halves: Sequence[MutualInformation],
) -> Evidence:
    """Look for the signs.

    Args:
        body: The body's similarity, top layer.
        body_motion: The body's motion about its centre.
        itself: The same similarity with the reference in the moving volume's place.
        region: The fitted region's similarity, bottom layer.
        region_motion: The region's motion about its centre.
        halves: Similarities of the region's halves, about the region's centre.
    """
    points = region.samples.points
    places = moved(points, region_motion, region.centre)
    fitted_alone = [moved(points, climb_roughly(half, region_motion), region.centre) for half in halves]
    return Evidence(
        sharpness=sharpness(body, body_motion) / max(sharpness(itself, STILL), 0.1),
        body_overlap=float(body.measure(body_motion)[1][0]),
        overlap=float(region.measure(region_motion)[1][0]),
        disagreement_mm=max((mean_distance(places, alone) for alone in fitted_alone), default=0.0),
        apart_mm=mean_distance(places, moved(points, body_motion, body.centre)),
    )


def sharpness(similarity: MutualInformation, motion: Parameters) -> float:
    """Give the share of the similarity above chance that the best of 14 displaced motions lacks; at most 1."""
    displaced = np.tile(motion, (len(DIRECTIONS), 1))
    displaced[:, 3:] += DISPLACED_MM * DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
    here, elsewhere = float(similarity.measure(motion)[0][0]), float(similarity.measure(displaced)[0].max())
    return (here - elsewhere) / (here - 1.0) if here > 1.0 else 0.0


def moved(
    points: NDArray[np.float64], motion: Parameters, centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move points (n, 3) by six parameters about a centre."""
    return (points - centre) @ rotation_matrices(motion)[0].T + centre + motion[3:]


def mean_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Give the mean distance between points (n, 3) and their partners."""
    return float(np.linalg.norm(one - other, axis=1).mean())
