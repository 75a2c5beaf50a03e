"""Judge whether a volume's millimetres can be a body's, and whether its header puts the body the right way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from nnunet_multiphase.cases.plausibility import Finding, Sample
from registration.plausible_spacing import find_implausible_size, lost_header

BODY_HU = -400.0
BONE_HU = 250.0
WIDTH_MM, DEPTH_MM = (130.0, 680.0), (90.0, 520.0)
"""From infants to the largest that fit into a scanner."""
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
        seen_deep_mm: Its depth.
        bones_behind: Centre of the bones behind the body's, in depths; None where few bones or a cut-off body.
        lung_below: Share of lung in the lowest quarter.
        lung_above: The same in the uppermost quarter.
    """

    width_mm: float | None
    depth_mm: float | None
    middle_mm: float
    seen_mm: float
    seen_deep_mm: float
    bones_behind: float | None
    lung_below: float
    lung_above: float


def find_implausible_spacing(sample: Sample, unit_code: int = 0) -> Finding | None:
    """Say why voxels cannot be of the size that the header gives, as `registration.plausible_spacing`."""
    return find_implausible_size(sample.full_spacing_mm, sample.full_size, unit_code, bare=sample.bare)


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
        along * dy,
        behind,
        shares[0],
        shares[1],
    )


def find_implausible_body(sample: Sample, body: Body) -> list[Finding]:
    """Say why a body cannot be of its size, or lie as the header has it."""
    size = _find_no_ones_size(sample, body)
    findings = [] if size is None else [size]
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


def _find_no_ones_size(sample: Sample, body: Body) -> Finding | None:
    """Say that a body is too large or too small, by what is seen of it where the volume's sides cut it off."""
    for what, whole, seen, (least, most) in (
        ("wide", body.width_mm, body.seen_mm, WIDTH_MM),
        ("deep", body.depth_mm, body.seen_deep_mm, DEPTH_MM),
    ):
        # A crop may show as little as it likes of a body, but of a header as a crop keeps it.
        if whole is None and seen < least and sample.bare:
            return lost_header(f"its body, cut off by the volume's sides, would be seen {seen:.0f} mm {what}")
        if seen > most or (whole is not None and seen < least):
            shown = " x ".join(f"{s:.4g}" for s in sample.full_spacing_mm)
            at_least = "" if whole is not None else "at least "
            return Finding(
                "body-size",
                f"holds a body {at_least}{seen:.0f} mm {what} where {least:.0f} to {most:.0f} mm are expected: its voxels "
                f"of {shown} mm seem to be wrong; correct the spacing in the header, or export it again",
            )
    return None


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
