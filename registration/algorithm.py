"""The registration, step by step: pyramid, swarm on the top layer, Powell on both layers, region last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.powell import maximise_by_powell
from registration.pyramid import build_pyramid, coarse_to_fine
from registration.region import SamplePoints, body_region, mask_region, sample_points
from registration.rigid import recentre, transform_from_parameters
from registration.settings import RegistrationResult, RegistrationSettings
from registration.similarity import MutualInformation
from registration.spline import spline_coefficients
from registration.swarm import SwarmResult, maximise_by_swarm
from registration.volume import (
    Volume,
    check_image,
    check_same_grid,
    index_from_world,
    mask_from_image,
    volume_from_image,
    world_from_index,
)

Parameters = NDArray[np.float64]
STILL: Parameters = np.zeros(6)
# First step of Powell: at 100 mm from the centre, a hundredth of a radian moves a point as far as 1 mm does.
STEPS: Parameters = np.array([0.01, 0.01, 0.01, 1.0, 1.0, 1.0])


def register(
    reference: sitk.Image,
    moving: sitk.Image,
    *,
    reference_mask: sitk.Image | None = None,
    settings: RegistrationSettings | None = None,
) -> RegistrationResult:
    """Find the rigid motion that brings a moving CT volume onto a reference.

    The whole body is fitted first. With a mask, that fit is only the start: then the mask's region alone is
    fitted, because organs move with the breath and the spine does not.

    Args:
        reference: Fixed volume, HU.
        moving: Volume to be moved, HU; on any grid.
        reference_mask: Nonzero voxels on the reference's grid are what must be aligned in the end.
        settings: Tuning; defaults suit abdominal CT.

    Returns:
        The transform (reference points -> moving points, mm) and what is known about it.

    Raises:
        ValueError: A volume is not 3D, too small, constant or not finite; the mask is empty or elsewhere.
    """
    settings = settings or RegistrationSettings()
    started = time.perf_counter()
    for image, name in ((reference, "The reference"), (moving, "The moving volume")):
        check_image(image, name)
    if reference_mask is not None:
        check_same_grid(reference_mask, reference)
    reference_volume, moving_volume = volume_from_image(reference), volume_from_image(moving)
    for volume, name in ((reference_volume, "The reference"), (moving_volume, "The moving volume")):
        if volume.values.min() == volume.values.max():
            raise ValueError(f"{name} holds the same value everywhere; there is nothing to align.")
    reference_layers = build_pyramid(reference_volume, settings.layer_spacings_mm)
    moving_layers = build_pyramid(moving_volume, settings.layer_spacings_mm)
    rng = np.random.default_rng([settings.seed, 1])

    with _helper_thread(settings.threads) as pool:
        task = _Task(reference_layers, moving_layers, settings, pool, rng)
        whole = task.similarities(task.body_regions(), settings.window_hu)
        swarm = _search_volume(whole[0], reference_layers[0], moving_layers[0], settings)
        best = coarse_to_fine(whole, _climb, swarm.best)
        judged = whole[-1]
        if reference_mask is not None:
            held = task.mask_regions(mask_from_image(reference_mask), reference_volume)
            region = task.similarities(held, settings.region_window_hu)
            start = recentre(best, whole[-1].centre, region[0].centre)
            best = coarse_to_fine(
                region, _climb, _search_region(region[0], start, reference_volume, settings)
            )
            judged = region[-1]
        # The header's own alignment competes too: a search must never make things worse.
        best = max((best, STILL), key=lambda candidate: float(judged(candidate)[0]))
        after, overlap = judged.measure(best)
        before, _ = judged.measure(STILL)
    return RegistrationResult(
        transform=transform_from_parameters(best, judged.centre),
        similarity_before=float(before[0]),
        similarity_after=float(after[0]),
        overlap=float(overlap[0]),
        seconds=time.perf_counter() - started,
        evaluations=task.evaluations(),
        swarm_trace=swarm.trace,
        region="volume" if reference_mask is None else "mask",
    )


class _Task:
    """Hold both pyramids with their spline coefficients, and make similarities from regions."""

    def __init__(
        self,
        reference_layers: tuple[Volume, ...],
        moving_layers: tuple[Volume, ...],
        settings: RegistrationSettings,
        pool: ThreadPoolExecutor | None,
        rng: np.random.Generator,
    ) -> None:
        self._reference_layers, self._moving_layers = reference_layers, moving_layers
        self._reference_coefficients = [spline_coefficients(layer.values) for layer in reference_layers]
        self._moving_coefficients = [spline_coefficients(layer.values) for layer in moving_layers]
        self._settings, self._pool, self._rng = settings, pool, rng
        self._made: list[MutualInformation] = []

    def body_regions(self) -> list[NDArray[np.bool_]]:
        """Give the body on every layer of the reference; found on the top one."""
        top = self._reference_layers[0]
        settings = self._settings
        body = body_region(top, threshold_hu=settings.body_threshold_hu, rim_mm=settings.body_rim_mm)
        return [_on_layer(body, top, layer) for layer in self._reference_layers]

    def mask_regions(self, mask: NDArray[np.bool_], reference: Volume) -> list[NDArray[np.bool_]]:
        """Give the mask's region on every layer of the reference."""
        if not mask.any():
            raise ValueError("The reference mask is empty; give one with at least one voxel inside, or none.")
        margin_mm, cut_mm = self._settings.region_margin_mm, self._settings.region_cut_mm
        region = mask_region(mask, reference, margin_mm=margin_mm, cut_mm=cut_mm)
        return [_on_layer(region, reference, layer) for layer in self._reference_layers]

    def similarities(
        self, regions: list[NDArray[np.bool_]], window_hu: tuple[float, float]
    ) -> list[MutualInformation]:
        """Give one similarity a layer; all turn about the bottom region's centre."""
        counts = (self._settings.top_samples, self._settings.bottom_samples)
        drawn = [
            sample_points(layer, region, count=count, rng=self._rng, coefficients=coefficients)
            for layer, region, count, coefficients in zip(
                self._reference_layers, regions, counts, self._reference_coefficients, strict=True
            )
        ]
        centre = drawn[-1].points.mean(axis=0)
        made = [
            self._similarity(samples, layer, coefficients, centre, window_hu)
            for samples, layer, coefficients in zip(
                drawn, self._moving_layers, self._moving_coefficients, strict=True
            )
        ]
        self._made += made
        return made

    def evaluations(self) -> int:
        """Count the motions that were scored."""
        return sum(similarity.evaluations for similarity in self._made)

    def _similarity(
        self,
        samples: SamplePoints,
        layer: Volume,
        coefficients: NDArray[np.float32],
        centre: NDArray[np.float64],
        window_hu: tuple[float, float],
    ) -> MutualInformation:
        return MutualInformation(
            samples.points,
            samples.values,
            layer,
            centre=centre,
            bins=self._settings.bins,
            window_hu=window_hu,
            minimal_overlap=self._settings.minimal_overlap,
            pool=self._pool,
            coefficients=coefficients,
        )


def _climb(similarity: MutualInformation, start: Parameters) -> Parameters:
    """Refine on one layer."""
    return maximise_by_powell(similarity, start, STEPS).best


def _search_volume(
    similarity: MutualInformation, reference: Volume, moving: Volume, settings: RegistrationSettings
) -> SwarmResult:
    """Let swarms search all motions that leave the volumes some overlap.

    The box holds a box about the motion that brings the volumes' middles together, and one about the headers'
    alignment where that leaves the overlap we ask for.
    """
    middle_to_middle = np.concatenate([np.zeros(3), _middle(moving) - similarity.centre])
    starts = [STILL, middle_to_middle]
    _, overlap = similarity.measure(STILL)
    centres = np.array(starts if overlap[0] >= settings.minimal_overlap else [middle_to_middle])
    half = _half_box(
        reference, settings.search_rotation_deg, settings.search_inplane_mm, settings.search_axial_mm
    )
    # No further along the slices than the volumes could still overlap.
    half[3:] = np.minimum(half[3:], max(_length_mm(reference), _length_mm(moving)))
    lower, upper = centres.min(axis=0) - half, centres.max(axis=0) + half
    # A single swarm can settle in a wrong corner with little overlap; the right one scores far higher.
    swarms = [
        maximise_by_swarm(
            similarity,
            lower,
            upper,
            starts=starts,
            particles=settings.swarm_particles,
            iterations=settings.swarm_iterations,
            seed=[settings.seed, number],
        )
        for number in range(settings.swarms)
    ]
    return max(swarms, key=lambda swarm: swarm.score)


def _search_region(
    similarity: MutualInformation, start: Parameters, reference: Volume, settings: RegistrationSettings
) -> Parameters:
    """Find a region's motion near the body's: climb from starts along the slices and from a swarm."""
    along = np.concatenate([np.zeros(3), reference.slice_axis])
    starts = [start + shift_mm * along for shift_mm in settings.region_restarts_mm]
    half = _half_box(
        reference,
        settings.region_search_deg,
        settings.region_search_inplane_mm,
        settings.region_search_axial_mm,
    )
    swarm = maximise_by_swarm(
        similarity,
        start - half,
        start + half,
        starts=starts,
        particles=settings.region_particles,
        iterations=settings.region_iterations,
        seed=[settings.seed, settings.swarms],
    )
    climbed = [_climb(similarity, candidate) for candidate in (*starts, swarm.best)]
    return max(climbed, key=lambda candidate: float(similarity(candidate)[0]))


def _half_box(reference: Volume, rotation_deg: float, inplane_mm: float, axial_mm: float) -> Parameters:
    """Give a search box's half sizes in world axes, for half ranges along the reference's own axes."""
    along_world = np.abs(reference.directions) @ np.array([inplane_mm, inplane_mm, axial_mm])
    return np.concatenate([np.full(3, np.deg2rad(rotation_deg)), along_world])


def _length_mm(volume: Volume) -> float:
    """Give a volume's extent along its slice axis."""
    return float(volume.spacing_mm[2] * volume.values.shape[0])


def _middle(volume: Volume) -> NDArray[np.float64]:
    """Give the world position of a volume's middle."""
    return world_from_index(volume, (np.array(volume.values.shape)[None] - 1) / 2)[0]


def _on_layer(region: NDArray[np.bool_], grid: Volume, layer: Volume) -> NDArray[np.bool_]:
    """Look a region up at the voxel centres of another layer of the same volume."""
    axes = []
    for axis, size in enumerate(layer.values.shape):
        ends = np.zeros((2, 3))
        ends[1, axis] = size - 1
        first, last = index_from_world(grid, world_from_index(layer, ends))[:, axis]
        steps = np.rint(np.linspace(first, last, size)).astype(int)
        axes.append(np.clip(steps, 0, region.shape[axis] - 1))
    found = region[np.ix_(*axes)]
    if region.any() and not found.any():
        # A region smaller than this layer's voxels: take the voxel that holds its middle.
        middle = np.argwhere(region).mean(axis=0)[None]
        nearest = np.rint(index_from_world(layer, world_from_index(grid, middle)))[0].astype(int)
        found[tuple(np.clip(nearest, 0, np.array(found.shape) - 1))] = True
    return found


@contextmanager
def _helper_thread(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Lend one more thread, if more than one is wanted; the calling thread is the other."""
    if threads < 2:
        yield None
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="registration") as pool:
        yield pool
