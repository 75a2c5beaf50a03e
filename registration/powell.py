"""Powell's search along changing directions: the local refinement.

Powell: An efficient method for finding the minimum of a function of several variables without calculating
derivatives, Computer Journal 1964, doi:10.1093/comjnl/7.2.155; a direction is given up by his own criterion.
Unlike scipy's, whose line search is exact and needs some 15 scores a line, a line here ends at the top of the
parabola through three points about the maximum: the next round comes back to it anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Line = Callable[[float], float]
GROWTH = 2.0  # how fast a line search widens its steps uphill
MOST_STEPS = 12  # ... and how often: 2^12 first steps, beyond any search range


@dataclass(frozen=True)
class PowellResult:
    """Hold the best position, its score, and how many scores were computed."""

    best: NDArray[np.float64]
    score: float
    evaluations: int


def maximise_by_powell(
    score: Score,
    start: ArrayLike,
    steps: ArrayLike,
    *,
    tolerance: float = 0.01,
    max_evaluations: int = 400,
) -> PowellResult:
    """Climb from a start to the nearest maximum.

    Args:
        score: Gives the scores (n,) of positions (n, d).
        start: Where to start (d,).
        steps: First step along each axis (d,); the axes are scaled by it, so degrees and mm can be mixed.
        tolerance: Stop when a whole round moves by less than this part of the steps.
        max_evaluations: Start no further line beyond this many scores.

    Returns:
        The best position visited; never worse than the start.
    """
    start, steps = np.asarray(start, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    count = 0

    def at(scaled: NDArray[np.float64]) -> float:
        nonlocal count
        count += 1
        return float(score((start + scaled * steps)[None])[0])

    here: NDArray[np.float64] = np.zeros(len(start))
    value = at(here)
    directions, strides = np.eye(len(start)), np.ones(len(start))
    while count < max_evaluations:
        round_start, round_value = here, value
        gains = np.zeros(len(start))
        for k, direction in enumerate(directions):
            if count >= max_evaluations:
                break
            moved, raised = climb_line(_line(at, here, direction), value, strides[k], tolerance=tolerance)
            here, gains[k], value = here + moved * direction, raised - value, raised
            # Next round the maximum is nearer; a direction that moved far stays bold.
            strides[k] = max(abs(moved), strides[k] / 3, 3 * tolerance)
        travelled = here - round_start
        length = float(np.linalg.norm(travelled))
        if length < tolerance:
            break
        beyond = at(here + travelled)
        most = int(np.argmax(gains))
        if _worth_a_direction(round_value, value, beyond, gains[most]):
            along = travelled / length
            moved, value = climb_line(_line(at, here, along), value, length, tolerance=tolerance)
            here = here + moved * along
            directions[most], strides[most] = along, max(abs(moved), length / 3, 3 * tolerance)
    return PowellResult(start + here * steps, value, count)


def climb_line(line: Line, value: float, stride: float, *, tolerance: float) -> tuple[float, float]:
    """Find a maximum along a line: step uphill until it goes down, then to the top of the parabola.

    Args:
        line: Score at a distance along the line.
        value: Its value at 0.
        stride: First step.
        tolerance: A parabola's top this near to a point known already is not tried.

    Returns:
        Distance of the best point visited, and its score, at least `value`.
    """
    known = {0.0: value, stride: line(stride)}
    outward = stride
    if known[stride] <= value:
        outward = -stride
        known[outward] = line(outward)
    best = max(known, key=known.__getitem__)
    for _ in range(MOST_STEPS):
        if best == 0.0 or best != outward:
            break
        outward *= GROWTH
        known[outward] = line(outward)
        best = max(known, key=known.__getitem__)
    places = sorted(known)
    middle = places.index(best)
    if 0 < middle < len(places) - 1:
        top = _parabola_top(*((p, known[p]) for p in places[middle - 1 : middle + 2]))
        if min(abs(top - p) for p in places) >= tolerance:
            known[top] = line(top)
            best = max(known, key=known.__getitem__)
    return best, known[best]


def _line(at: Callable[[NDArray[np.float64]], float], origin: NDArray, direction: NDArray) -> Line:
    """Give the score along a direction."""
    return lambda distance: at(origin + distance * direction)


def _parabola_top(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Give the place of the top of the parabola through three points, the middle one the highest."""
    left, right = b[0] - a[0], b[0] - c[0]
    rise_left, rise_right = b[1] - c[1], b[1] - a[1]
    bend = left * rise_left - right * rise_right
    if bend == 0.0:  # a plateau: every point is as good as the middle one
        return b[0]
    return b[0] - 0.5 * (left * left * rise_left - right * right * rise_right) / bend


def _worth_a_direction(before: float, after: float, beyond: float, largest_gain: float) -> bool:
    """Apply Powell's criterion: take the way travelled as a direction in place of the one that gained most.

    Not where going on that way leads down again, nor where one direction made nearly all of the gain or the
    top is near: the directions would become dependent.
    """
    if beyond <= before:
        return False
    curvature = 2.0 * (2.0 * after - before - beyond)
    return curvature * (after - before - largest_gain) ** 2 < largest_gain * (beyond - before) ** 2
