"""Lay out a patient's lesions: each one's key slice on every phase, its enhancement and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from markupsafe import Markup

from nnunet_multiphase.html.page import Table, data_uri
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.measurement.ends import named_ends
from nnunet_multiphase.measurement.record import Attenuation, LesionMeasures
from nnunet_multiphase.phases import PHASE_TITLES
from nnunet_multiphase.report.enhancement_curve import enhancement_curve
from nnunet_multiphase.report.slices import Box2, outlines, path_of, picture

MOST_CARDS = 20
"""Lesions with pictures: a model that finds hundreds of specks shall not make a page of 100 MB."""
AROUND_MM = 30.0
LEAST_MM = 110.0
LENGTHS_SHARE = 0.17
"""Of a picture's width: how far down the two lengths reach, with letters as large as in print."""
QUALITY = 75
BESIDE = "\u00a0/\u00a0"  # no line ends there
TABLE = (
    "HU: mean in the lesion / in the liver within 10 mm around it. Depth: from the lesion to the liver's surface. "
    "-: not measured."
)

CUT_OFF = "Cut off: volume and diameters are lower bounds."


def key_slice(lesion: LesionMeasures, grid: sitk.Image) -> int:
    """Give the slice of a grid that holds a lesion's longest axial diameter."""
    index = grid.TransformPhysicalPointToContinuousIndex(lesion.axial.ends_mm[0])
    return int(np.clip(round(index[2]), 0, grid.GetSize()[2] - 1))


def lesion_card(
    lesion: LesionMeasures,
    volumes: Mapping[str, np.ndarray],
    numbers: np.ndarray,
    grid: sitk.Image,
    *,
    first_slice: int,
    captions: Mapping[str, str],
) -> Markup:
    """Write a lesion's pictures and numbers.

    Args:
        lesion: What was measured.
        volumes: phase -> HU (z, y, x) on the grid.
        numbers: (z, y, x) lesions by number, on the grid.
        grid: Where in space.
        first_slice: Number that the grid's first slice has in the reference volume.
        captions: phase -> what it is called, text or Markup.
    """
    z = key_slice(lesion, grid)
    box = _frame(lesion, numbers[z], grid)
    figures = [
        {
            "drawn": _drawn(lesion, phase, hu[z], numbers[z], box, grid),
            "caption": captions[phase],
            "mean": _mean(lesion.lesion.get(phase)),
        }
        for phase, hu in volumes.items()
    ]
    return render(
        "report/lesion_card.html",
        number=lesion.id,
        axial=f"{lesion.axial.mm:.1f}",
        perpendicular=f"{lesion.perpendicular.mm:.1f}",
        slice=first_slice + z,
        height=f"{sum(end[2] for end in lesion.axial.ends_mm) / 2:.1f}",
        cut_off=named_ends(lesion.cut_off),
        figures=figures,
        curve=enhancement_curve(lesion, list(volumes)),
        measured=_measured(lesion),
    )


def lesion_table(lesions: Sequence[LesionMeasures], phases: Sequence[str]) -> Table:
    """Write a row a lesion."""
    header = ["lesion", "ml", "axial mm", "across mm", "3-D mm"]
    header += [f"{phase} HU" for phase in phases]
    header += ["hyper-enhancement", "washout", "side", "depth mm", "confidence"]
    some_cut = any(lesion.cut_off for lesion in lesions)
    header += ["cut off by"] if some_cut else []
    rows = [
        [
            str(lesion.id),
            f"{lesion.volume_ml:.2f}",
            *(f"{d.mm:.1f}" for d in (lesion.axial, lesion.perpendicular, lesion.diameter_3d)),
            *(_beside(lesion.lesion.get(phase), lesion.ring.get(phase)) for phase in phases),
            _yes(lesion.arterial_hyperenhancement),
            _yes(lesion.washout),
            lesion.side or "-",
            _or_dash(lesion.surface_distance_mm, 0),
            _or_dash(lesion.confidence, 2),
            *([named_ends(lesion.cut_off) or "-"] if some_cut else []),
        ]
        for lesion in lesions
    ]
    return Table(header, rows, f"{TABLE} {CUT_OFF}" if some_cut else TABLE)


def _frame(lesion: LesionMeasures, plane: np.ndarray, grid: sitk.Image) -> Box2:
    """Frame a lesion in its slice by a square in mm, cut where the slice ends."""
    rows, columns = np.nonzero(plane == lesion.id)
    spacing = grid.GetSpacing()
    middle = [
        (int(v.min()) + int(v.max())) / 2 if len(v) else n / 2
        for v, n in zip((columns, rows), plane.shape[::-1], strict=True)
    ]
    side_mm = max(LEAST_MM, lesion.axial.mm + 2 * AROUND_MM)
    index, size = [], []
    for centre, step, voxels in zip(middle, spacing[:2], plane.shape[::-1], strict=True):
        count = min(voxels, round(side_mm / step))
        index.append(int(np.clip(round(centre - count / 2), 0, voxels - count)))
        size.append(count)
    return index[0], index[1], size[0], size[1]


def _drawn(
    lesion: LesionMeasures, phase: str, plane_hu: np.ndarray, plane: np.ndarray, box: Box2, grid: sitk.Image
) -> Markup:
    """Draw a slice with outlines and the two diameters, in mm from the frame's corner (SVG)."""
    x, y, width, height = box
    spacing = grid.GetSpacing()
    title = PHASE_TITLES.get(phase, phase)
    return render(
        "report/lesion_slice.svg",
        wide=width * spacing[0],
        high=height * spacing[1],
        label=f"lesion {lesion.id} outlined on the {title} phase, {lesion.axial.mm:.1f} mm long and "
        f"{lesion.perpendicular.mm:.1f} mm across",
        source=data_uri(picture(plane_hu[y : y + height, x : x + width], spacing, QUALITY)),
        outlines=[
            ("outline" if line.lesion == lesion.id else "other", path_of(line, box, spacing))
            for line in outlines(plane)
        ],
        diameters=_diameters(lesion, box, grid),
    )


@dataclass(frozen=True)
class _Line:
    """Hold a diameter's ends and where its length is written, in mm from the frame's corner; `dy` is in letters."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float
    text_x: float
    text_y: float
    dy: float
    mm: float


def _diameters(lesion: LesionMeasures, box: Box2, grid: sitk.Image) -> list[_Line]:
    """Place both diameters where they were taken, and their lengths in a corner: beside a lesion they may leave the picture.

    It is the upper left corner, and the lower left one where the lesion reaches that far up.
    """
    spacing = grid.GetSpacing()
    wide, high = box[2] * spacing[0], box[3] * spacing[1]
    drawn = {"axial": lesion.axial, "perpendicular": lesion.perpendicular}
    ends = {}
    for kind, diameter in drawn.items():
        indices = [grid.TransformPhysicalPointToContinuousIndex(end)[:2] for end in diameter.ends_mm]
        ends[kind] = [((i + 0.5 - box[0]) * spacing[0], (j + 0.5 - box[1]) * spacing[1]) for i, j in indices]
    up = min(y for both in ends.values() for _, y in both) < LENGTHS_SHARE * wide
    lines = []
    for row, (kind, ((x1, y1), (x2, y2))) in enumerate(ends.items()):
        dy = 1.2 * (row - 1) - 0.8 if up else 1.2 * row + 0.8
        lines.append(_Line(kind, x1, y1, x2, y2, 0.02 * wide, high if up else 0, dy, drawn[kind].mm))
    return lines


def _measured(lesion: LesionMeasures) -> list[tuple[str, str]]:
    """List what was measured, each with what it is called; what was not is left out."""
    found: list[tuple[str, str | None]] = [
        ("volume", f"{lesion.volume_ml:.2f} ml"),
        ("longest axial diameter", f"{lesion.axial.mm:.1f} mm"),
        ("perpendicular to it", f"{lesion.perpendicular.mm:.1f} mm"),
        ("longest in space", f"{lesion.diameter_3d.mm:.1f} mm"),
        ("side of the liver", lesion.side),
        ("to the liver's surface", _with(lesion.surface_distance_mm, 0, "mm")),
        ("arterial hyperenhancement", _told(lesion.arterial_hyperenhancement)),
        ("washout", _told(lesion.washout)),
        ("absolute washout", _with(lesion.absolute_washout_percent, 0, "%")),
        ("relative washout", _with(lesion.relative_washout_percent, 0, "%")),
        ("mean probability of lesion", _with(lesion.confidence, 2, "")),
        *((name, _with(value, 2, "")) for name, value in lesion.added.items()),
    ]
    return [(name, value) for name, value in found if value is not None]


def _mean(region: Attenuation | None) -> str:
    return "not measured" if region is None else f"{region.mean_hu:.0f} ± {region.sd_hu:.0f} HU"


def _beside(lesion: Attenuation | None, around: Attenuation | None) -> str:
    return "-" if lesion is None and around is None else f"{_hu(lesion)}{BESIDE}{_hu(around)}"


def _hu(region: Attenuation | None) -> str:
    return "-" if region is None else f"{region.mean_hu:.0f}"


def _yes(holds: bool | None) -> str:
    return _told(holds) or "-"


def _told(holds: bool | None) -> str | None:
    return None if holds is None else "yes" if holds else "no"


def _or_dash(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _with(value: float | None, digits: int, unit: str) -> str | None:
    return None if value is None else f"{value:.{digits}f} {unit}".strip()
