"""Fit a free-form deformation: Gauss-Newton steps on the local match, on a coarse mesh first, then on a finer one.

Each step solves for all control points at once, by conjugate gradients that never build the matrix: nearly all of it is
displacements spread from control points to voxels, and forces gathered from voxels to control points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registration.free_form import (
    ControlGrid,
    bending,
    bending_diagonal,
    control_grid,
    displacements,
    everywhere,
    gathered,
)
from registration.local_match import LocalMatch, Step
from registration.volume import Volume

Controls = NDArray[np.float64]

AROUND_MM = 45.0  # beyond the voxels of the box: there the deformation fades out
STEPS = 6
SHORTEST = 0.2  # of a step
LEAST_PROGRESS = 1e-3  # of the cost: a step that brings less is the last
ITERATIONS = 12  # of the conjugate gradients
SOLVED = 1e-4  # of the first residual, squared


@dataclass(frozen=True)
class Level:
    """Say how one level is fitted.

    Attributes:
        mesh_mm: From control point to control point.
        window_mm: Standard deviation of the match's windows.
        bending: Weight of the bending energy (1/mm) against the misfit of a voxel.
        keeping: Weight of the squared volume change (share) of what is to be kept, against the same.
    """

    mesh_mm: float
    window_mm: float
    bending: float = 3.0
    keeping: float = 1e6


# Halving or doubling mesh, window or weight changes the error by less than a tenth (tuning pairs).
LEVELS = (Level(40.0, 8.0), Level(25.0, 6.0))


@dataclass(frozen=True)
class Kept:
    """Hold voxels whose volume is to be kept together: positions (n, 3) from the box's first voxel, (z, y, x)."""

    voxels: NDArray[np.int64]


def fit(
    box: Volume, matches: Callable[[Level], LocalMatch], kept: tuple[Kept, ...] = ()
) -> tuple[ControlGrid, Controls]:
    """Fit from nothing, on all levels.

    Args:
        box: The voxels that are fitted.
        matches: Gives the match for a level.
        kept: Pieces whose volume is to be kept.

    Returns:
        The control grid of the last level, and its control points' displacements, mm along the array axes.
    """
    grid = control_grid(box, LEVELS[0].mesh_mm, AROUND_MM)
    controls = refine(grid, np.zeros(grid.shape), matches(LEVELS[0]), LEVELS[0], box, kept)
    for level in LEVELS[1:]:
        field = displacements(grid, controls)
        grid = control_grid(box, level.mesh_mm, AROUND_MM)
        controls = refine(grid, _controls_of(grid, field), matches(level), level, box, kept)
    return grid, controls


def refine(
    grid: ControlGrid,
    controls: Controls,
    match: LocalMatch,
    level: Level,
    box: Volume,
    kept: tuple[Kept, ...],
) -> Controls:
    """Improve control points until a step brings little; arguments as in `fit`."""
    swellings = [_swelling(grid, piece, box) for piece in kept]

    def cost_of(step: Step, there: Controls) -> float:
        bent = float((there * bending(grid, there)).sum())
        swollen = sum(float((there * row).sum()) ** 2 for row in swellings)
        return step.misfit + level.bending * bent + level.keeping * swollen

    now = match.step(displacements(grid, controls))
    cost = cost_of(now, controls)
    for _ in range(STEPS):
        change = _newton_step(grid, now, controls, level, swellings)
        share = 1.0
        while share > SHORTEST:
            there = controls + share * change
            step = match.step(displacements(grid, there))
            new_cost = cost_of(step, there)
            if new_cost < cost:
                break
            share /= 2
        else:
            return controls
        progress = (cost - new_cost) / max(abs(cost), 1.0)
        controls, now, cost = there, step, new_cost
        if progress < LEAST_PROGRESS:
            break
    return controls


def _newton_step(
    grid: ControlGrid, step: Step, controls: Controls, level: Level, swellings: list[Controls]
) -> Controls:
    """Give the change of the control points that the quadratic model about them asks for."""
    free = grid.free()
    squares = ControlGrid(
        (*(replace(axis, weights=axis.weights**2) for axis in grid.axes),),  # type: ignore[arg-type]
        grid.mesh_mm,
    )
    own = gathered(squares, step.slopes**2 * step.stiffness) + level.bending * bending_diagonal(grid)
    for row in swellings:
        own += level.keeping * row**2

    def penalties(there: Controls) -> Controls:
        pull = level.bending * bending(grid, there)
        for row in swellings:
            pull += level.keeping * float((there * row).sum()) * row
        return pull

    def product(there: Controls) -> Controls:
        along = (step.slopes * displacements(grid, there)).sum(axis=0) * step.stiffness
        return (gathered(grid, step.slopes * along) + penalties(there)) * free

    pull = (gathered(grid, step.slopes * step.force) - penalties(controls)) * free
    return _conjugate_gradients(product, pull, own)


def _conjugate_gradients(
    product: Callable[[Controls], Controls], wanted: Controls, own: Controls | float
) -> Controls:
    """Solve product(x) = wanted roughly, scaled by the matrix's own diagonal."""
    found, rest = np.zeros_like(wanted), wanted
    scaled = rest / own
    direction, size = scaled, float((rest * scaled).sum())
    enough = SOLVED * size
    for _ in range(ITERATIONS):
        if size <= enough:
            break
        there = product(direction)
        length = size / float((direction * there).sum())
        found = found + length * direction
        rest = rest - length * there
        scaled = rest / own
        new = float((rest * scaled).sum())
        direction, size = scaled + new / size * direction, new
    return found


def _controls_of(grid: ControlGrid, field: NDArray[np.float32]) -> Controls:
    """Give the control points whose displacements come nearest to a field at the voxels."""
    free = grid.free()

    def product(there: Controls) -> Controls:
        # The little that is added holds control points that reach no voxel.
        return (gathered(grid, displacements(grid, there)) + 1e-3 * there) * free

    return _conjugate_gradients(product, gathered(grid, field) * free, 1.0)


def _swelling(grid: ControlGrid, piece: Kept, box: Volume) -> Controls:
    """Give, for each control point, how much a mm of it swells a piece: the mean divergence over its voxels."""
    whole, added = everywhere(grid, box)
    spread = np.zeros((3, *(len(axis.first) for axis in whole.axes)), np.float32)
    inner = piece.voxels + added
    inner = inner[
        ((inner > 0) & (inner < np.array(spread.shape[1:]) - 1)).all(axis=1)
    ]  # what the mesh reaches
    for axis, spacing in enumerate(box.spacing_zyx_mm):
        for side in (-1, 1):
            places = inner.copy()
            places[:, axis] += side
            np.add.at(spread[axis], tuple(places.T), side / (2 * spacing * len(places)))
    return gathered(whole, spread) * grid.free()
