"""When a training has converged, by hand-made losses."""

import math

import pytest

from nnunet_multiphase.training.convergence import has_converged


def test_a_falling_loss_has_not_converged():
    assert not has_converged([1.0 / (n + 1) for n in range(100)], patience=3)


def test_it_has_converged_after_the_patience_and_not_before():
    # The average of a constant is that constant from the first epoch on; the others wait for less.
    assert not has_converged([0.5] * 4, patience=4)
    assert has_converged([0.5] * 5, patience=4)


def test_single_epochs_neither_stop_nor_restart_it():
    # Falling by 0.01 an epoch, with one epoch high above: the average's detour ends within the patience.
    falling = [2.0 - 0.01 * n for n in range(60)]
    falling[30] += 0.2
    assert not any(has_converged(falling[:n], patience=10) for n in range(1, 61))
    # After 30 equal epochs one that is far lower pulls the average down once; it rises again, and the wait goes on.
    lucky = [0.5] * 30 + [0.1] + [0.5] * 20
    assert has_converged(lucky, patience=20)
    assert not has_converged(lucky[:-1], patience=20)


@pytest.mark.parametrize("losses", [[], [math.nan] * 5, [math.nan] * 5 + [0.5]])
def test_nothing_converges_before_there_are_losses(losses: list[float]):
    assert not has_converged(losses, patience=2)
