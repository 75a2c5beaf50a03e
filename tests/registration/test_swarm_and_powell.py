"""The two solvers on functions whose maximum is known, and against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from registration.powell import climb_line, maximise_by_powell
from registration.swarm import maximise_by_swarm

TOP = np.array([0.7, -1.3, 2.1, 0.0, 0.4, -0.2])
MIX = np.random.default_rng(0).normal(size=(6, 6))
BOWL = MIX @ MIX.T + 0.5 * np.eye(6)  # positive definite, axes not aligned


def hill(positions: np.ndarray) -> np.ndarray:
    away = np.atleast_2d(positions) - TOP
    return -np.einsum("ni,ij,nj->n", away, BOWL, away)


def rosenbrock(positions: np.ndarray) -> np.ndarray:
    return -np.array([optimize.rosen(p) for p in np.atleast_2d(positions)])


def rastrigin(positions: np.ndarray) -> np.ndarray:
    """Give a hill covered with bumps: 11 along each axis of the box below, the highest at (1, 1, 1)."""
    p = np.atleast_2d(positions) - 1
    return -(10 + p**2 - 10 * np.cos(2 * np.pi * p)).sum(axis=1)


def test_powell_finds_the_top_of_a_slanted_hill() -> None:
    result = maximise_by_powell(hill, np.zeros(6), np.full(6, 0.3), tolerance=1e-3)
    # The last round moved by less than 0.001 steps of 0.3; a slanted hill hides a few times that.
    np.testing.assert_allclose(result.best, TOP, atol=0.01)


def test_powell_follows_a_bent_valley_as_scipys_does() -> None:
    ours = maximise_by_powell(rosenbrock, [-1.2, 1.0], [0.3, 0.3], tolerance=1e-4, max_evaluations=2_000)
    scipys = optimize.minimize(
        optimize.rosen, [-1.2, 1.0], method="Powell", options={"xtol": 1e-6, "ftol": 1e-10}
    )
    np.testing.assert_allclose(ours.best, scipys.x, atol=1e-3)


def test_powell_needs_fewer_scores_than_scipys_on_a_hill() -> None:
    ours = maximise_by_powell(hill, np.zeros(6), np.full(6, 0.3), tolerance=1e-3)
    scipys = optimize.minimize(
        lambda p: -float(hill(p)[0]), np.zeros(6), method="Powell", options={"xtol": 1e-3, "ftol": 1e-6}
    )
    assert ours.evaluations < scipys.nfev


def test_powell_stays_on_a_top() -> None:
    result = maximise_by_powell(hill, TOP, np.ones(6))
    assert np.array_equal(result.best, TOP)
    assert result.score == 0


def test_powell_ends_on_a_plateau() -> None:
    result = maximise_by_powell(lambda p: np.zeros(len(p)), np.ones(3), np.ones(3))
    assert np.array_equal(result.best, np.ones(3))


def test_powell_counts_its_scores() -> None:
    asked = 0

    def counted(positions: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(positions)
        return hill(positions)

    assert maximise_by_powell(counted, np.zeros(6), np.ones(6)).evaluations == asked


@pytest.mark.parametrize("top", [-7.3, -0.2, 0.4, 55.0])
def test_line_search_finds_a_parabolas_top_exactly(top: float) -> None:
    place, value = climb_line(lambda x: 3.0 - (x - top) ** 2, 3.0 - top**2, 1.0, tolerance=1e-6)
    # A parabola through three points of a parabola is that parabola: only rounding is left.
    assert place == pytest.approx(top, abs=1e-9)
    assert value == pytest.approx(3.0, abs=1e-9)


def test_swarm_finds_the_highest_of_many_bumps() -> None:
    result = maximise_by_swarm(
        rastrigin, np.full(3, -5.0), np.full(3, 6.0), particles=80, iterations=120, seed=0
    )
    # The nearest other bump is 1 away: within 0.1 is the highest one.
    np.testing.assert_allclose(result.best, np.ones(3), atol=0.1)


def test_swarm_never_leaves_its_box() -> None:
    visited = []

    def spy(positions: np.ndarray) -> np.ndarray:
        visited.append(positions.copy())
        return hill(positions)

    lower, upper = np.full(6, -0.5), np.full(6, 0.5)
    maximise_by_swarm(spy, lower, upper, particles=20, iterations=15, seed=0)
    everywhere = np.concatenate(visited)
    assert (everywhere >= lower).all()
    assert (everywhere <= upper).all()


def test_swarm_visits_the_starts_given() -> None:
    start = np.full(6, 0.25)
    result = maximise_by_swarm(
        lambda p: (p == start).all(axis=1).astype(float),
        -np.ones(6),
        np.ones(6),
        starts=[start],
        particles=5,
        iterations=3,
        seed=0,
    )
    assert np.array_equal(result.best, start)


def test_swarms_trace_never_falls_and_has_one_value_an_iteration() -> None:
    result = maximise_by_swarm(hill, -3 * np.ones(6), 3 * np.ones(6), particles=20, iterations=15, seed=0)
    assert len(result.trace) == 16  # the start counts too
    assert (np.diff(result.trace) >= 0).all()
    assert result.trace[-1] == result.score


def test_swarm_repeats_itself_for_a_seed_and_differs_for_another() -> None:
    runs = [
        maximise_by_swarm(hill, -3 * np.ones(6), 3 * np.ones(6), particles=20, iterations=15, seed=s).best
        for s in (1, 1, 2)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
