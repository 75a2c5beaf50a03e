"""The registration, step by step: pyramid, swarm on the top layer, Powell on both layers, the region last."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from registration.candidates import choose_region, fit_body, fit_region
from registration.decision import Answer, Signs, decide, doubted, settle
from registration.deformable import deform
from registration.layers import LayeredPair, helper_thread
from registration.padding import without_padding
from registration.pyramid import build_pyramid
from registration.reference import PreparedReference
from registration.rigid import RigidMotion
from registration.search import IDENTITY, length_mm, search_volume
from registration.settings import (
    Deformation,
    RegistrationResult,
    RegistrationSettings,
)
from registration.verdict import Match, judge, relative_sharpness
from registration.volume import (
    check_contrast,
    check_image,
    check_one_value,
    check_same_grid,
    mask_from_image,
    volume_from_image,
)


def register(
    reference: sitk.Image | PreparedReference,
    moving: sitk.Image,
    *,
    reference_mask: sitk.Image | None = None,
    lesion_mask: sitk.Image | None = None,
    settings: RegistrationSettings | None = None,
) -> RegistrationResult:
    """Find the rigid motion that brings a moving CT volume onto a reference.

    The whole body is fitted first. Then a region alone is fitted, because organs move with the breath and the spine does
    not. The region is the mask's, or the liver's, which is found roughly in the reference; without either, the body's
    motion is returned. So it is where the region's own motion is not significantly another, or is none.

    Args:
        reference: Fixed volume, HU; or what was made ready of it, once for several moving volumes.
        moving: Volume to be moved, HU; on any grid. Padding below -1500 HU counts as air in both.
        reference_mask: What must be aligned in the end, on the reference's grid: 0 and one other value.
        lesion_mask: What must keep its volume in a deformation, on the reference's grid: 0 and one other value.
        settings: Tuning; defaults suit abdominal CT. A prepared reference has its own.

    Returns:
        The transform (reference points -> moving points, mm) and what is known about it.

    Raises:
        ValueError: A volume is not 3D, too small, constant or not finite; a mask is empty, elsewhere, of several
            values, or would not be used by these settings.
    """
    started = time.perf_counter()
    prepared = _prepared(reference, settings)
    reference, settings = prepared.image, prepared.settings
    _check(reference, moving, reference_mask, lesion_mask, settings)
    moving = without_padding(moving)
    moving_volume = volume_from_image(moving)
    check_contrast(moving_volume, "The moving volume")
    moving_layers = build_pyramid(moving_volume, settings.layer_spacings_mm)
    rng = np.random.default_rng([settings.seed, 1])

    with helper_thread(settings.threads) as pool:
        pair = LayeredPair(prepared, moving_layers, pool, rng)
        regions = prepared.bodies
        whole = pair.top(regions[0], settings.window_hu)
        alike = pair.self_similarity(whole, settings.window_hu, 0)
        swarm, roughly = search_volume(
            whole,
            prepared.layers[0],
            moving_layers[0],
            settings,
            lambda found: (
                relative_sharpness(Match(whole, RigidMotion(found, whole.centre), alike))
                >= settings.sufficient_sharpness
            ),
        )
        body = fit_body(pair, regions[-1], RigidMotion(roughly, whole.centre), settings)
        name, organ = choose_region(prepared, reference_mask)
        region = None if organ is None else fit_region(pair, name, organ, body, prepared.grid, settings)
        signs = Signs(
            pair,
            Match(whole, body.motion, alike),
            organ,
            attainable=min(1.0, length_mm(moving_volume) / length_mm(prepared.grid)),
        )
        answer = decide(signs, body, region, settings)
        best, judged = answer.motion, answer.judged
        _, overlap = judged.complete.measure(best.about(judged.complete.centre).parameters)
        # What was gained is told where it was sought.
        scored = body if answer.motion_of == "body" else judged
        after, _ = scored.complete.measure(best.about(scored.complete.centre).parameters)
        before, seen = scored.complete.measure(IDENTITY)
    rigid = best.transform()
    fitted = pair.bottom_mask(judged.held)
    transform, deformation = _deformed(reference, moving, rigid, fitted, answer, lesion_mask, settings)
    answer = settle(answer, deformation)
    if name == "liver" and prepared.found is not None and prepared.found.doubtful:
        answer = doubted(answer)
    return RegistrationResult(
        transform=transform,
        rigid=rigid,
        similarity_before=float(before[0]) if seen[0] >= settings.minimal_overlap else 1.0,
        similarity_after=float(after[0]),
        overlap=float(overlap[0]),
        seconds=time.perf_counter() - started,
        evaluations=pair.evaluations(),
        swarm_trace=swarm.trace,
        region=judged.name,
        motion_of=answer.motion_of,
        expected_error_mm=answer.expected_error_mm,
        fitted=fitted,
        verdict=answer.verdict,
        reasons=answer.reasons,
        evidence=answer.evidence,
        deformation=deformation,
    )


def _prepared(
    reference: sitk.Image | PreparedReference, settings: RegistrationSettings | None
) -> PreparedReference:
    if not isinstance(reference, PreparedReference):
        return PreparedReference(reference, settings)
    if settings not in (None, reference.settings):
        raise ValueError("A prepared reference has its own settings; give the same ones, or none.")
    return reference


def _check(
    reference: sitk.Image,
    moving: sitk.Image,
    reference_mask: sitk.Image | None,
    lesion_mask: sitk.Image | None,
    settings: RegistrationSettings,
) -> None:
    """Refuse what cannot be registered, or would not be used."""
    if reference_mask is not None and settings.region == "body":
        raise ValueError("A reference mask and region 'body' exclude each other; give one of them.")
    if lesion_mask is not None and settings.model == "rigid":
        raise ValueError("A lesion mask keeps a lesion's volume in a deformation, but the model is 'rigid'.")
    check_image(moving, "The moving volume")
    for mask, name in ((reference_mask, "The reference mask"), (lesion_mask, "The lesion mask")):
        if mask is not None:
            check_same_grid(mask, reference, name)
            check_one_value(mask, name)
    if reference_mask is not None and not mask_from_image(reference_mask).any():
        raise ValueError("The reference mask is empty; give one with at least one voxel inside, or none.")


def _deformed(
    reference: sitk.Image,
    moving: sitk.Image,
    rigid: sitk.Euler3DTransform,
    fitted: sitk.Image,
    answer: Answer,
    lesion_mask: sitk.Image | None,
    settings: RegistrationSettings,
) -> tuple[sitk.Transform, Deformation | None]:
    """Deform where the settings want it and the rigid fit bears it; else the motion stays rigid."""
    if settings.model == "rigid":
        return rigid, None
    # Edges that do not fit may be just what a deformation mends: they alone do not forbid it.
    without_edges, _ = judge(replace(answer.evidence, edge_agreement=None), answer.judged.name)
    if without_edges == "failed":
        return rigid, Deformation(False, "the rigid fit failed")
    return deform(
        reference,
        moving,
        rigid,
        fitted,
        lesion=lesion_mask,
        window_hu=answer.judged.window_hu,
        model=settings.model,
        threads=settings.threads,
    )
