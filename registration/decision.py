"""Decide between the body's motion and a region's by evidence, judge what is returned, and say how well it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registration.candidates import Candidate
from registration.layers import LayeredPair
from registration.rigid import RigidMotion
from registration.settings import Deformation, Evidence, Judgement, RegionName, RegistrationSettings
from registration.uncertainty import LAG, MODEL_ERROR, UNSEEN_BREATH_MM, uncertainty
from registration.verdict import Match, gather_evidence, judge, mean_distance, reasons_told
from registration.volume import Volume

LEAST_APART_MM = 0.5  # of the region's motion from the body's: less is not worth leaving the better known
# Where both moved together the region's middle was up to twice as far from the body's as its error and what no covariance
# sees (together); where the liver bends, at least four times.
SHARED_ERROR_MM = 0.3
PLAINLY = 3.0
LEAST_EDGES = (
    0.1  # of a region that failed, to be believed before the body's: in noise they agree by some hundredths
)
# Of what nobody need look at. 250 right motions had 4.8 at most; rigid ones of livers that bend by 6 and 8 mm, which leave
# 3 to 5 mm, 5.0 and more in five of eight.
MOST_EXPECTED_MM = 5.0
# Of a rigid motion that a deformation may start from unseen: farther off it was not brought back always.
MOST_EXPECTED_BEFORE_MM = 8.0
NO_LIVER = (
    "no liver was found in the reference: the body's motion is returned, but the liver may have breathed unseen (a liver "
    "mask settles it)"
)
DOUBTFUL = (
    "what was taken for the liver in the reference may be another organ (ascites, a cyst, the stomach), and the liver may "
    "have breathed otherwise (a liver mask settles it)"
)
UNKNOWN = "the motion is known to about {:.0f} mm only"


@dataclass(frozen=True)
class Answer:
    """Hold the motion that is returned, what it was judged on, and how well it is known.

    Attributes:
        judged: The candidate on whose region it was judged.
        motion: About that candidate's centre.
        motion_of: Whose motion it is.
        expected_error_mm: See `RegistrationResult`.
        evidence: The signs.
        verdict: What they say.
        reasons: Why.
    """

    judged: Candidate
    motion: RigidMotion
    motion_of: RegionName
    expected_error_mm: float
    evidence: Evidence
    verdict: Judgement
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Signs:
    """Gather evidence for any motion of a pair.

    Attributes:
        pair: The pair.
        body: The body's match on the top layer.
        organ: The region's mask and its grid; none where the body alone is fitted.
        attainable: See `verdict.gather_evidence`.
    """

    pair: LayeredPair
    body: Match
    organ: tuple[NDArray[np.bool_], Volume] | None
    attainable: float

    def of(self, judged: Candidate, motion: RigidMotion) -> tuple[Evidence, Judgement, tuple[str, ...]]:
        """Judge a motion by what a candidate was fitted on."""
        edges = None
        if self.organ is not None and judged.name != "body":
            edges = self.pair.edges(*self.organ, motion)
        evidence = gather_evidence(
            self.body,
            Match(judged.thinned, motion, self.pair.self_similarity(judged.thinned, judged.window_hu, -1)),
            *self.pair.halves(judged.held, judged.window_hu, motion),
            slice_axis=self.pair.slice_axis,
            attainable=self.attainable,
            edge_agreement=edges,
        )
        return evidence, *judge(evidence, judged.name)


def decide(signs: Signs, body: Candidate, region: Candidate | None, settings: RegistrationSettings) -> Answer:
    """Choose between the body's motion and the region's.

    The region leaves the body's motion only where its own is significantly another: its few voxels leave it less certain
    than the body's, by some tenths of a mm (docs/results_registration.md). And only where what it found can be believed: a
    region that fails gives the body's motion, to be checked, because nobody saw how it breathed; unless the region's
    edges, which no fit was made on, agree better by its own motion than by the body's: then that is returned, as failed.
    A liver that was looked for and not found breathed unseen likewise.
    """
    body_known = uncertainty(body.complete, body.motion)
    if region is None:
        evidence, verdict, reasons = signs.of(body, body.motion)
        expected = body_known.error_mm(body.complete.samples.points) * MODEL_ERROR
        if settings.region != "body":  # a liver was looked for
            expected = float(np.hypot(expected, UNSEEN_BREATH_MM))
            # Nobody saw how it breathed, as where it was found and could not be fitted.
            verdict = "check" if verdict == "ok" else verdict
            reasons = (NO_LIVER, *reasons)
        return _answer(body, body.motion, "body", expected, evidence, verdict, reasons, settings)

    points = region.complete.samples.points
    with_body = body.motion.about(region.motion.centre)
    known = uncertainty(region.complete, region.motion)
    significance = known.significance(with_body)
    apart_mm = mean_distance(region.motion.move(points), with_body.move(points))
    from_body = MODEL_ERROR * body_known.error_mm(points)
    # A liver that bends pulls its motion to all sides, so that little is significant; but its way is plain.
    middles_apart_mm = float(np.linalg.norm(region.motion.parameters[3:] - with_body.parameters[3:]))
    plainly = middles_apart_mm >= PLAINLY * np.hypot(known.middle_error_mm(), SHARED_ERROR_MM)
    if plainly or (significance >= settings.least_significance and apart_mm >= LEAST_APART_MM):
        evidence, verdict, reasons = signs.of(region, region.motion)
        if verdict != "failed":
            # What the halves disagree by, a rigid motion cannot follow.
            beside = np.hypot(LAG * apart_mm, evidence.disagreement_mm)
            expected = float(np.hypot(MODEL_ERROR * known.error_mm(points), beside))
            return _answer(region, region.motion, region.name, expected, evidence, verdict, reasons, settings)
        by_itself, failure = evidence, reasons
        evidence, verdict, reasons = signs.of(region, with_body)
        if _better_edges(by_itself, evidence):
            # A liver that bends fits a rigid motion badly, and the body's still worse.
            return _answer(region, region.motion, region.name, np.inf, by_itself, "failed", failure, settings)
        if verdict != "failed":
            told = (_kept(region, failure), *reasons)
            expected = float(np.hypot(from_body, UNSEEN_BREATH_MM))
            return _answer(region, with_body, "body", expected, evidence, "check", told, settings)
        unseen_mm = UNSEEN_BREATH_MM
    else:
        # What the region says without being significant may still be so, the less the less significant it is.
        unseen_mm = apart_mm * min(1.0, significance / max(settings.least_significance, 1e-6))
        evidence, verdict, reasons = signs.of(region, with_body)
        if verdict != "failed":
            expected = from_body + unseen_mm
            return _answer(region, with_body, "body", expected, evidence, verdict, reasons, settings)
        failure = reasons
    by_body = signs.of(body, body.motion)
    if by_body[1] == "failed":
        return _answer(region, with_body, "body", np.inf, evidence, "failed", failure, settings)
    evidence, verdict, reasons = by_body
    told = (_kept(region, failure), *reasons)
    expected = float(np.hypot(from_body, max(unseen_mm, UNSEEN_BREATH_MM)))
    return _answer(body, body.motion, "body", expected, evidence, "check", told, settings)


def settle(answer: Answer, deformation: Deformation | None) -> Answer:
    """Take the expected error of a deformation that was accepted, and call nothing ok that is hardly known."""
    expected_mm = answer.expected_error_mm
    if deformation is not None and deformation.accepted and deformation.expected_error_mm is not None:
        expected_mm = deformation.expected_error_mm
    answer = replace(answer, expected_error_mm=expected_mm, reasons=reasons_told(answer.reasons, deformation))
    if answer.verdict == "ok" and expected_mm > MOST_EXPECTED_MM:
        return replace(answer, verdict="check", reasons=(UNKNOWN.format(expected_mm),))
    return answer


def doubted(answer: Answer) -> Answer:
    """Ask for a look at a motion whose region may be another organ: then nobody saw how the liver breathed.

    Args:
        answer: Of a liver that was found, but that may be another organ.
    """
    if answer.verdict == "failed":
        return replace(answer, reasons=(DOUBTFUL, *answer.reasons))
    expected = float(np.hypot(answer.expected_error_mm, UNSEEN_BREATH_MM))
    return replace(answer, expected_error_mm=expected, verdict="check", reasons=(DOUBTFUL, *answer.reasons))


def _better_edges(one: Evidence, other: Evidence) -> bool:
    """Tell whether the organ's edges, which no fit was made on, agree better by one motion than by another."""
    if one.edge_agreement is None or one.edge_agreement < LEAST_EDGES:
        return False
    return other.edge_agreement is None or one.edge_agreement > other.edge_agreement


def _kept(region: Candidate, failure: tuple[str, ...]) -> str:
    return f"the {region.name} could not be fitted, the body's motion is kept ({'; '.join(failure)})"


def _answer(
    judged: Candidate,
    motion: RigidMotion,
    motion_of: RegionName,
    expected_error_mm: float,
    evidence: Evidence,
    verdict: Judgement,
    reasons: tuple[str, ...],
    settings: RegistrationSettings,
) -> Answer:
    """Give the answer; parts that disagree raise the expected error, and where the fit failed nothing is known."""
    if verdict == "failed":
        expected_error_mm = settings.search_axial_mm
    elif (verdict == "check" and motion_of == "body") or not np.isfinite(expected_error_mm):
        known = expected_error_mm if np.isfinite(expected_error_mm) else 0.0
        expected_error_mm = float(np.hypot(known, min(evidence.disagreement_mm, settings.search_axial_mm)))
    if verdict == "ok" and expected_error_mm > MOST_EXPECTED_BEFORE_MM:
        verdict, reasons = "check", (UNKNOWN.format(expected_error_mm),)
    return Answer(judged, motion, motion_of, float(expected_error_mm), evidence, verdict, reasons)
