"""Judge whether a volume's millimetres can be a body's, and whether its header puts the body the right way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from nnunet_multiphase.cases.plausibility import Finding, Sample

BODY_HU = -400.0
BONE_HU = 250.0
LEAST_SPACING_MM, MOST_SPACING_MM = 0.1, 20.0
UNITS = {"metres": 1000.0, "centimetres": 10.0, "inches": 25.4, "micrometres": 0.001}
UNIT_CODES = {1: ("metre", 1000.0), 3: ("micrometre", 0.001)}
"""NIfTI's code of a unit that is not mm -> its name, and mm."""
PLAUSIBLE_SPACING_MM = (0.3, 12.0)
MATRICES = (512, 768, 1024)
"""Pixels of a slice as scanners make them: with 1 mm each, the field of view would be larger than any is."""
WIDTH_MM, DEPTH_MM, LENGTH_MM = (130.0, 680.0), (90.0, 520.0), (15.0, 2300.0)
"""From infants to the largest that fit into a scanner; along the table at least some slices."""
MANY_SLICES = 12
LEAST_WIDE = 0.75
"""Width by depth; people are wider than deep, and newborns round."""
SPINE_IN_FRONT = -0.12
"""Where the bones' centre lies behind the body's, in depths of the body: +0.2 for a spine, less with contrast in the gut."""
LUNG_BELOW, LUNG_ABOVE = 0.15, 0.125
"""Share of lung in the lowest quarter of a volume that is upside down, and what the uppermost has of that at most."""
CUT_OFF = 0.3
"""Share of a volume's side that is body where the body goes on beyond it; less where it just touches."""
WIDTHS_APART = 1.3
SLICES_APART = 1.6
LEAST_BODY_VOXELS = 2000


@dataclass(frozen=True)
class Body:
    """Hold what is to be known of a body in a volume.

    Attributes:
        width_mm: Median over the slices, right to left; None where a side is cut off.
        depth_mm: The same, front to back.
        middle_mm: Of what is seen of its width, measured from the volume's right side.
        seen_mm: Width of what is seen.
        bones_behind: Centre of the bones behind the body's, in depths; None where few bones or a cut-off body.
        lung_below: Share of lung in the lowest quarter.
        lung_above: The same in the uppermost quarter.
    """

    width_mm: float | None
    depth_mm: float | None
    middle_mm: float
    seen_mm: float
    bones_behind: float | None
    lung_below: float
    lung_above: float


def find_implausible_spacing(sample: Sample, unit_code: int = 0) -> Finding | None:
    """Say why voxels cannot be of the size that the header gives.

    Args:
        sample: Of the volume, in mm as it was read.
        unit_code: What a NIfTI header says its numbers are; one of `UNIT_CODES` says that they were turned into mm.
    """
    spacing, size = sample.full_spacing_mm, sample.full_size
    shown = " x ".join(f"{s:.4g}" for s in spacing)
    if not (np.isfinite(spacing).all() and min(spacing) > 0):
        return Finding(
            "spacing", f"has voxels of {shown} mm: the header gives no size; write it into the header"
        )
    if min(spacing) < LEAST_SPACING_MM or max(spacing) > MOST_SPACING_MM:
        low, high = PLAUSIBLE_SPACING_MM
        said, factor = UNIT_CODES.get(unit_code, ("", 1.0))
        if said and all(low <= s / factor <= high for s in spacing):
            return Finding(
                "spacing",
                f"has voxels of {shown} mm, as no scanner makes: its header's unit code (xyzt_units {unit_code}) says "
                f"{said}, and its numbers seem to be mm; set the code to 2 (mm)",
            )
        unit = next((u for u, mm in UNITS.items() if all(low <= s * mm <= high for s in spacing)), "")
        why = (
            f"the header seems to be in {unit}, or" if unit else "the header seems to be in another unit, or"
        )
        return Finding(
            "spacing",
            f"has voxels of {shown} mm, as no scanner makes: {why} the size is lost; write it into the header in mm",
        )
    if np.allclose(spacing, 1.0, atol=1e-6) and size[0] == size[1] and size[0] in MATRICES:
        return Finding(
            "spacing",
            f"has voxels of 1 x 1 x 1 mm at {size[0]} x {size[1]} pixels, a field of view of {size[0]} mm that scanners do "
            "not have: the size seems to be lost; export it again with its header",
        )
    length = spacing[2] * size[2]
    if length > LENGTH_MM[1] or (length < LENGTH_MM[0] and size[2] >= MANY_SLICES):
        return Finding(
            "spacing",
            f"is {length:.0f} mm long ({size[2]} slices of {spacing[2]:.4g} mm), where {LENGTH_MM[0]:.0f} to "
            f"{LENGTH_MM[1]:.0f} mm are expected; correct the slices' distance in the header",
        )
    return None


def measure_body(sample: Sample) -> Body | None:
    """Measure the largest piece that is no air; None where there is next to nothing."""
    body = sample.hu > BODY_HU
    pieces, count = ndimage.label(body)
    if count == 0:
        return None
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    body = pieces == int(np.argmax(sizes))
    if sizes.max() < LEAST_BODY_VOXELS:
        return None
    _, dy, dx = sample.spacing_mm
    across, middle = _extent(body.any(axis=1))  # (z, x)
    along, _ = _extent(body.any(axis=2))  # (z, y)
    whole_width = max(body[:, :, 0].mean(), body[:, :, -1].mean()) < CUT_OFF
    whole_depth = max(body[:, 0].mean(), body[:, -1].mean()) < CUT_OFF
    bones = np.argwhere(body & (sample.hu > BONE_HU))
    behind = None
    if whole_depth and len(bones) > 0.002 * body.sum():
        behind = float((bones[:, 1].mean() - np.argwhere(body)[:, 1].mean()) / along)
    filled = np.stack([ndimage.binary_fill_holes(part) for part in body])
    lung = filled & (sample.hu > -950) & (sample.hu < -600)
    quarter = max(1, len(body) // 4)
    shares = [
        float(lung[part].sum() / max(1, filled[part].sum()))
        for part in (slice(0, quarter), slice(-quarter, None))
    ]
    return Body(
        across * dx if whole_width else None,
        along * dy if whole_depth else None,
        (middle + 0.5) * dx,
        across * dx,
        behind,
        shares[0],
        shares[1],
    )


def find_implausible_body(sample: Sample, body: Body) -> list[Finding]:
    """Say why a body cannot be of its size, or lie as the header has it."""
    findings = []
    for what, found, (least, most) in (
        ("wide", body.width_mm, WIDTH_MM),
        ("deep", body.depth_mm, DEPTH_MM),
    ):
        if found is not None and not least <= found <= most:
            shown = " x ".join(f"{s:.4g}" for s in sample.full_spacing_mm)
            findings.append(
                Finding(
                    "body-size",
                    f"holds a body {found:.0f} mm {what} where {least:.0f} to {most:.0f} mm are expected: its voxels of "
                    f"{shown} mm seem to be wrong; correct the spacing in the header, or export it again",
                )
            )
            break
    if body.width_mm is not None and body.depth_mm is not None and body.width_mm < LEAST_WIDE * body.depth_mm:
        findings.append(
            Finding(
                "orientation",
                f"holds a body {body.width_mm:.0f} mm wide and {body.depth_mm:.0f} mm deep: its axes seem to be "
                "exchanged; export it again with the header that belongs to it",
            )
        )
    elif body.bones_behind is not None and body.bones_behind < SPINE_IN_FRONT:
        findings.append(
            Finding(
                "orientation",
                "holds a spine in front of the belly: it is mirrored front to back (or right and left with it) against its "
                "header; export it again with the header that belongs to it",
            )
        )
    if body.lung_below > LUNG_BELOW and body.lung_above < LUNG_ABOVE * body.lung_below:
        findings.append(
            Finding(
                "orientation",
                "holds lungs at its lower end and none at its upper: its slices are stored upside down against its header; "
                "export it again with the header that belongs to it",
            )
        )
    return findings[:1]


def find_unlike_phases(samples: Mapping[str, Sample], bodies: Mapping[str, Body | None]) -> Finding | None:
    """Say which phases of one patient cannot both have the right voxel size.

    Args:
        samples: By phase.
        bodies: By phase.

    Returns:
        A finding whose clause names the phases.
    """
    widths = {p: b.width_mm for p, b in bodies.items() if b is not None and b.width_mm is not None}
    if widths:
        thin, wide = (choose(widths, key=lambda p: widths[p]) for choose in (min, max))
        if widths[wide] > WIDTHS_APART * widths[thin]:
            return Finding(
                "body-size",
                f"{thin} holds a body {widths[thin]:.0f} mm wide, and {wide} one {widths[wide]:.0f} mm wide: the voxel size "
                "of one of them is wrong, or they are of two patients; correct the header, or remove one",
            )
    phases = list(samples)
    for n, one in enumerate(phases):
        for other in phases[n + 1 :]:
            a, b = samples[one], samples[other]
            steps = a.full_spacing_mm[2], b.full_spacing_mm[2]
            if a.full_size == b.full_size and max(steps) > SLICES_APART * min(steps):
                return Finding(
                    "spacing",
                    f"{one} and {other} both have {a.full_size[2]} slices, but {steps[0]:.4g} and {steps[1]:.4g} mm apart: "
                    "one header seems to be wrong; correct it",
                )
    return None


def _extent(seen: np.ndarray) -> tuple[float, float]:
    """Measure a projection (z, n): median extent over the slices and its middle, in samples."""
    seen = seen[seen.any(axis=1)]
    first = seen.argmax(axis=1)
    last = seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    return float(np.median(last - first + 1)), float(np.median((first + last) / 2))
