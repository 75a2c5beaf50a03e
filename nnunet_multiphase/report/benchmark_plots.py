"""Draw a benchmark's plots as small SVGs that a page's style colours, wide enough for a telephone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nnunet_multiphase.html.templates import render

WIDTH = 360
EDGE = 8
ROW, NAME = 44, 12
AXIS = 30
DOT, STEP, MOST_STEPS = 2.4, 4.0, 3
"""Radius of a case's dot; dots that would lie upon each other move up or down so many steps."""


@dataclass(frozen=True)
class StripRow:
    """Hold one row of a strip plot.

    Attributes:
        name: Whose row it is.
        points: A dot each; nan is left out.
        value, low, high: A mark and its interval; nan is left out.
        kind: "better", "worse" or "": its colour.
        said: What stands at the row's right end.
    """

    name: str
    points: Sequence[float]
    value: float
    low: float
    high: float
    kind: str
    said: str


@dataclass(frozen=True)
class _DrawnRow:
    """Hold where a row's parts lie; `mark` is a path."""

    name: str
    kind: str
    said: str
    top: float
    middle: float
    dots: Sequence[tuple[float, float]]
    interval: tuple[float, float] | None
    mark: str


@dataclass(frozen=True)
class PlanePoint:
    """Hold a point of a plane with the interval of its y; `name` is short."""

    name: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class _DrawnPoint:
    name: str
    x: float
    y: float
    interval: tuple[float, float] | None
    name_x: float
    name_y: float


@dataclass(frozen=True)
class Plot:
    """Hold a plot with its title, and what is said of it in small letters."""

    title: str
    drawn: Markup
    note: str = ""


def plots(figures: Sequence[Plot], *, small: bool = False) -> Markup:
    """Lay out plots beside each other, as many as there is room for."""
    return render("report/plots.html", figures=figures, kind="plots small" if small else "plots")


def strip_plot(
    rows: Sequence[StripRow],
    *,
    label: str,
    zero: bool = True,
    ends: tuple[str, str] = ("", ""),
    limits: tuple[float, float] | None = None,
) -> Markup:
    """Draw rows of dots with a mark and its interval each, upon one axis.

    Args:
        rows: From top to bottom.
        label: What is read aloud instead.
        zero: Whether 0 is a line of its own.
        ends: What stands at the axis' left and right end.
        limits: Of the axis; None: as the rows need it.
    """
    shown = [v for row in rows for v in (*row.points, row.value, row.low, row.high) if math.isfinite(v)]
    if limits is None:
        low, high = min([*shown, 0.0]), max([*shown, 0.0])
        margin = 0.03 * (high - low) or 1.0
        limits = (low - margin, high + margin)
    across = _scale(limits, (EDGE, WIDTH - EDGE))
    bottom = ROW * len(rows)
    ticks = _ticks(*limits)
    lines = [("grid", _across_rows(across(v), len(rows))) for v in ticks if v != 0 or not zero]
    if zero:
        lines.append(("zero", _across_rows(across(0.0), len(rows))))
    return render(
        "report/strip_plot.svg",
        width=WIDTH,
        height=bottom + AXIS + (14 if any(ends) else 0),
        bottom=bottom,
        label=label,
        lines=lines,
        ticks=[(across(v), _short(v)) for v in ticks],
        rows=[_drawn_row(number, row, across) for number, row in enumerate(rows)],
        dot=DOT,
        ends=ends,
    )


def _drawn_row(number: int, row: StripRow, across: Callable[[float], float]) -> _DrawnRow:
    top = ROW * number + NAME
    middle = top + (ROW - NAME) / 2
    dots = _swarm([across(p) for p in row.points if math.isfinite(p)])
    known = math.isfinite(row.low) and math.isfinite(row.high)
    mark = f"M{across(row.value) - 5:.1f} {middle:.1f}l5 -5l5 5l-5 5Z" if math.isfinite(row.value) else ""
    return _DrawnRow(
        row.name,
        row.kind,
        row.said,
        top,
        middle,
        [(x, middle + step * STEP) for x, step in dots],
        (across(row.low), across(row.high)) if known else None,
        mark,
    )


def plane(points: Sequence[PlanePoint], *, label: str, x_title: str, y_title: str) -> Markup:
    """Draw points with intervals upward and their names beside them.

    Args:
        points: Those whose x or y is nan are left out.
        label: What is read aloud instead.
        x_title, y_title: Of the axes; x is logarithmic where the points lie far apart.
    """
    shown = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y) and p.x > 0]
    if not shown:
        return Markup()
    left, top, bottom = 40, 18, 226
    ys = [v for p in shown for v in (p.y, p.low, p.high) if math.isfinite(v)]
    room = 0.06 * (max(ys) - min(ys)) or 0.05
    y_limits = (min(ys) - room, max(ys) + room)
    up = _scale(y_limits, (bottom, top))
    place, x_ticks = _placed([p.x for p in shown], (left, WIDTH - EDGE))
    taken: list[tuple[float, float]] = [(x, up(p.y)) for x, p in zip(place, shown, strict=True)]
    drawn = []
    for x, point in zip(place, shown, strict=True):
        known = math.isfinite(point.low) and math.isfinite(point.high)
        interval = (up(point.low), up(point.high)) if known else None
        taken.append(_free(x, up(point.y), taken))
        drawn.append(_DrawnPoint(point.name, x, up(point.y), interval, *taken[-1]))
    return render(
        "report/plane.svg",
        width=WIDTH,
        left=left,
        right=WIDTH - EDGE,
        top=top,
        bottom=bottom,
        label=label,
        x_title=x_title,
        y_title=y_title,
        x_ticks=x_ticks,
        y_ticks=[(up(v), _short(v)) for v in _ticks(*y_limits)],
        points=drawn,
    )


def _placed(xs: Sequence[float], pixels: tuple[float, float]) -> tuple[list[float], list[tuple[float, str]]]:
    """Place numbers and ticks on an axis, a logarithmic one where the numbers lie far apart."""
    if max(xs) / min(xs) > 5:
        limits = (math.log10(min(xs) / 1.4), math.log10(max(xs) * 1.4))
        across = _scale(limits, pixels)
        ticks = _decades(10 ** limits[0], 10 ** limits[1])
        return [across(math.log10(x)) for x in xs], [(across(math.log10(v)), _short(v)) for v in ticks]
    high = 1.08 * max(xs)
    across = _scale((0.0, high), pixels)
    return [across(x) for x in xs], [(across(v), _short(v)) for v in _ticks(0.0, high)]


def loss_curves(
    training: Sequence[Sequence[float]], validation: Sequence[Sequence[float]], *, label: str
) -> Markup:
    """Draw losses over the epochs, a dashed line a training and a full one its validation."""
    values = [v for line in (*training, *validation) for v in line if math.isfinite(v)]
    if not values:
        return Markup()
    width, left, top, bottom = 220, 36, 6, 104
    room = 0.05 * (max(values) - min(values)) or 0.05
    limits = (min(values) - room, max(values) + room)
    epochs = max(len(line) for line in (*training, *validation))
    up = _scale(limits, (bottom, top))
    across = _scale((1.0, max(2.0, float(epochs))), (left, width - EDGE))

    def points(line: Sequence[float]) -> str:
        return " ".join(f"{across(i):.1f},{up(v):.1f}" for i, v in enumerate(line, 1) if math.isfinite(v))

    kinds = (("training", training), ("validation", validation))
    return render(
        "report/loss_curves.svg",
        width=width,
        left=left,
        right=width - EDGE,
        bottom=bottom,
        label=label,
        ticks=[(up(v), _short(v)) for v in _ticks(*limits, most=4)],
        epochs=epochs,
        lines=[(kind, points(line)) for kind, lines in kinds for line in lines],
    )


def _scale(limits: tuple[float, float], pixels: tuple[float, float]) -> Callable[[float], float]:
    low, high = limits
    first, last = pixels
    return lambda value: first + (value - low) / (high - low) * (last - first)


def _across_rows(x: float, rows: int) -> str:
    """Give the path of a line of the axis, through the rows' dots but not through the words above them."""
    tops = [ROW * row + NAME + 4 for row in range(rows)]
    return "".join(f"M{x:.1f} {top}V{top + ROW - NAME - 4}" for top in tops)


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose round numbers between two."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in (1, 2, 5, 10) if power * s >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Choose round numbers between two, on a logarithmic axis."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    return [v for v in found if low <= v <= high]


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "\u2212")


def _swarm(xs: Sequence[float]) -> list[tuple[float, int]]:
    """Give each dot a number of steps up or down at which it lies upon no other, as far as there is room."""
    steps = [0, *(s for i in range(1, MOST_STEPS + 1) for s in (-i, i))]
    last: dict[int, float] = {}
    placed = []
    for i, x in enumerate(sorted(xs)):
        free = [s for s in steps if x - last.get(s, -math.inf) >= 2 * DOT]
        step = free[0] if free else steps[i % len(steps)]
        last[step] = x
        placed.append((x, step))
    return placed


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Find the place beside a point that is farthest from all that is taken."""
    places = [(x + dx, y + dy) for dx, dy in ((13, 0), (-13, 0), (11, -11), (-11, -11), (11, 11), (-11, 11))]
    inside = [p for p in places if 40 < p[0] < WIDTH - EDGE]

    def room(place: tuple[float, float]) -> float:
        others = [t for t in taken if t != (x, y)]
        return min([14.0, *(math.dist(place, other) for other in others)])

    return max(inside or places, key=room)
