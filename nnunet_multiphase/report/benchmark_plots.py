"""Draw a benchmark's plots as small SVGs that a page's style colours, wide enough for a telephone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

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
class PlanePoint:
    """Hold a point of a plane with the interval of its y; `name` is short."""

    name: str
    x: float
    y: float
    low: float
    high: float


def strip_plot(
    rows: Sequence[StripRow],
    *,
    label: str,
    zero: bool = True,
    ends: tuple[str, str] = ("", ""),
    limits: tuple[float, float] | None = None,
) -> str:
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
    parts = [_axis_across(limits, across, len(rows), zero)]
    for number, row in enumerate(rows):
        top, middle = ROW * number + NAME, ROW * number + NAME + (ROW - NAME) / 2
        dots = "".join(
            f'<circle cx="{x:.1f}" cy="{middle + step * STEP:.1f}" r="{DOT}"/>'
            for x, step in _swarm([across(p) for p in row.points if math.isfinite(p)])
        )
        interval = ""
        if math.isfinite(row.low) and math.isfinite(row.high):
            interval = (
                f'<line class="range" x1="{across(row.low):.1f}" x2="{across(row.high):.1f}" '
                f'y1="{middle:.1f}" y2="{middle:.1f}"/>'
            )
        mark = ""
        if math.isfinite(row.value):
            x = across(row.value)
            mark = f'<path class="mark" d="M{x - 5:.1f} {middle:.1f}l5 -5l5 5l-5 5Z"/>'
        parts.append(
            f'<g class="{row.kind}"><text x="0" y="{top}">{escape(row.name)}</text>'
            f'<text class="said" x="{WIDTH}" y="{top}" text-anchor="end">{escape(row.said)}</text>'
            f'<g class="dots">{dots}</g>{interval}{mark}</g>'
        )
    height = bottom + AXIS
    if any(ends):
        height += 14
        parts.append(
            f'<text class="soft" x="0" y="{height - 4}">{escape(ends[0])}</text>'
            f'<text class="soft" x="{WIDTH}" y="{height - 4}" text-anchor="end">{escape(ends[1])}</text>'
        )
    return _svg(parts, WIDTH, height, label)


def plane(points: Sequence[PlanePoint], *, label: str, x_title: str, y_title: str) -> str:
    """Draw points with intervals upward and their names beside them.

    Args:
        points: Those whose x or y is nan are left out.
        label: What is read aloud instead.
        x_title, y_title: Of the axes; x is logarithmic where the points lie far apart.
    """
    shown = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y) and p.x > 0]
    if not shown:
        return ""
    left, top, bottom = 40, 18, 226
    xs = [p.x for p in shown]
    logarithmic = max(xs) / min(xs) > 5
    ys = [v for p in shown for v in (p.y, p.low, p.high) if math.isfinite(v)]
    room = 0.06 * (max(ys) - min(ys)) or 0.05
    y_limits = (min(ys) - room, max(ys) + room)
    up = _scale(y_limits, (bottom, top))
    if logarithmic:
        x_limits = (math.log10(min(xs) / 1.4), math.log10(max(xs) * 1.4))
        across = _scale(x_limits, (left, WIDTH - EDGE))
        place = [across(math.log10(p.x)) for p in shown]
        ticks = [(across(math.log10(v)), _short(v)) for v in _decades(10 ** x_limits[0], 10 ** x_limits[1])]
    else:
        high = 1.08 * max(xs)
        across = _scale((0.0, high), (left, WIDTH - EDGE))
        place = [across(p.x) for p in shown]
        ticks = [(across(v), _short(v)) for v in _ticks(0.0, high)]
    parts = ['<g class="axis">']
    parts += [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
        f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{said}</text>'
        for x, said in ticks
    ]
    parts += [
        f'<line x1="{left}" x2="{WIDTH - EDGE}" y1="{up(v):.1f}" y2="{up(v):.1f}"/>'
        f'<text x="{left - 6}" y="{up(v) + 4:.1f}" text-anchor="end">{_short(v)}</text>'
        for v in _ticks(*y_limits)
    ]
    parts.append(
        f'<text x="0" y="10">{escape(y_title)}</text>'
        f'<text x="{WIDTH - EDGE}" y="{bottom + 30}" text-anchor="end">{escape(x_title)}</text></g>'
    )
    taken: list[tuple[float, float]] = [(x, up(p.y)) for x, p in zip(place, shown, strict=True)]
    for x, point in zip(place, shown, strict=True):
        y = up(point.y)
        if math.isfinite(point.low) and math.isfinite(point.high):
            parts.append(
                f'<line class="range thin" x1="{x:.1f}" x2="{x:.1f}" y1="{up(point.low):.1f}" y2="{up(point.high):.1f}"/>'
            )
        label_x, label_y = _free(x, y, taken)
        taken.append((label_x, label_y))
        parts.append(
            f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
            f'<text x="{label_x:.1f}" y="{label_y + 4:.1f}" text-anchor="middle">{escape(point.name)}</text>'
        )
    return _svg(parts, WIDTH, bottom + 36, label)


def loss_curves(
    training: Sequence[Sequence[float]], validation: Sequence[Sequence[float]], *, label: str
) -> str:
    """Draw losses over the epochs, a dashed line a training and a full one its validation."""
    values = [v for line in (*training, *validation) for v in line if math.isfinite(v)]
    if not values:
        return ""
    width, left, top, bottom = 220, 36, 6, 104
    room = 0.05 * (max(values) - min(values)) or 0.05
    limits = (min(values) - room, max(values) + room)
    epochs = max(len(line) for line in (*training, *validation))
    up = _scale(limits, (bottom, top))
    across = _scale((1.0, max(2.0, float(epochs))), (left, width - EDGE))
    parts = ['<g class="axis">']
    parts += [
        f'<line x1="{left}" x2="{width - EDGE}" y1="{up(v):.1f}" y2="{up(v):.1f}"/>'
        f'<text x="{left - 5}" y="{up(v) + 4:.1f}" text-anchor="end">{_short(v)}</text>'
        for v in _ticks(*limits, most=4)
    ]
    parts.append(
        f'<text x="{left}" y="{bottom + 15}" text-anchor="middle">1</text>'
        f'<text x="{width - EDGE}" y="{bottom + 15}" text-anchor="end">epoch {epochs}</text></g>'
    )
    for kind, lines in (("training", training), ("validation", validation)):
        for line in lines:
            at = [f"{across(i):.1f},{up(v):.1f}" for i, v in enumerate(line, 1) if math.isfinite(v)]
            parts.append(f'<polyline class="{kind}" points="{" ".join(at)}"/>')
    return _svg(parts, width, bottom + 20, label)


def _svg(parts: Sequence[str], width: float, height: float, label: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


def _scale(limits: tuple[float, float], pixels: tuple[float, float]) -> Callable[[float], float]:
    low, high = limits
    first, last = pixels
    return lambda value: first + (value - low) / (high - low) * (last - first)


def _axis_across(limits: tuple[float, float], across: Callable[[float], float], rows: int, zero: bool) -> str:
    """Draw an axis below rows, its lines through the rows' dots but not through the words above them."""
    tops = [ROW * row + NAME + 4 for row in range(rows)]

    def line(value: float, kind: str) -> str:
        path = "".join(f"M{across(value):.1f} {top}V{top + ROW - NAME - 4}" for top in tops)
        return f'<path class="{kind}" d="{path}"/>'

    ticks = _ticks(*limits)
    lines = "".join(line(v, "grid") for v in ticks if v != 0 or not zero) + (
        line(0.0, "zero") if zero else ""
    )
    words = "".join(
        f'<text x="{across(v):.1f}" y="{ROW * rows + 15}" text-anchor="middle">{_short(v)}</text>'
        for v in ticks
    )
    return f'<g class="axis">{lines}{words}</g>'


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
