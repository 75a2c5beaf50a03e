"""Particle swarm optimisation: the global search.

Kennedy, Eberhart: Particle swarm optimization, ICNN 1995, doi:10.1109/ICNN.1995.488968, with the constriction
coefficients of Clerc, Kennedy (IEEE TEC 2002, doi:10.1109/4235.985692).
Each particle follows the best of its neighbours on a ring, not of the whole swarm (Kennedy, Mendes, CEC 2002,
doi:10.1109/CEC.2002.1004493): news spreads slowly, so that the swarm does not rush into one wrong corner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

INERTIA = 0.7298
ATTRACTION = 1.4962  # to a particle's own best and to its neighbours' best alike
NEIGHBOURS = 2  # to either side, on a ring


@dataclass(frozen=True)
class SwarmResult:
    """Hold the best position, its score, and the best score after each iteration (the start included)."""

    best: NDArray[np.float64]
    score: float
    trace: tuple[float, ...]


def maximise_by_swarm(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    lower: ArrayLike,
    upper: ArrayLike,
    *,
    starts: ArrayLike = (),
    particles: int,
    iterations: int,
    seed: int | Sequence[int],
) -> SwarmResult:
    """Search a box for the largest score.

    Args:
        score: Gives the scores (n,) of positions (n, d).
        lower: Lower corner of the box (d,).
        upper: Upper corner of the box (d,).
        starts: Positions (k, d) that the first particles take; the others are spread over the box.
        particles: Size of the swarm.
        iterations: How often every particle moves.
        seed: Seed of all random numbers.

    Returns:
        The best position ever visited.
    """
    lower, upper = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    rng = np.random.default_rng(seed)
    position = rng.uniform(lower, upper, (particles, len(lower)))
    given = np.asarray(starts, dtype=np.float64).reshape(-1, len(lower))[:particles]
    position[: len(given)] = np.clip(given, lower, upper)
    velocity = (rng.uniform(lower, upper, position.shape) - position) / 2
    best, best_score = position.copy(), np.array(score(position), dtype=np.float64)
    trace = [float(best_score.max())]
    ring = (np.arange(particles)[:, None] + np.arange(-NEIGHBOURS, NEIGHBOURS + 1)) % particles
    for _ in range(iterations):
        leader = best[ring[np.arange(particles), np.argmax(best_score[ring], axis=1)]]
        to_own, to_leader = rng.random((2, *position.shape))
        velocity *= INERTIA
        velocity += ATTRACTION * (to_own * (best - position) + to_leader * (leader - position))
        position = position + velocity
        beyond = (position < lower) | (position > upper)
        velocity[beyond] = 0.0  # a particle at the wall waits there instead of pushing on
        position = np.clip(position, lower, upper)
        scores = np.asarray(score(position))
        better = scores > best_score
        best[better], best_score[better] = position[better], scores[better]
        trace.append(float(best_score.max()))
    winner = int(np.argmax(best_score))
    return SwarmResult(best[winner].copy(), float(best_score[winner]), tuple(trace))
