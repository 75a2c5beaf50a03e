"""The registration, step by step: pyramid, swarm on the top layer, Powell on both layers, the region last."""

from __future__ import annotations

import time

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.deformable import deform
from registration.layers import LayeredPair, helper_thread
from registration.pyramid import build_pyramid, coarse_to_fine
from registration.rigid import recentre, transform_from_parameters
from registration.search import STILL, climb, climb_roughly, length_mm, search_region, search_volume
from registration.settings import Deformation, RegionName, RegistrationResult, RegistrationSettings
from registration.verdict import Match, gather_evidence, judge
from registration.volume import Volume, check_image, check_same_grid, mask_from_image, volume_from_image


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
    reference; without either, the body's fit stays.

    Args:
        reference: Fixed volume, HU.
        moving: Volume to be moved, HU; on any grid.
        reference_mask: Nonzero voxels on the reference's grid are what must be aligned in the end.
        lesion_mask: Nonzero voxels on the reference's grid must keep their volume in a deformation.
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
    for mask, name in ((reference_mask, "The reference mask"), (lesion_mask, "The lesion mask")):
        if mask is not None:
            check_same_grid(mask, reference, name)
    reference_volume, moving_volume = volume_from_image(reference), volume_from_image(moving)
    _check_contrast(reference_volume, "The reference")
    _check_contrast(moving_volume, "The moving volume")
    reference_layers = build_pyramid(reference_volume, settings.layer_spacings_mm)
    moving_layers = build_pyramid(moving_volume, settings.layer_spacings_mm)
    rng = np.random.default_rng([settings.seed, 1])

    with helper_thread(settings.threads) as pool:
        pair = LayeredPair(reference_layers, moving_layers, settings, pool, rng)
        whole = pair.similarities(pair.body_regions(), settings.window_hu)
        swarm = search_volume(whole[0], reference_layers[0], moving_layers[0], settings)
        body = climb_roughly(whole[0], swarm.best)
        name, held = _choose_region(pair, reference_volume, reference_mask, settings)
        if held is None:
            held, window, similarities, start = pair.body_regions(), settings.window_hu, whole, body
        else:
            window = settings.region_window_hu
            similarities = pair.similarities(held, window)
            near = recentre(body, whole[0].centre, similarities[0].centre)
            start = search_region(similarities[0], near, reference_volume, settings)
        best = coarse_to_fine(similarities, (climb_roughly, climb), start)
        judged = similarities[-1]
        # The header's own alignment competes too: a search must never make things worse.
        best = max((best, STILL), key=lambda candidate: float(judged(candidate)[0]))
        after, overlap = judged.measure(best)
        before, _ = judged.measure(STILL)
        evidence = gather_evidence(
            Match(whole[0], body, pair.itself(whole[0], settings.window_hu)),
            Match(similarities[0], best, pair.itself(similarities[0], window)),
            pair.halves(held, window, best, judged.centre),
            attainable=min(1.0, length_mm(moving_volume) / length_mm(reference_volume)),
        )
    verdict, reasons = judge(evidence, name)
    rigid = transform_from_parameters(best, judged.centre)
    transform, deformation = rigid, None
    if settings.model == "deformable" and verdict == "failed":
        deformation = Deformation(False, "the rigid fit failed")
    elif settings.model == "deformable":
        transform, deformation = deform(
            reference,
            moving,
            rigid,
            pair.bottom_mask(held),
            lesion=lesion_mask,
            window_hu=window,
            seed=settings.seed,
        )
    return RegistrationResult(
        transform=transform,
        rigid=rigid,
        similarity_before=float(before[0]),
        similarity_after=float(after[0]),
        overlap=float(overlap[0]),
        seconds=time.perf_counter() - started,
        evaluations=pair.evaluations(),
        swarm_trace=swarm.trace,
        region=name,
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
) -> tuple[RegionName, list[NDArray[np.bool_]] | None]:
    """Give the name of what is fitted in the end, and its region on every layer; none for the body."""
    if reference_mask is not None:
        return "mask", pair.mask_regions(mask_from_image(reference_mask), reference)
    liver = pair.liver_regions() if settings.region == "liver" else None
    return ("body" if liver is None else "liver"), liver


def _check_contrast(volume: Volume, name: str) -> None:
    if volume.values.min() == volume.values.max():
        raise ValueError(f"{name} holds the same value everywhere; there is nothing to align.")
