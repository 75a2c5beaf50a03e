"""Draw how a lesion and the liver around it enhance over the phases, as a small SVG for a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nnunet_multiphase.html.templates import render
from nnunet_multiphase.measurement.record import Attenuation, LesionMeasures
from nnunet_multiphase.phases import PHASE_TITLES

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 26, 28
KEY_Y = 10
LEAST_HU = 40.0
"""Extent of the axis: noise of a few HU shall not look like enhancement."""


def enhancement_curve(lesion: LesionMeasures, phases: Sequence[str]) -> Markup:
    """Draw mean and SD of a lesion and of the liver around it (SVG); nothing where neither was measured.

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
        return Markup()
    middle, half = (max(ends) + min(ends)) / 2, max(max(ends) - min(ends), LEAST_HU) / 2
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 20000) if 2 * half / s <= 5)
    low, high = math.floor((middle - half) / step) * step, math.ceil((middle + half) / step) * step

    def across(number: int) -> float:
        return LEFT + (number + 0.5) * (WIDTH - LEFT - RIGHT) / len(phases)

    def up(hu: float) -> float:
        return TOP + (high - hu) / (high - low) * (HEIGHT - TOP - BOTTOM)

    said = f"Attenuation of lesion {lesion.id} and of the liver around it: {_said(lesion, phases)}"
    return render(
        "report/enhancement_curve.svg",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        label=said,
        ticks=[{"hu": _whole(hu), "y": up(hu)} for hu in range(low, high + 1, step)],
        phases=[(phase, across(i)) for i, phase in enumerate(phases)],
        curves=[
            _curve(kind, [regions.get(p) for p in phases], across, up, offset)
            for offset, (kind, regions) in zip((-3, 3), shown, strict=True)
        ],
        lesion_marker=_marker("lesion", LEFT + 6, KEY_Y),
        around_marker=_marker("around", LEFT + 76, KEY_Y),
    )


@dataclass(frozen=True)
class _Bar:
    x: float
    top: float
    bottom: float
    marker: Markup


@dataclass(frozen=True)
class _Curve:
    kind: str
    lines: Sequence[str]
    bars: Sequence[_Bar]


def _curve(
    kind: str,
    regions: Sequence[Attenuation | None],
    across: Callable[[int], float],
    up: Callable[[float], float],
    offset: float,
) -> _Curve:
    """Place one line with a bar of 1 SD at each point; where a phase is lacking the line has a gap."""
    bars: list[_Bar] = []
    lines: list[str] = []
    run: list[str] = []
    for number, region in enumerate((*regions, None)):
        if region is None:
            lines += [" ".join(run)] if len(run) > 1 else []
            run = []
            continue
        x = across(number) + offset
        y, top, bottom = (up(region.mean_hu + sign * region.sd_hu) for sign in (0, 1, -1))
        run.append(f"{x:.1f},{y:.1f}")
        bars.append(_Bar(x, top, bottom, _marker(kind, x, y)))
    return _Curve(kind, lines, bars)


def _marker(kind: str, x: float, y: float) -> Markup:
    if kind == "lesion":
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, y)
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="7" height="7"/>').format(x - 3.5, y - 3.5)


def _said(lesion: LesionMeasures, phases: Sequence[str]) -> str:
    def told(regions: Mapping[str, Attenuation], phase: str) -> str:
        return f"{_whole(regions[phase].mean_hu)} HU" if phase in regions else "not known"

    return "; ".join(
        f"{PHASE_TITLES.get(p, p)} {told(lesion.lesion, p)} and {told(lesion.ring, p)}" for p in phases
    )


def _whole(hu: float) -> str:
    return str(round(hu))
