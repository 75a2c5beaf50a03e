"""The registration, step by step: pyramid, swarm on the top layer, Powell on both layers, the region last."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.deformable import deform
from registration.layers import LayeredPair, helper_thread
from registration.pyramid import build_pyramid
from registration.rigid import Parameters, move_points, recentre, transform_from_parameters
from registration.search import STILL, climb, climb_last, length_mm, search_region, search_volume
from registration.settings import Deformation, RegionName, RegistrationResult, RegistrationSettings
from registration.similarity import MutualInformation
from registration.verdict import Match, gather_evidence, judge, mean_distance, relative_sharpness
from registration.volume import Volume, check_image, check_same_grid, mask_from_image, volume_from_image

TOP_LAYER_ERROR = 10.0  # times `together_mm`: how far a motion by the top layer may be from the exact one


def register(
    reference: sitk.Image,
    moving: sitk.Image,
    *,
    reference_mask: sitk.Image | None = None,
    lesion_mask: sitk.Image | None = None,
    settings: RegistrationSettings | None = None,
) -> RegistrationResult:
    """Find the rigid motion that brings a moving CT volume onto a reference.

    The whole body is fitted first. That fit is only the start: then a region alone is fitted, because organs move
    with the breath and the spine does not. The region is the mask's, or the liver's, which is found roughly in the
    reference; without either, the body's fit stays. So it does where the region turns out to move with the body.

    Args:
        reference: Fixed volume, HU.
        moving: Volume to be moved, HU; on any grid.
        reference_mask: Nonzero voxels on the reference's grid are what must be aligned in the end.
        lesion_mask: Nonzero voxels on the reference's grid must keep their volume in a deformation.
        settings: Tuning; defaults suit abdominal CT.

    Returns:
        The transform (reference points -> moving points, mm) and what is known about it.

    Raises:
        ValueError: A volume is not 3D, too small, constant or not finite; a mask is empty, elsewhere, or would not be
            used by these settings.
    """
    settings = settings or RegistrationSettings()
    started = time.perf_counter()
    if reference_mask is not None and settings.region == "body":
        raise ValueError("A reference mask and region 'body' exclude each other; give one of them.")
    if lesion_mask is not None and settings.model == "rigid":
        raise ValueError("A lesion mask keeps a lesion's volume in a deformation, but the model is 'rigid'.")
    for image, name in ((reference, "The reference"), (moving, "The moving volume")):
        check_image(image, name)
    for mask, name in ((reference_mask, "The reference mask"), (lesion_mask, "The lesion mask")):
        if mask is not None:
            check_same_grid(mask, reference, name)
    if reference_mask is not None and not mask_from_image(reference_mask).any():
        raise ValueError("The reference mask is empty; give one with at least one voxel inside, or none.")
    reference_volume, moving_volume = volume_from_image(reference), volume_from_image(moving)
    _check_contrast(reference_volume, "The reference")
    _check_contrast(moving_volume, "The moving volume")
    reference_layers = build_pyramid(reference_volume, settings.layer_spacings_mm)
    moving_layers = build_pyramid(moving_volume, settings.layer_spacings_mm)
    rng = np.random.default_rng([settings.seed, 1])

    with helper_thread(settings.threads) as pool:
        pair = LayeredPair(reference_layers, moving_layers, settings, pool, rng)
        bodies = pair.body_regions()
        whole = pair.top(bodies[0], settings.window_hu)
        itself = pair.itself(whole, settings.window_hu, 0)
        swarm, body = search_volume(
            whole,
            reference_layers[0],
            moving_layers[0],
            settings,
            lambda motion: relative_sharpness(Match(whole, motion, itself)) >= settings.convincing,
        )
        name, organ = _choose_region(pair, reference_volume, reference_mask, settings)
        if organ is None:
            held, window, top, near = bodies, settings.window_hu, whole, None
        else:
            held, window = pair.mask_regions(*organ), settings.region_window_hu
            top = pair.top(held[0], window)
            near = recentre(body, whole.centre, top.centre)
        few, all_of_it = pair.bottom(held[-1], window, top.centre)
        start = body if near is None else search_region(top, near, reference_volume, settings, few)
        best = climb(few, start)
        joint = None if near is None else _joint_motion(pair, bodies[-1], few, best, near, settings)
        best = climb_last(all_of_it, best) if joint is None else joint
        # The header's own alignment competes too: a search must never make things worse.
        best = max((best, STILL), key=lambda candidate: float(all_of_it(candidate)[0]))
        after, overlap = all_of_it.measure(best)
        before, seen = all_of_it.measure(STILL)
        evidence = gather_evidence(
            Match(whole, body, itself),
            Match(few, best, pair.itself(few, window, -1)),
            pair.halves(held[-1], window, best, top.centre),
            attainable=min(1.0, length_mm(moving_volume) / length_mm(reference_volume)),
            edge_agreement=None if organ is None else pair.edges(*organ, best, top.centre),
        )
    verdict, reasons = judge(evidence, name)
    rigid = transform_from_parameters(best, top.centre)
    fitted = pair.bottom_mask(held[-1])
    transform, deformation = rigid, None
    # Edges that do not fit may be just what a deformation mends: they alone do not forbid it.
    without_edges, _ = judge(replace(evidence, edge_agreement=None), name)
    if settings.model != "rigid" and without_edges == "failed":
        deformation = Deformation(False, "the rigid fit failed")
    elif settings.model != "rigid":
        transform, deformation = deform(
            reference,
            moving,
            rigid,
            fitted,
            lesion=lesion_mask,
            window_hu=window,
            model=settings.model,
            threads=settings.threads,
        )
    return RegistrationResult(
        transform=transform,
        rigid=rigid,
        similarity_before=float(before[0]) if seen[0] >= settings.minimal_overlap else 1.0,
        similarity_after=float(after[0]),
        overlap=float(overlap[0]),
        seconds=time.perf_counter() - started,
        evaluations=pair.evaluations(),
        swarm_trace=swarm.trace,
        region=name,
        fitted=fitted,
        verdict=verdict,
        reasons=reasons,
        evidence=evidence,
        deformation=deformation,
    )


def _choose_region(
    pair: LayeredPair,
    reference: Volume,
    reference_mask: sitk.Image | None,
    settings: RegistrationSettings,
) -> tuple[RegionName, tuple[NDArray[np.bool_], Volume] | None]:
    """Give the name of what is fitted in the end, and its mask with the volume it is drawn on; none for the body."""
    if reference_mask is not None:
        return "mask", (mask_from_image(reference_mask), reference)
    liver = pair.find_liver() if settings.region == "liver" else None
    return ("body" if liver is None else "liver"), liver


def _joint_motion(
    pair: LayeredPair,
    body_region: NDArray[np.bool_],
    region: MutualInformation,
    motion: Parameters,
    body: Parameters,
    settings: RegistrationSettings,
) -> Parameters | None:
    """Give the body's exact motion where a region moves with it; none where it does not.

    A region's few voxels leave its motion less certain than the body's (docs/results.md).

    Args:
        pair: The pair.
        body_region: The body on the bottom layer.
        region: A similarity of the region.
        motion: The region's motion about its similarity's centre.
        body: The body's, by the top layer, about the same centre.
        settings: Tuning.
    """
    points, centre = region.samples.points, region.centre
    places = move_points(points, motion, centre)

    def apart_mm(other: Parameters) -> float:
        return mean_distance(places, move_points(points, other, centre))

    if apart_mm(body) > TOP_LAYER_ERROR * settings.together_mm:
        return None
    few, all_of_it = pair.bottom(body_region, settings.window_hu, centre)
    nearly = climb(few, motion)
    if apart_mm(nearly) > 2 * settings.together_mm:
        return None
    exact = climb_last(all_of_it, nearly)
    return exact if apart_mm(exact) <= settings.together_mm else None


def _check_contrast(volume: Volume, name: str) -> None:
    if volume.values.min() == volume.values.max():
        raise ValueError(f"{name} holds the same value everywhere; there is nothing to align.")
