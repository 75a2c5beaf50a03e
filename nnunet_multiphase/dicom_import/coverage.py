"""Step 4d: how much of the liver each volume of a study covers, and which volumes for that reason are no phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

import numpy as np

from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.liver_finding import Finding
from nnunet_multiphase.dicom_import.region_words import named_region

ENOUGH = 0.5
"""Of the liver that the fullest volume of a study shows: with less, a volume is no phase."""

_TOLD = 0.8
"""Of the liver that the fullest volume shows: with less, a volume that is used is told."""

_LEAST_ALONE = 0.25  # also where no volume shows more
_HEIGHT_OF_WIDTH = 0.45  # the liver's height, as a part of the body's width: to guess how much is cut off
_ALMOST_ALL = 0.95
_NOTHING = 0.05
_COUNTS = 0.1  # of its largest area: where the liver begins and ends

_SHOWN = {
    "head": "a head",
    "neck": "a neck or a limb",
    "chest": "a chest",
    "pelvis": "a pelvis",
    "limbs": "legs",
}


def with_coverage(
    volumes: Sequence[Volume], findings: Mapping[str, Finding], masked: Set[str]
) -> list[Volume]:
    """Give every volume of a study its coverage of the liver, and doubt those that do not show it.

    A liver that is seen from end to end is covered. Where it is cut off, or not found, the volume that shows most of
    it in the same frame of reference says which part lies within the volume's slices.

    Args:
        volumes: Of one study.
        findings: Volume key -> what its voxels say; volumes that were not looked at have none.
        masked: Keys of volumes with a mask on them, which show what was drawn.

    Returns:
        The volumes in their order, with `liver_coverage` and, where it is too little, a doubt.
    """
    shares = _shares(volumes, findings)
    usable = [
        volume
        for volume in volumes
        if volume.key in shares and volume.grid is not None and not (volume.blocked or volume.doubts)
    ]
    fullest = max(usable, key=lambda volume: shares[volume.key], default=None)
    result = []
    for volume in volumes:
        finding = findings.get(volume.key)
        if finding is None:
            result.append(volume)
            continue
        share = shares.get(volume.key)
        doubt = ""
        if volume.key not in masked:
            doubt = _doubt(volume, finding, share, fullest, shares)
        if doubt and share is None:
            share = 0.0
        result.append(
            replace(
                volume,
                liver_coverage=share,
                doubts=(*volume.doubts, doubt) if doubt else volume.doubts,
                notes=volume.notes if doubt else (*volume.notes, *_cut_off(share, fullest, shares)),
            )
        )
    return result


def height_range_mm(volume: Volume) -> tuple[float, float] | None:
    """Give the heights (LPS z) between which a volume's voxel centres lie; none without positions."""
    if volume.grid is None:
        heights = [part.position[2] for part in volume.slices if part.position is not None]
        return (min(heights), max(heights)) if heights else None
    grid = volume.grid
    size = grid.shape[::-1]
    steps = [
        direction * step * (n - 1)
        for direction, step, n in zip(grid.direction[6:9], grid.spacing_mm, size, strict=True)
    ]
    return (
        grid.origin[2] + sum(min(step, 0.0) for step in steps),
        grid.origin[2] + sum(max(step, 0.0) for step in steps),
    )


def _shares(volumes: Sequence[Volume], findings: Mapping[str, Finding]) -> dict[str, float]:
    """Estimate the covered share of the liver, where anything is known of it."""
    by_frame: dict[str, list[Volume]] = {}
    for volume in volumes:
        if volume.key in findings:
            by_frame.setdefault(_frame(volume) or volume.key, []).append(volume)
    shares: dict[str, float] = {}
    for group in by_frame.values():
        livers = [findings[volume.key] for volume in group if findings[volume.key].kind == "liver"]
        if not livers:
            continue
        best = max(livers, key=lambda finding: finding.ml)
        for volume in group:
            finding = findings[volume.key]
            inside = _share_inside(best, finding)
            if finding.kind == "unsure" and inside < ENOUGH <= _share_inside(
                _gone_on(best), finding, of=best
            ):
                continue  # beyond the slices where the known liver is cut off, the rest of it may lie here
            own = finding.kind == "liver"
            if own and not any(finding.cut) and inside >= ENOUGH:
                shares[volume.key] = 1.0
            elif own and inside < ENOUGH and finding.ml >= ENOUGH * best.ml:
                # As large a liver at another height: the two positions do not belong together, whatever the frame says.
                shares[volume.key] = _share_alone(finding)
            else:
                shares[volume.key] = inside * _share_alone(best)
    return shares


def _gone_on(liver: Finding) -> Finding:
    """Let a liver that is cut off go on for the height of a whole one."""
    more = int(np.ceil(_HEIGHT_OF_WIDTH * liver.width_mm / liver.step_mm))
    below, above = (more if cut else 0 for cut in liver.cut)
    heights, areas = liver.heights_mm, liver.areas_cm2
    return replace(
        liver,
        heights_mm=(
            *(heights[0] - k * liver.step_mm for k in range(below, 0, -1)),
            *heights,
            *(heights[-1] + k * liver.step_mm for k in range(1, above + 1)),
        ),
        areas_cm2=(areas[0],) * below + areas + (areas[-1],) * above,
    )


def _share_inside(liver: Finding, other: Finding, *, of: Finding | None = None) -> float:
    """Give how much of a liver lies between the lowest and the highest slice of another volume, as a share of it.

    Args:
        liver: The liver.
        other: The other volume.
        of: What it is a share of, if not of that liver.
    """
    low = other.heights_mm[0] - other.step_mm / 2
    high = other.heights_mm[-1] + other.step_mm / 2
    bottoms = np.array(liver.heights_mm) - liver.step_mm / 2
    inside = np.clip(
        (np.minimum(bottoms + liver.step_mm, high) - np.maximum(bottoms, low)) / liver.step_mm, 0, 1
    )
    return float((inside * liver.areas_cm2).sum() / sum((of or liver).areas_cm2))


def _share_alone(liver: Finding) -> float:
    """Guess how much of a liver is seen where the slices end within it, by its height and the body's width."""
    if not any(liver.cut):
        return 1.0
    height = sum(area > _COUNTS * max(liver.areas_cm2) for area in liver.areas_cm2) * liver.step_mm
    return float(min(_ALMOST_ALL, height / max(_HEIGHT_OF_WIDTH * liver.width_mm, liver.step_mm)))


def _doubt(
    volume: Volume,
    finding: Finding,
    share: float | None,
    fullest: Volume | None,
    shares: Mapping[str, float],
) -> str:
    """Say why a volume is no phase; empty where it may be one."""
    most = shares[fullest.key] if fullest else 0.0
    elsewhere = fullest is not None and fullest.key != volume.key
    if finding.kind == "other" and (share is None or share < ENOUGH * most):
        return f"does not show the liver: the voxels are those of {_SHOWN[finding.region]}"
    if share is None:
        region, source = named_region(volume)
        return f"does not show the liver: {source} says {region}, and no liver was found" if region else ""
    if elsewhere and fullest is not None and share < ENOUGH * most:
        if share < _NOTHING:
            return f"does not show the liver, which {fullest.key} shows at other heights"
        return f"shows only about {100 * share:.0f} % of the liver, and {fullest.key} shows more"
    limit = ENOUGH if finding.region == "chest" else _LEAST_ALONE
    if share < limit:
        return f"shows only about {100 * share:.0f} % of the liver"
    return ""


def _cut_off(share: float | None, fullest: Volume | None, shares: Mapping[str, float]) -> list[str]:
    """Say that a volume shows less of the liver than another."""
    if share is None or fullest is None or share >= _TOLD * shares[fullest.key]:
        return []
    return [f"shows only about {100 * share:.0f} % of the liver, and {fullest.key} shows more"]


def _frame(volume: Volume) -> str:
    frames = Counter(part.frame_of_reference for part in volume.slices if part.frame_of_reference)
    return frames.most_common(1)[0][0] if frames else ""
