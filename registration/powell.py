"""Powell's search along changing directions: the local refinement.

Powell: An efficient method for finding the minimum of a function of several variables without calculating
derivatives, Computer Journal 1964, doi:10.1093/comjnl/7.2.155. The implementation is scipy's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize


@dataclass(frozen=True)
class PowellResult:
    """Hold the best position, its score, and how many scores were computed."""

    best: NDArray[np.float64]
    score: float
    evaluations: int


def maximise_by_powell(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: ArrayLike,
    steps: ArrayLike,
    *,
    score_tolerance: float = 1e-6,
    step_tolerance: float = 1e-3,
    max_evaluations: int = 600,
) -> PowellResult:
    """Climb from a start to the nearest maximum.

    Args:
        score: Gives the scores (n,) of positions (n, d).
        start: Where to start (d,).
        steps: First step along each axis (d,); the axes are scaled by it, so degrees and mm can be mixed.
        score_tolerance: Stop when a round of d searches raises the score by less than this fraction.
        step_tolerance: scipy's `xtol` (relative precision of a line search is 100 times it).
        max_evaluations: Stop there in any case.

    Returns:
        The best position visited; never worse than the start.
    """
    start, steps = np.asarray(start, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    best, best_score, count = start, -np.inf, 0

    def loss(scaled: NDArray[np.float64]) -> float:
        nonlocal best, best_score, count
        position = start + scaled * steps
        value = float(score(position[None])[0])
        count += 1
        if value > best_score:
            best, best_score = position, value
        return -value

    optimize.minimize(
        loss,
        np.zeros(len(start)),
        method="Powell",
        options={"ftol": score_tolerance, "xtol": step_tolerance, "maxfev": max_evaluations},
    )
    return PowellResult(best, best_score, count)
