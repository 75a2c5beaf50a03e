"""Fit the candidates for a pair's motion: the body's, and a region's about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.layers import LayeredPair
from registration.reference import PreparedReference
from registration.rigid import RigidMotion
from registration.search import IDENTITY, refine, refine_last, search_region
from registration.settings import RegionName, RegistrationSettings
from registration.similarity import MutualInformation
from registration.volume import Volume, mask_from_image


@dataclass(frozen=True)
class Candidate:
    """Hold a motion that was found for something, and what it was fitted on.

    Attributes:
        name: What was fitted.
        motion: About the similarities' centre.
        thinned: Its similarity by a part of the points of the bottom layer.
        complete: By all of them.
        held: The region on the bottom layer.
        window_hu: Range of values.
    """

    name: RegionName
    motion: RigidMotion
    thinned: MutualInformation
    complete: MutualInformation
    held: NDArray[np.bool_]
    window_hu: tuple[float, float]


def choose_region(
    reference: PreparedReference, reference_mask: sitk.Image | None
) -> tuple[RegionName, tuple[NDArray[np.bool_], Volume] | None]:
    """Give the name of what is fitted in the end, and its mask with the volume it is drawn on; none for the body."""
    if reference_mask is not None:
        return "mask", (mask_from_image(reference_mask), reference.grid)
    liver = reference.liver if reference.settings.region == "liver" else None
    return ("body", None) if liver is None else ("liver", (liver, reference.layers[-1]))


def fit_body(
    pair: LayeredPair,
    held: NDArray[np.bool_],
    roughly: RigidMotion,
    settings: RegistrationSettings,
) -> Candidate:
    """Fit the body on the bottom layer, from the motion by the top one."""
    thinned, complete = pair.bottom(held, settings.window_hu, roughly.centre)
    best = refine_last(complete, refine(thinned, roughly.parameters))
    # The header's own alignment competes too: a search must never make things worse.
    if float(complete(IDENTITY)[0]) > float(complete(best)[0]):
        best = refine_last(complete, IDENTITY)
    motion = RigidMotion(best, complete.centre)
    return Candidate("body", motion, thinned, complete, held, settings.window_hu)


def fit_region(
    pair: LayeredPair,
    name: RegionName,
    organ: tuple[NDArray[np.bool_], Volume],
    body: Candidate,
    reference: Volume,
    settings: RegistrationSettings,
) -> Candidate:
    """Fit a region about the body's motion: on the top layer from many starts, then on the bottom one."""
    held, window = pair.mask_regions(*organ), settings.region_window_hu
    top = pair.top(held[0], window)
    near = body.motion.about(top.centre).parameters
    thinned, complete = pair.bottom(held[-1], window, top.centre)
    best = refine_last(complete, refine(thinned, search_region(top, near, reference, settings, thinned)))
    return Candidate(name, RigidMotion(best, complete.centre), thinned, complete, held[-1], window)
