"""Beyond rigid, on request: a smooth deformation of the reference after the rigid fit, where it is worth it.

Cubic B-splines of wide meshes follow the liver by its local match to the moving volume. Whether there is anything to
follow is judged by two fits, each on half of the region (blocks in turn, as on a chessboard): what both find is real,
what they differ by is noise. What is accepted is harmless: measured at every place, in the region and in each lesion,
it is taken back by halves until it is, or dropped.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.free_form import control_grid, displacements, everywhere, jacobian, spline_transform
from registration.free_form_fit import AROUND_MM, LEVELS, Kept, Level, fit, refine
from registration.local_match import LocalMatch
from registration.resample import coverage
from registration.settings import Deformation
from registration.shapes import pieces
from registration.spline import spline_coefficients
from registration.volume import (
    Volume,
    index_from_world,
    mask_from_image,
    volume_from_image,
    world_from_index,
)

WORKING_MM = 3.0
MARGIN_MM = 12.0  # of the box about the region
BLOCK_MM = 15.0  # of the chessboard
NOISE_HU = 8.0
LEAST_VOXELS = 500  # of each half
# What both halves found against what they differ by (squares). On tuning pairs 2.3 at most where nothing bends, 6.4 at
# least where the liver does (but for one); nearer to the lower, because a bend that is missed costs more than one imagined.
SIGNIFICANT = {"deformable": 2.0, "auto": 3.5}
# 90 % of the tuning pairs' errors lie below both together: so many times the halves' difference, and such a share of the way
# that the region goes. Meshes follow no bend to its end, which both halves then lack alike: of 8 mm a quarter was left.
# What was taken back for harm is missing besides.
ERROR_PER_DIFFERENCE = 2.7
ERROR_PER_BEND = 0.3
# Voxels that are longer than a window is wide (standard deviation, `LEVELS`): of pairs that did not bend, but one of whose
# volumes had slices of 10 mm, both halves followed what thick slices show otherwise, by 1 mm and more; none did at 7.5 mm.
MOST_STEP_MM = {"deformable": np.inf, "auto": 8.0}
LEAST_JACOBIAN = 0.3  # a place may shrink to a third, or swell to three times; at 0 it folds
MOST_REGION_CHANGE = 0.1
MOST_LESION_CHANGE = 0.05
HALVINGS = 3


@dataclass(frozen=True)
class _Pair:
    """Hold both volumes about the region, on a coarse grid of some 3 mm, and what is to be fitted.

    Attributes:
        box: The reference about the region.
        wanted: The region in it.
        counts: The region as far as the moving volume covers it.
        coefficients: The moving volume's spline coefficients.
        affine: 3 x 4, array position in the box -> array position in the moving volume, by the rigid motion.
        per_mm: 3 x 3, the same for displacements in mm along the box's array axes.
        window_hu: Values are clipped to this range.
    """

    box: Volume
    wanted: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    coefficients: NDArray[np.float32]
    affine: NDArray[np.float64]
    per_mm: NDArray[np.float64]
    window_hu: tuple[float, float]

    def match(self, level: Level, mask: NDArray[np.bool_]) -> LocalMatch:
        """Prepare the match within a mask."""
        return LocalMatch(
            np.clip(self.box.values, *self.window_hu),
            mask,
            self.coefficients,
            self.affine,
            self.per_mm,
            self.box.spacing_zyx_mm,
            window_mm=level.window_mm,
            noise_hu=NOISE_HU,
            window_hu=self.window_hu,
        )


def deform(
    reference: sitk.Image,
    moving: sitk.Image,
    rigid: sitk.Transform,
    region: sitk.Image,
    *,
    lesion: sitk.Image | None = None,
    window_hu: tuple[float, float],
    model: str = "deformable",
    threads: int = 1,
) -> tuple[sitk.Transform, Deformation]:
    """Find a deformation that improves on a rigid fit in a region, or say why there is none.

    Args:
        reference: Fixed volume, HU.
        moving: Moving volume, HU.
        rigid: Reference points -> moving points, mm; rigid or affine.
        region: What is to match better: nonzero, on any grid over the reference.
        lesion: Nonzero on the reference's grid: what must keep its volume, each piece of it; none = the region alone.
        window_hu: Values are clipped to this range.
        model: "deformable" (the liver is expected to bend) or "auto" (it has to be clear): a key of `SIGNIFICANT`.
        threads: 1 or 2; the result does not depend on it.

    Returns:
        Reference points -> moving points, mm (the rigid transform itself where nothing was gained), and the report.
    """
    step_mm = max(*reference.GetSpacing(), *moving.GetSpacing())
    if step_mm > MOST_STEP_MM[model]:
        return rigid, Deformation(False, f"by slices {step_mm:.3g} mm apart it is not clear what bends")
    pair = _prepare(reference, moving, rigid, region, window_hu)
    halves = [] if pair is None else _halves(pair)
    if pair is None or min(int(half.sum()) for half in halves) < LEAST_VOXELS:
        return rigid, Deformation(False, "the region lies outside the moving volume, or is too small")
    box, kept = pair.box, _kept(lesion, pair.box)

    with ThreadPoolExecutor(max_workers=max(1, min(2, threads))) as pool:
        fits = list(pool.map(lambda half: fit(box, lambda level: pair.match(level, half), kept), halves))
    grid = fits[0][0]
    one, other = (displacements(grid, controls)[:, pair.wanted].astype(np.float64) for _, controls in fits)
    apart = ((one - other) ** 2).sum(axis=0)
    significance = float((one * other).sum(axis=0).mean() / max(apart.mean(), 1e-6))
    noise_mm = ERROR_PER_DIFFERENCE * float(np.sqrt(apart).mean())
    if significance < SIGNIFICANT[model]:
        reason = "what it would gain over the rigid fit does not stand out of the noise"
        return rigid, Deformation(False, reason, significance=significance)

    whole = pair.match(LEVELS[-1], pair.counts)
    controls = refine(grid, (fits[0][1] + fits[1][1]) / 2, whole, LEVELS[-1], box, kept)
    around, added = everywhere(grid, box)
    middle = tuple(slice(a, a + n) for a, n in zip(added, box.values.shape, strict=True))
    for halvings in range(HALVINGS + 1):
        controls = controls / 2 if halvings else controls
        volumes = jacobian(displacements(around, controls), box.spacing_zyx_mm)
        least, most = float(volumes.min()), float(volumes.max())
        change = float(volumes[middle][pair.wanted].mean() - 1)
        lesion_change = None if lesion is None else _worst_change(volumes, kept, added)
        harm = _harm(least, most, change, lesion_change)
        if not harm:
            break
    field = displacements(grid, controls)
    before, after = whole.explained(np.zeros_like(field)), whole.explained(field)
    if not harm and after <= before:
        harm = "it would not match better than the rigid fit"
    bend_mm = float(np.linalg.norm(field[:, pair.wanted].astype(np.float64), axis=0).mean())
    report = Deformation(
        not harm,
        harm,
        before,
        after,
        least,
        most,
        change,
        lesion_change,
        significance,
        None if harm else math.hypot(noise_mm, ERROR_PER_BEND * bend_mm, (2**halvings - 1) * bend_mm),
    )
    # The last transform of a composite acts first.
    together = rigid if harm else sitk.CompositeTransform([rigid, spline_transform(grid, controls, box)])
    return together, report


def _prepare(
    reference: sitk.Image,
    moving: sitk.Image,
    rigid: sitk.Transform,
    region: sitk.Image,
    window_hu: tuple[float, float],
) -> _Pair | None:
    """Bring both volumes to the working grid; none where the region lies outside the reference."""
    near = _cropped(reference, region)
    if near is None:
        return None
    fixed, floating = _coarse(near), _coarse(moving)
    box, there = volume_from_image(fixed), volume_from_image(floating)
    on_box = sitk.Resample(region != 0, fixed, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor)
    wanted = mask_from_image(on_box)
    origin = np.array(rigid.TransformPoint((0.0, 0.0, 0.0)))
    rotation = np.stack([np.array(rigid.TransformPoint(e.tolist())) - origin for e in np.eye(3)], axis=1)
    to_index = np.linalg.inv(there.index_to_world)
    linear = (to_index @ rotation @ box.index_to_world)[::-1, ::-1]
    shift = (to_index @ (rotation @ box.origin + origin - there.origin))[::-1]
    low, high = window_hu
    return _Pair(
        box,
        wanted,
        wanted & mask_from_image(coverage(floating, fixed, rigid)),
        # A spline rings beside air and bone: what the window cuts off anyway is taken away before, with room to spare.
        spline_coefficients(np.clip(there.values, low - (high - low), high + (high - low))),
        np.column_stack([linear, shift]),
        np.ascontiguousarray((to_index @ rotation @ box.directions)[::-1, ::-1]),
        window_hu,
    )


def _cropped(reference: sitk.Image, region: sitk.Image) -> sitk.Image | None:
    """Cut the reference to the region's box and a margin."""
    shown = volume_from_image(region)
    voxels = np.argwhere(shown.values != 0)
    if len(voxels) == 0:
        return None
    corners = np.stack([voxels.min(axis=0) - 0.5, voxels.max(axis=0) + 0.5])
    eight = np.array(
        [[corners[i, 0], corners[j, 1], corners[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    )
    frame = Volume(
        np.empty((0, 0, 0)),
        np.array(reference.GetDirection()).reshape(3, 3) * np.array(reference.GetSpacing()),
        np.array(reference.GetOrigin()),
    )
    places = index_from_world(frame, world_from_index(shown, eight))[:, ::-1]  # (x, y, z)
    margin = MARGIN_MM / np.array(reference.GetSpacing())
    low = np.maximum(np.floor(places.min(axis=0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(places.max(axis=0) + margin).astype(int) + 1, reference.GetSize())
    if (high - low < 4).any():
        return None
    return reference[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]


def _coarse(image: sitk.Image) -> sitk.Image:
    """Bring an image to about 3 mm by block means."""
    factors = [
        max(1, min(round(WORKING_MM / spacing), size // 4))
        for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors)


def _halves(pair: _Pair) -> list[NDArray[np.bool_]]:
    """Cut what counts into blocks, and give those of either colour."""
    colour = np.zeros(pair.counts.shape, dtype=np.int64)
    for axis, (voxels, spacing) in enumerate(zip(colour.shape, pair.box.spacing_zyx_mm, strict=True)):
        number = (np.arange(voxels) * spacing / BLOCK_MM).astype(np.int64)
        colour += number.reshape([-1 if a == axis else 1 for a in range(3)])
    return [pair.counts & (colour % 2 == half) for half in (0, 1)]


def _kept(lesion: sitk.Image | None, box: Volume) -> tuple[Kept, ...]:
    """Give the voxels of each piece of the lesion mask, one for each voxel of the mask, as far as anything moves there."""
    if lesion is None:
        return ()
    reached = everywhere(control_grid(box, LEVELS[-1].mesh_mm, AROUND_MM), box)[1]
    volume, numbered = volume_from_image(lesion), pieces(mask_from_image(lesion))
    places = np.argwhere(numbered > 0)
    numbers = numbered[tuple(places.T)]
    index = np.rint(index_from_world(box, world_from_index(volume, places))).astype(np.int64)
    inside = ((index >= -reached) & (index < box.values.shape + reached)).all(axis=1)
    return tuple(Kept(index[inside & (numbers == number)]) for number in np.unique(numbers[inside]))


def _worst_change(
    volumes: NDArray[np.float64], kept: tuple[Kept, ...], added: NDArray[np.int64] | int = 0
) -> float:
    """Give the volume change (share) of the piece that changes most; voxels were added to the box at the low ends."""
    changes = [float(volumes[tuple((piece.voxels + added).T)].mean() - 1) for piece in kept]
    return max(changes, key=abs, default=0.0)


def _harm(least: float, most: float, change: float, lesion_change: float | None) -> str:
    """Say what harm a deformation would do; nothing where it does none."""
    if least < LEAST_JACOBIAN:
        return f"it would shrink a place to {max(least, 0):.0%}"
    if most > 1 / LEAST_JACOBIAN:
        return f"it would swell a place to {most:.0%}"
    for what, share, limit in (
        ("the region", change, MOST_REGION_CHANGE),
        ("a lesion", lesion_change or 0.0, MOST_LESION_CHANGE),
    ):
        if abs(share) > limit:
            return f"it would change {what}'s volume by {share:+.0%}"
    return ""
