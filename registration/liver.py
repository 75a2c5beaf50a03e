"""Find the liver roughly where nobody drew it: the thickest even piece of soft tissue, right rather than left.

Roughly is enough: the region is only what the motion is fitted on, and the liver's neighbours under the diaphragm
move nearly as it does. How much of what is found is liver stands in docs/results_registration.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.shapes import (
    distances_to,
    filled_in_slices,
    lowest_around,
    pieces,
    signed_distances_to,
    smoothed,
)
from registration.volume import Volume, world_from_index

SOFT_HU = (0.0, 198.0)  # liver in any phase, fatty ones and those laden with iron included
BAND_HU = 22.0  # half width of one organ's values after smoothing, and the step from band to band
SPREAD = 2.5  # half width about the organ's own median, in standard deviations
LEAST_BAND_HU = 17.0
SMOOTHING_MM = 4.0
DARK_HU = -150.0  # lung is no darker than this before smoothing, or it would eat its neighbours' rim
PLUG_ML = (
    4.0  # vessels, small lesions and noise are holes of this size at most; they make an organ no thinner
)
OPENING_MM = 9.0  # what is thinner is muscle, vessel or a bridge between organs
LEAST_ML = 150.0
LEAST_DEPTH_MM = 18.0  # of its inmost point; the muscles of the back have less

LEFT_WEIGHT = 0.12  # a left liver exists, and headers lie: the side speaks, it does not decide
MIDDLE, SOFTNESS = (
    0.6,
    0.07,
)  # where the weight falls, and within what; in widths of the body from its right face
FLUID_HU = 15.0  # so dark may be a very fatty liver, but also stomach, bladder and ascites
FLUID_LEAST_ML, FLUID_LEAST_WEIGHT = 400.0, 0.7

FAT_HU = -100.0
RIM_SHARE = 0.35  # of the way from the organ's HU to fat's; a voxel of its rim is no darker
RIM_NEAR_HU = -70.0  # and touches something as dark as this; muscle would else be taken for a rim

# What may as well be the liver: a piece so many times as large, wherever it lies (headers lie about the sides, and a liver
# may lie on the left: there a full stomach reached twice the liver, a liver four times the stomach)...
DOUBT_TIMES = 3.0
# ... or a brighter one that weighs so much of what was taken. Ascites, cysts, food, muscle of the pelvis and tumours of the
# kidney are larger than the liver beside them now and then; beside a fatty liver nothing brighter is as large.
DOUBT_SHARES = ((FLUID_HU, 0.06), (50.0, 0.25), (np.inf, 0.6))  # (HU of what was taken below, share)
SAME_SHARE = 0.05  # of a piece's core that may lie in another's, where they are two organs

EDGE_WINDOW_HU = (-200.0, 300.0)
EDGE_SMOOTHING_MM = 2.0
EDGE_HU = 30.0  # from the liver's middle value; half way to fat is farther, muscle and spleen may be nearer
EDGE_REACH_MM = 10.0  # how far what is found may lie within the true edge
EDGE_DEPTH_MM = 4.0  # half of what is too thin; as deep within lies what surely is liver


@dataclass(frozen=True)
class _Piece:
    """One thick piece of a band of values.

    Attributes:
        middle_hu: The band's.
        depth: Distance (mm) to the band's end, everywhere.
        core: Where the piece is thick (z, y, x).
        score: Sum of the core's depths, weighted by the side.
    """

    middle_hu: float
    depth: NDArray[np.float32]
    core: NDArray[np.bool_]
    score: float

    @property
    def bulk(self) -> float:
        """The core's depths, whatever side it lies on (mm, summed over voxels)."""
        return float(self.depth[self.core].sum())

    def opened(self, spacing_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Give the piece with its rim, but without what hangs on it by a bridge."""
        return (self.depth > 0) & (distances_to(self.core, spacing_mm) <= OPENING_MM)


@dataclass(frozen=True)
class FoundOrgan:
    """What was taken for the liver.

    Attributes:
        mask: Boolean array (z, y, x).
        doubtful: Another piece of the body may as well be the liver: this may be stomach, ascites or a cyst.
    """

    mask: NDArray[np.bool_]
    doubtful: bool


def find_liver(volume: Volume, body: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Find the liver in a CT volume of any contrast phase; `look_for_liver` without its doubt."""
    found = look_for_liver(volume, body)
    return None if found is None else found.mask


def look_for_liver(volume: Volume, body: NDArray[np.bool_]) -> FoundOrgan | None:
    """Find the liver in a CT volume of any contrast phase, and say whether it may be another organ.

    Args:
        volume: A coarse layer (some 6 mm), HU; the patient's right is at -x (LPS).
        body: The patient (z, y, x) on that layer.

    Returns:
        What was found; none where nothing is large, thick and even enough.
    """
    spacing = volume.spacing_zyx_mm
    smooth = smoothed(np.maximum(volume.values, np.float32(DARK_HU)), spacing, SMOOTHING_MM)
    weight = _side_weight(volume, body)
    middles = np.arange(SOFT_HU[0] + BAND_HU / 2, SOFT_HU[1], BAND_HU)
    found = [
        _thickest_piece(smooth, body, weight, spacing, float(hu), BAND_HU, LEAST_DEPTH_MM) for hu in middles
    ]
    thick = [
        piece for piece in found if piece is not None and piece.depth[piece.core].max() >= LEAST_DEPTH_MM
    ]
    if not thick:
        return None
    best = max(thick, key=lambda piece: piece.score)
    liver_hu = best.middle_hu
    for _ in range(2):
        inside = smooth[best.core & (best.depth >= np.median(best.depth[best.core]))]
        liver_hu = float(np.median(inside))
        deviation = 1.4826 * float(np.median(np.abs(inside - liver_hu)))  # of a normal distribution
        half = float(np.clip(SPREAD * deviation, LEAST_BAND_HU, BAND_HU))
        again = _thickest_piece(smooth, body, weight, spacing, liver_hu, half)
        if again is None:
            return None
        best = again
    liver = best.opened(spacing)
    liver = filled_in_slices(liver | _rim(liver, liver_hu, smooth, spacing) & body)
    ml = liver.sum() * np.prod(spacing) / 1000
    if ml < LEAST_ML:
        return None
    if liver_hu < FLUID_HU and (ml < FLUID_LEAST_ML or weight[liver].mean() < FLUID_LEAST_WEIGHT):
        return None
    return FoundOrgan(liver, _is_doubtful(best, liver_hu, thick))


def _is_doubtful(taken: _Piece, taken_hu: float, pieces_by_band: list[_Piece]) -> bool:
    """Say whether another piece may as well be the liver."""
    share = next(share for below_hu, share in DOUBT_SHARES if taken_hu < below_hu)
    for other in pieces_by_band:
        if (other.core & taken.core).sum() > SAME_SHARE * other.core.sum():
            continue
        brighter = other.middle_hu - BAND_HU > taken_hu
        if other.bulk > DOUBT_TIMES * taken.bulk or (brighter and other.score > share * taken.score):
            return True
    return False


def grown_to_its_edges(liver: NDArray[np.bool_], volume: Volume) -> NDArray[np.bool_]:
    """Grow a liver that was found on a coarser layer to where its values end; its edges are what a fit holds on to.

    Args:
        liver: Boolean array (z, y, x) on the volume.
        volume: A finer layer (some 3 mm), HU.

    Returns:
        Boolean array (z, y, x): the even piece about the liver's inside that reaches at most 10 mm beyond it; without
        what is thinner than 8 mm, as the muscle between ribs is.
    """
    if not liver.any():
        return liver
    spacing = volume.spacing_zyx_mm
    # What lies farther away than it may grow, and than smoothing reaches, is not looked at.
    margin = np.ceil((EDGE_REACH_MM + 3 * EDGE_SMOOTHING_MM) / spacing).astype(int)
    places = np.argwhere(liver)
    low = np.maximum(places.min(axis=0) - margin, 0)
    high = places.max(axis=0) + margin + 1
    box = tuple(slice(first, end) for first, end in zip(low, high, strict=True))
    grown = liver.copy()
    grown[box] = _grown_in_box(liver[box], volume.values[box], spacing)
    return grown


def _grown_in_box(
    liver: NDArray[np.bool_], values: NDArray, spacing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    smooth = smoothed(np.clip(values, *EDGE_WINDOW_HU), spacing, EDGE_SMOOTHING_MM)
    distance = signed_distances_to(liver, spacing)
    inside = distance < -EDGE_DEPTH_MM
    if not inside.any():
        return liver
    alike = (np.abs(smooth - np.median(smooth[inside])) < EDGE_HU) & (distance < EDGE_REACH_MM)
    if alike.all():
        return liver
    thick = distances_to(~alike, spacing) > EDGE_DEPTH_MM
    if not thick.any():
        return liver
    numbers = pieces(inside | (alike & (distances_to(thick, spacing) <= EDGE_DEPTH_MM)))
    return filled_in_slices(numbers == np.argmax(np.bincount(numbers[inside])))


def _thickest_piece(
    smooth: NDArray[np.float32],
    body: NDArray[np.bool_],
    weight: NDArray[np.float64],
    spacing: NDArray[np.float64],
    middle_hu: float,
    half_hu: float,
    least_depth_mm: float = OPENING_MM,
) -> _Piece | None:
    """Find the piece of a band that is thick, large and right; none where it holds too little, or nothing so deep."""
    voxel_ml = float(np.prod(spacing)) / 1000
    band = body & (np.abs(smooth - middle_hu) < half_hu)
    if band.sum() * voxel_ml < LEAST_ML:
        return None
    holes = pieces(~band)
    small = np.bincount(holes.ravel()) * voxel_ml < PLUG_ML
    small[0] = False
    band |= small[holes]
    if band.all() or not _may_be_as_deep(band, spacing, least_depth_mm):
        return None
    depth = distances_to(~band, spacing)
    objects = pieces(depth > OPENING_MM)
    scores = np.bincount(objects.ravel(), weights=(depth * weight).ravel())
    scores[0] = 0.0
    if not scores.any():
        return None
    return _Piece(middle_hu, depth, objects == int(np.argmax(scores)), float(scores.max()))


def _may_be_as_deep(band: NDArray[np.bool_], spacing: NDArray[np.float64], depth_mm: float) -> bool:
    """Say whether a voxel has the band all along its row, column and pillar; distances take ten times as long to know."""
    deep = band.copy()
    for axis, step in enumerate(spacing):
        along, within = np.moveaxis(band, axis, 0), np.moveaxis(deep, axis, 0)
        for n in range(1, int(np.ceil(depth_mm / step - 1e-3))):
            within[n:] &= along[:-n]
            within[:-n] &= along[n:]
    return bool(deep.any())


def _rim(
    liver: NDArray[np.bool_], liver_hu: float, smooth: NDArray[np.float32], spacing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Give the voxels about the liver that fat or lung share with it, and that are mostly liver."""
    near = distances_to(liver, spacing) <= 1.2 * spacing.max()
    mostly = (smooth > liver_hu - RIM_SHARE * (liver_hu - FAT_HU)) & (smooth < liver_hu)
    return near & mostly & (lowest_around(smooth) < RIM_NEAR_HU)


def _side_weight(volume: Volume, body: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weight each voxel of the body by its side: 1 on the right, a little on the left, as a logistic curve between."""
    x = world_from_index(volume, np.argwhere(body))[:, 0]
    weight = np.zeros(volume.values.shape)
    if len(x):
        right, left = np.quantile(x, (0.01, 0.99))
        place = (x - right) / max(left - right, 1.0)
        weight[body] = LEFT_WEIGHT + (1 - LEFT_WEIGHT) / (1 + np.exp((place - MIDDLE) / SOFTNESS))
    return weight
