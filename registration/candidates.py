"""Fit the candidates for a pair's motion: the body's, and a region's about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.layers import LayeredPair
from registration.rigid import RigidMotion
from registration.search import STILL, climb, climb_last, search_region
from registration.settings import RegionName, RegistrationSettings
from registration.similarity import MutualInformation
from registration.volume import Volume, mask_from_image


@dataclass(frozen=True)
class Candidate:
    """Hold a motion that was found for something, and what it was fitted on.

    Attributes:
        name: What was fitted.
        motion: About the similarities' centre.
        few: Its similarity by a part of the points of the bottom layer.
        all_of_it: By all of them.
        held: The region on the bottom layer.
        window_hu: Range of values.
    """

    name: RegionName
    motion: RigidMotion
    few: MutualInformation
    all_of_it: MutualInformation
    held: NDArray[np.bool_]
    window_hu: tuple[float, float]


def choose_region(
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


def fit_body(
    pair: LayeredPair,
    held: NDArray[np.bool_],
    roughly: RigidMotion,
    settings: RegistrationSettings,
) -> Candidate:
    """Fit the body on the bottom layer, from the motion by the top one."""
    few, all_of_it = pair.bottom(held, settings.window_hu, roughly.centre)
    best = climb_last(all_of_it, climb(few, roughly.parameters))
    # The header's own alignment competes too: a search must never make things worse.
    if float(all_of_it(STILL)[0]) > float(all_of_it(best)[0]):
        best = climb_last(all_of_it, STILL)
    motion = RigidMotion(best, all_of_it.centre)
    return Candidate("body", motion, few, all_of_it, held, settings.window_hu)


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
    few, all_of_it = pair.bottom(held[-1], window, top.centre)
    best = climb_last(all_of_it, climb(few, search_region(top, near, reference, settings, few)))
    return Candidate(name, RigidMotion(best, all_of_it.centre), few, all_of_it, held[-1], window)
