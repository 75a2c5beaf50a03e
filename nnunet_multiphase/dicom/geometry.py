"""Step 3: sort a volume's slices along their normal and lay them out as a grid, or say why they are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnunet_multiphase.dicom.header import Slice

MIN_SLICES = 8
"""Fewer are a bolus-timing run or a key image, not a phase of a liver."""

TOO_FEW = "too few slices"

TILT = "gantry tilt"

CHANGING = "the spacing changes"

SAME_POSITION_MM = 0.05
"""Slices closer along the normal lie at one position: thinner slices than this are not made."""

STEP_TOLERANCE = 0.1
"""How far, in steps, a slice may lie from its place on the grid."""

ROUNDING_MM = 0.11
"""How far it may lie in any case: positions are often written to 0.1 mm, the first's and last's too."""

ORIENTATION_TOLERANCE = 1e-3

MIN_RUN = 3
"""So many equal steps are a spacing of their own; fewer are gaps."""

MOST_SPACINGS = 3

PIXEL_MM = (0.05, 50.0)
"""Smaller or larger pixels are another unit's, or a lost number; setup's own bounds are narrower, and may be lifted."""

FARTHEST_MM = 100_000.0
"""Beyond it NIfTI's single precision places no voxel to a hundredth of a millimetre."""

_SQUARE = 1e-6  # less off the right angle, axes are as exact as the decimals of a header
_TURN = 0.3  # steps that differ by more take turns, and such changes in more of the steps are no accident
_WIDEST_TO_NARROWEST = (
    2.0  # two even rows of slices, one between the other's, give such steps; a table that slips does not
)
_MOST_THERE = 0.6


@dataclass(frozen=True)
class Grid:
    """Sorted slices and where their voxels lie, in DICOM's and SimpleITK's frame (LPS, mm)."""

    slices: tuple[Slice, ...]
    origin: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]  # x, y, z
    direction: tuple[float, ...]  # 3 x 3, row by row, as SimpleITK wants it
    size: tuple[int, int, int] | None = None  # x, y, z, where it is not that of the slices (see regrid.py)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The volume's voxels: z, y, x."""
        if self.size is not None:
            return self.size[::-1]
        return len(self.slices), self.slices[0].rows, self.slices[0].columns


def normal(orientation: Sequence[float]) -> np.ndarray:
    """Return the unit vector across a slice: row direction x column direction."""
    across = np.cross(orientation[:3], orientation[3:])
    return np.asarray(across / (np.linalg.norm(across) or 1.0))


def heights_mm(slices: Sequence[Slice]) -> np.ndarray:
    """Return each slice's position along the first one's normal; (n,) mm."""
    across = normal(slices[0].orientation or (1, 0, 0, 0, 1, 0))
    return np.array([np.dot(part.position or (0, 0, 0), across) for part in slices])


def shape_problem(slices: Sequence[Slice]) -> str:
    """Say why slices cannot even be compared by position; empty if they can."""
    if lost := _lost_places(slices):
        return lost
    orientations = np.array([part.orientation for part in slices])
    if np.abs(orientations - orientations[0]).max() > ORIENTATION_TOLERANCE:
        return "mixed orientations in one series"
    row, column = orientations[0][:3], orientations[0][3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if (
        abs(row @ column) > ORIENTATION_TOLERANCE
        or np.abs(np.subtract(lengths, 1)).max() > ORIENTATION_TOLERANCE
    ):
        return "rows and columns are not at right angles"
    spacings = np.array([part.pixel_spacing for part in slices])
    if spacings.min() < PIXEL_MM[0] or spacings.max() > PIXEL_MM[1]:
        low, high = (
            " x ".join(f"{mm:g}" for mm in spacings[row])
            for row in (spacings.min(axis=1).argmin(), spacings.max(axis=1).argmax())
        )
        return f"pixels of {low if spacings.min() < PIXEL_MM[0] else high} mm, as no scanner makes"
    if np.abs(np.array([part.position for part in slices], float)).max() > FARTHEST_MM:
        return "slices more than 100 m from the scanner's centre: their positions are lost"
    return ""


def _lost_places(slices: Sequence[Slice]) -> str:
    """Say which of position, orientation and pixel spacing slices lack, and why, where the headers tell."""
    lacking = [
        name
        for name, values in (
            ("position", [part.position for part in slices]),
            ("orientation", [part.orientation for part in slices]),
            ("pixel spacing", [part.pixel_spacing for part in slices]),
        )
        if None in values
    ]
    if not lacking:
        return ""
    why = dict.fromkeys(fault for part in slices for fault in part.lost_place)
    remedy = f" ({', '.join(why)}): repair the tag, or export the series again" if why else ""
    return f"slices without {' and '.join(lacking)}{remedy}"


def lay_out(slices: Sequence[Slice], *, min_slices: int = MIN_SLICES) -> tuple[Grid | None, list[str]]:
    """Sort slices and find the grid they make.

    Args:
        slices: Of one volume, in any order.
        min_slices: Fewer make no volume.

    Returns:
        The grid and no problem, or None and what is wrong, one short phrase each.
    """
    if problem := shape_problem(slices):
        return None, [problem]
    problems: list[str] = []
    if len({(part.rows, part.columns) for part in slices}) > 1:
        problems.append("slices of different size (rows x columns)")
    spacings = np.array([part.pixel_spacing for part in slices])
    if np.abs(spacings - spacings[0]).max() > 1e-3 * spacings[0].min():
        problems.append("slices of different pixel spacing")
    heights = heights_mm(slices)
    order = np.argsort(heights, kind="stable")
    ordered = tuple(slices[i] for i in order)
    steps = np.diff(heights[order])
    if len(steps) + 1 - int((steps < SAME_POSITION_MM).sum()) < min_slices:
        found = len(steps) + 1 - int((steps < SAME_POSITION_MM).sum())
        return None, [*problems, f"{TOO_FEW}: {found} positions, expected at least {min_slices}"]
    if (steps < SAME_POSITION_MM).any():
        return None, [*problems, _one_position(ordered, steps < SAME_POSITION_MM)]
    problems += [
        _half_steps(problem, ordered) if problem.startswith(CHANGING) else problem
        for problem in _step_problems(steps)
    ]
    positions = np.array([part.position for part in ordered])
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    across = normal(ordered[0].orientation or ())
    pixel = float(spacings[0].min())
    along = float(step @ across)
    sideways = positions - positions[0] - np.outer(np.arange(len(positions)), step)
    sideways -= np.outer(sideways @ across, across)
    drift = float(np.linalg.norm(step - along * across))
    if np.linalg.norm(sideways, axis=1).max() > pixel:
        problems.append("slices are shifted sideways against each other")
    elif drift * (len(positions) - 1) > pixel:
        tilt = np.degrees(np.arctan2(drift, along))
        problems.append(f"{TILT}: slices step {tilt:.1f} degrees off their normal")
    if problems:
        return None, problems
    row, column = np.array(ordered[0].orientation).reshape(2, 3)
    return (
        Grid(
            slices=ordered,
            origin=(float(positions[0][0]), float(positions[0][1]), float(positions[0][2])),
            # DICOM gives the distance between rows (y) first.
            spacing_mm=(float(spacings[0][1]), float(spacings[0][0]), along),
            direction=tuple(float(v) for v in _square(np.stack([row, column, across], axis=1)).ravel()),
        ),
        [],
    )


def _one_position(ordered: Sequence[Slice], same: np.ndarray) -> str:
    """Say why slices lie at one position, and what helps; `same`, (n - 1,) bool: one lies where the one before does."""
    doubled = [(a, b) for a, b, here in zip(ordered, ordered[1:], same, strict=False) if here]
    if len({part.uid for part in ordered}) > 1 and all(
        a.uid and (a.uid, a.frame) == (b.uid, b.frame) for a, b in doubled
    ):
        return (
            "several slices at one position under one SOPInstanceUID, with different pixels: a mask that was stored under "
            "the headers of the images, which is to be left out of the tree (masks go in as DICOM SEG or RTSTRUCT), or "
            "phases that were given the same UIDs, which are to be exported as series of their own"
        )
    return "several slices at one position that nothing tells apart: export each phase as a series of its own"


def _square(direction: np.ndarray) -> np.ndarray:
    """Turn axes that are a little off the right angle to the nearest ones that are not, as a NIfTI file keeps them."""
    if np.abs(direction.T @ direction - np.eye(3)).max() < _SQUARE:
        return direction
    left, _, right = np.linalg.svd(direction)
    return np.asarray(left @ right)


def _step_problems(steps: np.ndarray) -> list[str]:
    usual = float(np.median(steps))
    if change := _change_of_step(steps):
        return [change]
    wide = steps[steps > 1.5 * usual]
    if len(wide):
        missing = int(np.round(wide / usual - 1).sum())
        return [f"missing slices: about {missing} in {len(wide)} gap{'s' * (len(wide) > 1)}"]
    even = steps.sum() / len(steps) * np.arange(len(steps) + 1)
    away = np.abs(np.concatenate([[0], np.cumsum(steps)]) - even).max()
    if away > max(STEP_TOLERANCE * usual, ROUNDING_MM):
        return [f"slices are not evenly spaced: {steps.min():.2f} to {steps.max():.2f} mm"]
    return []


def _change_of_step(steps: np.ndarray) -> str:
    """Say how the spacing changes along the volume, if it does so a few times at most or at every step."""
    runs: list[list[float]] = [[float(steps[0])]]
    for step in steps[1:]:
        if abs(step - np.mean(runs[-1])) > max(STEP_TOLERANCE * step, ROUNDING_MM):
            runs.append([])
        runs[-1].append(float(step))
    if 1 < len(runs) <= MOST_SPACINGS and min(map(len, runs)) >= MIN_RUN:
        return f"{CHANGING} from {' to '.join(f'{round(np.mean(run), 2):g}' for run in runs)} mm"
    low, high = round(float(steps.min()), 2), round(float(steps.max()), 2)
    two = len(runs) == len(steps) and max(np.ptp(steps[::2]), np.ptp(steps[1::2])) <= ROUNDING_MM
    changes = np.abs(np.diff(steps)) > _TURN * np.minimum(steps[1:], steps[:-1])
    mixed = high >= _WIDEST_TO_NARROWEST * low and changes.sum() >= max(4, _TURN * len(steps))
    if two or (mixed and not _lost_slices(steps)):
        which = f"{low:g} and {high:g}" if two else f"{low:g} to {high:g}"
        return f"steps of {which} mm take turns: two acquisitions interleaved, which nothing tells apart"
    return ""


def _lost_slices(steps: np.ndarray) -> bool:
    """Say whether gaps are whole numbers of steps, and few enough to be lost slices."""
    multiples = np.round(steps / steps.min())
    whole = np.abs(steps / steps.min() - multiples).max() < STEP_TOLERANCE
    return bool(whole and len(steps) > _MOST_THERE * multiples.sum())


def _half_steps(change: str, ordered: Sequence[Slice]) -> str:
    """Doubt a change to half the spacing where all slices are as thick as the wider one: those between may be another's."""
    spacings = [float(word) for word in change.split() if word[0].isdigit()]
    halves = all(abs(max(a, b) - 2 * min(a, b)) < ROUNDING_MM for a, b in pairwise(spacings))
    widest = max(spacings)
    if not halves or any(abs((part.thickness_mm or 0) - widest) > 0.1 * widest for part in ordered):
        return change
    return f"perhaps two acquisitions interleaved: {change}, the slices' thickness does not"
