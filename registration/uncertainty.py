"""How well a motion is known: the covariance of its six parameters, and what it means in mm.

The motion found is where the similarity's gradient is zero. Every place of the region has a gradient of its own there:
where they pull to different sides, the motion is uncertain. So the region is cut into cubes; their gradients' scatter S and
the similarity's curvature A give the covariance A^-1 S A^-1 ("sandwich"; Huber 1967; White, Econometrica 1982,
doi:10.2307/1912526). Cubes, not points: neighbours share noise and tissue, and are no independent witnesses.

What the cubes share it cannot see: that the organ's edges were found aside, that another contrast phase moves an edge.
On the pairs used for tuning (benchmarks/registration_sources.py) a region's motion was up to 3.6 times as far from the
truth as its covariance says; MODEL_ERROR is that factor. And tissue about an organ that breathes lags behind it, which
draws the fit back by up to a twentieth of the way; LAG is that share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.rigid import Parameters, RigidMotion
from registration.search import STEPS
from registration.similarity import MutualInformation

CUBE_MM = 25.0
GRADIENT_STEP = 0.25  # of STEPS, to either side
CURVATURE_STEP = 0.5
CURVATURE_POINTS = 40_000  # a quarter of them doubles some errors
MOST_POINTS = 2_000  # that a mean error is taken over
FEWEST_CUBES = 12  # twice the parameters
LEAST_CURVATURE = 1e-2  # as a part of the largest
MODEL_ERROR = 3.6
LAG = 0.05
UNSEEN_BREATH_MM = (
    5.0  # what two breath holds differ by where nobody looked (Dawson et al. 2001: 2.5 to 4.4 mm)
)


@dataclass(frozen=True)
class Uncertainty:
    """Hold a motion with its covariance.

    Attributes:
        motion: About the similarity's centre.
        covariance: Of the parameters divided by `search.STEPS` (6, 6); none where the motion is at no maximum, or the
            region is too small to tell.
    """

    motion: RigidMotion
    covariance: NDArray[np.float64] | None

    def error_mm(self, points: NDArray[np.float64]) -> float:
        """Give the root of the mean square error at points (n, 3) of the reference; infinite where nothing is known."""
        if self.covariance is None:
            return float("inf")
        points = points[:: 1 + len(points) // MOST_POINTS]
        arms = self.motion.move(points) - self.motion.centre - self.motion.parameters[3:]
        # How a point moves with each parameter: an angle about an axis moves it across the axis and its arm.
        moves = np.concatenate([np.cross(axis, arms)[:, :, None] for axis in np.eye(3)], axis=2)
        moves = np.concatenate([moves, np.broadcast_to(np.eye(3), (len(arms), 3, 3))], axis=2) * STEPS
        return float(np.sqrt(np.einsum("nij,jk,nik->n", moves, self.covariance, moves).mean()))

    def middle_error_mm(self) -> float:
        """Give the root of the mean square error at the centre, where turning moves nothing; infinite where unknown."""
        if self.covariance is None:
            return float("inf")
        return float(np.sqrt(np.trace(self.covariance[3:, 3:]) * STEPS[3] ** 2))

    def significance(self, other: RigidMotion) -> float:
        """Give the squared distance of another motion, in units of the covariance (Wald).

        The covariance is widened by MODEL_ERROR: where both motions are the same, chi-squared of six degrees of freedom
        is an upper bound. 0 where nothing is known.
        """
        if self.covariance is None:
            return 0.0
        apart = (other.about(self.motion.centre).parameters - self.motion.parameters) / STEPS
        return float(apart @ np.linalg.solve(self.covariance, apart)) / MODEL_ERROR**2


def uncertainty(similarity: MutualInformation, motion: RigidMotion) -> Uncertainty:
    """Find how well a motion is known.

    Args:
        similarity: That the motion maximises.
        motion: What it is largest at.
    """
    motion = motion.about(similarity.centre)
    # The curvature is the same by a part of the points; the scatter is not, it holds their own noise.
    step = max(1, len(similarity.samples.points) // CURVATURE_POINTS)
    curvature = _curvature(similarity.thinned(step), motion.parameters)
    gradients = _cube_gradients(similarity, motion.parameters)
    count = len(gradients)
    if curvature is None or count < FEWEST_CUBES:
        return Uncertainty(motion, None)
    scatter = gradients.T @ gradients * (count / (count - len(STEPS)))
    if np.linalg.matrix_rank(scatter) < len(
        STEPS
    ):  # most cubes lie beyond the moving volume, and the rest says too little
        return Uncertainty(motion, None)
    inverse = np.linalg.inv(curvature)
    return Uncertainty(motion, inverse @ scatter @ inverse)


def _cube_gradients(similarity: MutualInformation, motion: Parameters) -> NDArray[np.float64]:
    """Give the gradient (cubes, 6) of the similarity by the points of each cube, with respect to STEPS."""
    steps = GRADIENT_STEP * np.diag(STEPS)
    shares = similarity.shares(np.concatenate([motion + steps, motion - steps]), motion)
    each = np.nan_to_num((shares[:6] - shares[6:]) / (2 * GRADIENT_STEP)).T
    cubes = np.floor((similarity.samples.points - similarity.centre) / CUBE_MM).astype(np.int64)
    cubes -= cubes.min(axis=0)
    _, number = np.unique(np.ravel_multi_index(tuple(cubes.T), cubes.max(axis=0) + 1), return_inverse=True)
    return np.stack([np.bincount(number.ravel(), weights=column) for column in each.T], axis=1)


def _curvature(similarity: MutualInformation, motion: Parameters) -> NDArray[np.float64] | None:
    """Give the negative second derivative (6, 6) of the similarity with respect to STEPS.

    None where it is no maximum along most directions.
    """
    steps = CURVATURE_STEP * np.diag(STEPS)
    pairs = [(i, j) for i in range(6) for j in range(i)]
    offsets = [steps[i] for i in range(6)] + [steps[i] + steps[j] for i, j in pairs]
    motions = [motion, *(motion + o for o in offsets), *(motion - o for o in offsets)]
    scores = similarity(np.array(motions))
    count = len(offsets)
    second = (scores[1 : count + 1] + scores[count + 1 :] - 2 * scores[0]) / CURVATURE_STEP**2
    curvature = np.diag(-second[:6])
    for (i, j), both in zip(pairs, second[6:], strict=True):
        curvature[i, j] = curvature[j, i] = (-both - curvature[i, i] - curvature[j, j]) / 2
    values, vectors = np.linalg.eigh(curvature)
    if values[len(values) // 2] <= 0:
        return None
    # A smooth round organ may turn as it likes: free in that direction, and known in the others.
    return (vectors * np.maximum(values, LEAST_CURVATURE * values[-1])) @ vectors.T
