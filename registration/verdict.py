"""Judge a registration by what it leaves behind: ok, check, or failed, and why.

Five signs, chosen to depend little on the scanner's noise and on the contrast phase:

- sharpness: the share of the similarity (above chance) that is lost when the match is displaced by 20 mm, as a part of
  what the reference loses against itself; the mean over the body and the region. Two bodies that do not belong together,
  or not at that place, match about as badly anywhere.
- overlap: how much of the body, and of the region, lies in the moving volume's data at all.
- disagreement: the region's halves (right, left, front, back, low, high) are fitted again, each alone. Where the match
  is real, they find the same motion; where the patient moved amid the scan, or slices are missing, its first or last
  quarter lies elsewhere along the slices.
- apart: how far the region's motion is from the body's. Breathing has limits.
- edges: whether the mask's organ, or the liver found, ends in the moving volume where it ends in the reference
  (`registration.edges`). It sees most errors from some 6 mm on, at the surface; the others see those of a cm or two.

The limits were set on pairs of real anatomy and of the phantom, good ones and provoked failures
(docs/results_registration.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from registration.rigid import Parameters, RigidMotion
from registration.search import IDENTITY, refine_roughly
from registration.settings import Deformation, Evidence, Judgement
from registration.similarity import MutualInformation

DISPLACED_MM = 20.0
# Where a half is looked for: where a scan tore (the patient moved, slices are missing) a climb ends on the other half's
# hill.
STEPS_WITHIN_MM = np.array([0.0, -4.0, 4.0, -8.0, 8.0, -12.0, 12.0, -16.0, 16.0, -20.0, 20.0, -24.0, 24.0])
PLAINLY_OFF_MM = 8.0
# 6 faces and 8 corners of a cube: directions all around.
DIRECTIONS = np.array([d for d in product((-1.0, 0.0, 1.0), repeat=3) if sum(map(abs, d)) in (1.0, 3.0)])


@dataclass(frozen=True)
class Limit:
    """Hold what is ok, and beyond what it has failed; in between somebody should look."""

    ok: float
    failed: float
    sentence: str


LEAST_SHARPNESS = Limit(0.67, 0.55, "the match is hardly better than 20 mm aside (sharpness {:.2f})")
LEAST_OVERLAP = Limit(0.5, 0.35, "only {:.0%} of the {} lies in the moving volume")
MOST_DISAGREEMENT_MM = Limit(4.0, 12.0, "parts of the {1}, fitted alone, end {0:.0f} mm apart")
NOTHING_SEEN = "nothing of the {1} lies in the moving volume"
LEAST_EDGE_AGREEMENT = Limit(
    0.45, 0.2, "the {1}'s edges hardly lie where the moving volume has some (agreement {0:.3f})"
)
# Edges that agree as well as this are of the same organ, at its place: another patient's reached .47, a mirrored one's .56.
# A sign that only says that there is little to hold on to then asks for a look, and no more. Of a quarter of the liver, the
# rest outside the moving volume, they reached .72 by chance: what else they answer for asks for half of it.
CONVINCING_EDGES = 0.6
# Edges and halves that agree as well as this are of an organ at its place, however unlike the body about it is: after a
# breath of 25 to 40 mm the match is nearly as good 20 mm aside. Of 189 scans with slices missing, doubled or torn, and 108
# provoked failures, none that little sharpness gave away had both.
SURE_EDGES, SURE_DISAGREEMENT_MM = 0.8, 1.5
MOST_APART_MM = Limit(25.0, 40.0, "the {1} would have moved {0:.0f} mm against the body")

BEFORE_DEFORMATION = "all this by the rigid fit, before the deformation that followed"


def judge(evidence: Evidence, region: str) -> tuple[Judgement, tuple[str, ...]]:
    """Give the verdict and a reason for each sign that is not ok.

    Args:
        evidence: The signs.
        region: What was fitted, for the sentences.
    """
    nothing_seen = not np.isfinite(evidence.disagreement_mm)
    convincing = evidence.edge_agreement is not None and evidence.edge_agreement >= CONVINCING_EDGES
    organ_is_there = convincing and evidence.overlap >= LEAST_OVERLAP.ok
    sure = (
        organ_is_there
        and evidence.body_overlap >= LEAST_OVERLAP.ok
        and (evidence.edge_agreement or 0.0) >= SURE_EDGES
        and evidence.disagreement_mm <= SURE_DISAGREEMENT_MM
    )
    signs = [
        (LEAST_SHARPNESS, 1.0 if sure else (evidence.sharpness + evidence.region_sharpness) / 2, ""),
        # A field of view about the organ holds little of the body.
        (LEAST_OVERLAP, 1.0 if organ_is_there else evidence.body_overlap, "body"),
        (LEAST_OVERLAP, evidence.overlap, region),
        (MOST_DISAGREEMENT_MM, evidence.disagreement_mm, region),
        (MOST_APART_MM, evidence.apart_mm, region),
    ]
    if evidence.edge_agreement is not None:
        signs.append((LEAST_EDGE_AGREEMENT, evidence.edge_agreement, region))
    worst: Judgement = "ok"
    reasons, amiss = [], []
    for limit, value, name in signs:
        if nothing_seen and limit is LEAST_OVERLAP and name == region:
            continue  # said below, for good
        sign = 1.0 if limit.ok > limit.failed else -1.0  # larger is better, or smaller
        if sign * value >= sign * limit.ok:
            continue
        sentence = NOTHING_SEEN if nothing_seen and limit is MOST_DISAGREEMENT_MM else limit.sentence
        reasons.append(sentence.format(value, name))
        amiss.append(limit)
        little_to_hold = limit in (LEAST_SHARPNESS, LEAST_OVERLAP)
        if sign * value < sign * limit.failed and not (convincing and little_to_hold):
            worst = "failed"
        elif worst == "ok":
            worst = "check"
    if worst == "failed" and organ_is_there and amiss == [MOST_DISAGREEMENT_MM]:
        # A half that holds little, as a lobe without contrast, matches elsewhere about as well. Where a scan tore, the body
        # was the less sharp for it, too.
        worst = "check"
    return worst, tuple(dict.fromkeys(reasons))


def reasons_told(reasons: tuple[str, ...], deformation: Deformation | None) -> tuple[str, ...]:
    """Give the reasons of a verdict, and say so where they are of a rigid fit that was deformed since."""
    if not reasons or deformation is None or not deformation.accepted:
        return reasons
    return (*reasons, BEFORE_DEFORMATION)


@dataclass(frozen=True)
class Match:
    """Hold one similarity with the motion found on it.

    Attributes:
        similarity: Of some layer and region.
        motion: About any centre.
        self_similarity: The same similarity with the reference in the moving volume's place.
    """

    similarity: MutualInformation
    motion: RigidMotion
    self_similarity: MutualInformation

    @property
    def parameters(self) -> Parameters:
        """The motion as the similarity takes it, about its centre."""
        return self.motion.about(self.similarity.centre).parameters


def gather_evidence(
    body: Match,
    region: Match,
    halves: Sequence[MutualInformation],
    ends: Sequence[MutualInformation],
    slice_axis: NDArray[np.float64],
    attainable: float,
    edge_agreement: float | None,
) -> Evidence:
    """Look for the signs.

    Args:
        body: The body on the top layer.
        region: The region that was fitted, by a part of the bottom layer (a small region has few points on the top one,
            and by few points anything matches a little), with the motion found in the end.
        halves: Similarities of the region's halves, about the region's centre.
        ends: The same of its first and its last quarter along the moving volume's slices.
        slice_axis: (3,) unit vector along the moving volume's slices: it tears there, where the patient moved amid the scan.
        attainable: Share (0..1) of the reference's length that a moving volume of this length can cover at all.
        edge_agreement: What `registration.edges` says of the organ that was fitted, where there is one.
    """
    points = region.similarity.samples.points
    places = region.motion.move(points)
    alone = [_alone(half, region.motion, slice_axis).move(points) for half in halves]
    disagreement_mm = max((mean_distance(places, other) for other in alone), default=float("inf"))
    (body_overlap,), (overlap,) = (m.similarity.measure(m.parameters)[1] for m in (body, region))
    return Evidence(
        sharpness=relative_sharpness(body),
        region_sharpness=relative_sharpness(region),
        body_overlap=min(1.0, float(body_overlap) / attainable),
        overlap=float(overlap),
        disagreement_mm=max([disagreement_mm, *(_off_mm(end, region.motion, slice_axis) for end in ends)]),
        apart_mm=mean_distance(places, body.motion.move(points)),
        edge_agreement=edge_agreement,
    )


def _alone(half: MutualInformation, motion: RigidMotion, slice_axis: NDArray[np.float64]) -> RigidMotion:
    """Fit a half by itself, from the motion found or from wherever along the slices it matches better."""
    starts = _along(motion.about(half.centre).parameters, slice_axis)
    return RigidMotion(refine_roughly(half, starts[np.argmax(half(starts))]), half.centre)


def _off_mm(end: MutualInformation, motion: RigidMotion, slice_axis: NDArray[np.float64]) -> float:
    """Say how far off along the slices the region's end matches best, if it is plainly elsewhere; else 0."""
    starts = _along(motion.about(end.centre).parameters, slice_axis)
    best = int(np.argmax(end(starts)))
    return float(abs(STEPS_WITHIN_MM[best])) if abs(STEPS_WITHIN_MM[best]) >= PLAINLY_OFF_MM else 0.0


def _along(motion: Parameters, slice_axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift a motion along the slices by STEPS_WITHIN_MM; (n, 6), the motion itself first."""
    return motion + STEPS_WITHIN_MM[:, None] * np.concatenate([np.zeros(3), slice_axis])


def relative_sharpness(match: Match) -> float:
    """Give a match's sharpness as a part of the reference's against itself."""
    return sharpness(match.similarity, match.parameters) / max(
        sharpness(match.self_similarity, IDENTITY), 0.1
    )


def sharpness(similarity: MutualInformation, motion: Parameters) -> float:
    """Give the share of the similarity above chance that the best of 14 displaced motions lacks; at most 1."""
    displaced = np.tile(motion, (len(DIRECTIONS), 1))
    displaced[:, 3:] += DISPLACED_MM * DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
    here, elsewhere = float(similarity.measure(motion)[0][0]), float(similarity.measure(displaced)[0].max())
    return (here - elsewhere) / (here - 1.0) if here > 1.0 else 0.0


def mean_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Give the mean distance between points (n, 3) and their partners."""
    return float(np.linalg.norm(one - other, axis=1).mean())
