"""Lay out a viewer that pages through the slices of all phases at once, from a file and without a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape

from nnunet_multiphase.phases import PHASE_TITLES

HOW = (
    "All phases on the reference phase's grid, from feet to head, lesions outlined; the patient's right is on the left. "
    "Use the slider, the arrow keys, Page Up and Down, Home and End, or the mouse wheel over the pictures."
)


def slice_viewer(
    pictures: Mapping[str, Sequence[bytes]],
    outlines: Sequence[Sequence[tuple[int, str]]],
    names: Sequence[str],
    jumps: Mapping[int, int],
    size_mm: tuple[float, float],
    captions: Mapping[str, str],
) -> str:
    """Write the viewer and what it shows (HTML); slice_viewer.js brings it to life, and without it stays hidden.

    Args:
        pictures: phase -> JPEG of each slice, from feet to head.
        outlines: For each slice, number and SVG path of each lesion in it, in mm from the pictures' corner.
        names: Of each slice.
        jumps: lesion -> place of its key slice among the slices.
        size_mm: Width and height of the pictures.
        captions: phase -> what it is called (HTML).
    """
    wide, high = size_mm
    figures = "".join(
        f'<figure><svg viewBox="0 0 {wide:.1f} {high:.1f}" style="--wide:{wide:.1f}px" role="img" '
        f'data-phase="{escape(phase, quote=True)}" aria-label="{escape(PHASE_TITLES.get(phase, phase), quote=True)} phase">'
        f'<image width="{wide:.1f}" height="{high:.1f}" preserveAspectRatio="none"/><g class="outlines"></g></svg>'
        f"<figcaption>{captions[phase]}</figcaption></figure>"
        for phase in pictures
    )
    buttons = "".join(
        f'<button type="button" data-jump="{lesion}">lesion {lesion}</button> ' for lesion in jumps
    )
    start = next(iter(jumps.values()), len(names) // 2)
    shown = {
        "pictures": {
            phase: [base64.b64encode(jpeg).decode("ascii") for jpeg in jpegs]
            for phase, jpegs in pictures.items()
        },
        "outlines": outlines,
        "names": names,
        "jumps": jumps,
    }
    content = json.dumps(shown, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f"<p>{HOW}</p>"
        "<noscript><p>This needs JavaScript, which is off or not allowed here.</p></noscript>"
        '<div id="viewer" hidden tabindex="0" role="group" aria-label="slices of all phases">'
        f'<div class="jumps">{buttons}</div>'
        '<div class="control"><input type="range" min="0" step="1" '
        f'max="{len(names) - 1}" value="{start}" aria-label="slice"> <output></output> '
        '<label><input type="checkbox" checked> outlines</label></div>'
        f'<div class="phases">{figures}</div></div>'
        f'<script type="application/json" id="slices">{content}</script>'
    )
