"""Lay out a viewer that pages through the slices of all phases at once, from a file and without a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from nnunet_multiphase.html.templates import render
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
) -> Markup:
    """Write the viewer and what it shows; slice_viewer.js brings it to life, and without it stays hidden.

    Args:
        pictures: phase -> JPEG of each slice, from feet to head.
        outlines: For each slice, number and SVG path of each lesion in it, in mm from the pictures' corner.
        names: Of each slice.
        jumps: lesion -> place of its key slice among the slices.
        size_mm: Width and height of the pictures.
        captions: phase -> what it is called, text or Markup.
    """
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
    # What stands in a script element is not HTML and not to be escaped; without "<" nothing in it ends the element.
    content = Markup(json.dumps(shown, separators=(",", ":")).replace("<", "\\u003c"))
    phases = [
        {"name": phase, "title": PHASE_TITLES.get(phase, phase), "caption": captions[phase]}
        for phase in pictures
    ]
    wide, high = size_mm
    return render(
        "report/slice_viewer.html",
        how=HOW,
        jumps=list(jumps),
        last=len(names) - 1,
        start=start,
        phases=phases,
        wide=wide,
        high=high,
        content=content,
    )
