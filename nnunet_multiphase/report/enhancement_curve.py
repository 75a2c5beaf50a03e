"""Draw how a lesion and the liver around it enhance over the phases, as a small SVG for a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from nnunet_multiphase.measurement.record import Attenuation, LesionMeasures
from nnunet_multiphase.phases import PHASE_TITLES

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 26, 28
LEAST_HU = 40.0
"""Extent of the axis: noise of a few HU shall not look like enhancement."""


def enhancement_curve(lesion: LesionMeasures, phases: Sequence[str]) -> str:
    """Draw mean and SD of a lesion and of the liver around it (HTML); nothing where neither was measured.

    Args:
        lesion: What was measured.
        phases: From left to right.
    """
    shown = [("lesion", lesion.lesion), ("around", lesion.ring)]
    ends = [
        region.mean_hu + sign * region.sd_hu
        for _, regions in shown
        for phase, region in regions.items()
        if phase in phases
        for sign in (-1, 1)
    ]
    if not ends:
        return ""
    middle, half = (max(ends) + min(ends)) / 2, max(max(ends) - min(ends), LEAST_HU) / 2
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 20000) if 2 * half / s <= 5)
    low, high = math.floor((middle - half) / step) * step, math.ceil((middle + half) / step) * step

    def across(number: int) -> float:
        return LEFT + (number + 0.5) * (WIDTH - LEFT - RIGHT) / len(phases)

    def up(hu: float) -> float:
        return TOP + (high - hu) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(hu):.1f}" y2="{up(hu):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{up(hu) + 4:.1f}" text-anchor="end">{_whole(hu)}</text>'
        for hu in range(low, high + 1, step)
    ]
    parts += [
        f'<text x="{across(i):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(phase)}</text>'
        for i, phase in enumerate(phases)
    ]
    for offset, (kind, regions) in zip((-3, 3), shown, strict=True):
        parts.append(_curve(kind, [regions.get(p) for p in phases], across, up, offset))
    parts.append(_key())
    said = f"Attenuation of lesion {lesion.id} and of the liver around it: {_said(lesion, phases)}"
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


def _curve(
    kind: str,
    regions: Sequence[Attenuation | None],
    across: Callable[[int], float],
    up: Callable[[float], float],
    offset: float,
) -> str:
    """Draw one line with a bar of 1 SD at each point; where a phase is lacking the line has a gap."""
    bars: list[str] = []
    lines: list[str] = []
    run: list[str] = []
    for number, region in enumerate((*regions, None)):
        if region is None:
            lines += [f'<polyline points="{" ".join(run)}"/>'] if len(run) > 1 else []
            run = []
            continue
        x = across(number) + offset
        y, top, bottom = (up(region.mean_hu + sign * region.sd_hu) for sign in (0, 1, -1))
        run.append(f"{x:.1f},{y:.1f}")
        bars.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>')
        bars.append(_marker(kind, x, y))
    return f'<g class="{kind}">{"".join(lines)}{"".join(bars)}</g>'


def _marker(kind: str, x: float, y: float) -> str:
    if kind == "lesion":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'


def _key() -> str:
    """Say which line is what, in the picture itself: a page in grey print keeps the markers."""
    y = 11
    return (
        f'<g class="lesion">{_marker("lesion", LEFT + 6, y - 1)}</g><text x="{LEFT + 16}" y="{y + 3}">lesion</text>'
        f'<g class="around">{_marker("around", LEFT + 76, y - 1)}</g>'
        f'<text x="{LEFT + 86}" y="{y + 3}">liver around it, bars 1 SD</text>'
        f'<text x="{LEFT - 6}" y="{y + 3}" text-anchor="end">HU</text>'
    )


def _said(lesion: LesionMeasures, phases: Sequence[str]) -> str:
    def told(regions: Mapping[str, Attenuation], phase: str) -> str:
        return f"{_whole(regions[phase].mean_hu)} HU" if phase in regions else "not known"

    return "; ".join(
        f"{PHASE_TITLES.get(p, p)} {told(lesion.lesion, p)} and {told(lesion.ring, p)}" for p in phases
    )


def _whole(hu: float) -> str:
    return str(round(hu))
