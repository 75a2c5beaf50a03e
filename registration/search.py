"""Search the motions: swarms over the whole volume, starts about the body's motion for a region, Powell on a layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from registration.powell import maximise_by_powell
from registration.rigid import Parameters
from registration.settings import RegistrationSettings
from registration.similarity import MutualInformation
from registration.swarm import SwarmResult, maximise_by_swarm
from registration.volume import Volume, world_from_index

IDENTITY: Parameters = np.zeros(6)
# First step of Powell: at 100 mm from the centre, a hundredth of a radian moves a point as far as 1 mm does.
STEPS: Parameters = np.array([0.01, 0.01, 0.01, 1.0, 1.0, 1.0])


def refine_roughly(similarity: MutualInformation, start: Parameters) -> Parameters:
    """Refine to a tenth of a mm, where a finer search follows."""
    return maximise_by_powell(similarity, start, STEPS, tolerance=0.1).best


def refine(similarity: MutualInformation, start: Parameters) -> Parameters:
    """Refine to a twentieth of a mm."""
    return maximise_by_powell(similarity, start, STEPS, tolerance=0.05).best


def refine_last(similarity: MutualInformation, start: Parameters) -> Parameters:
    """Refine by smaller steps to a sixtieth of a mm, from where fewer sample points ended."""
    return maximise_by_powell(similarity, start, 0.3 * STEPS, tolerance=0.05).best


def search_volume(
    similarity: MutualInformation,
    reference: Volume,
    moving: Volume,
    settings: RegistrationSettings,
    suffices: Callable[[Parameters], bool],
) -> tuple[SwarmResult, Parameters]:
    """Let swarms search all motions that leave the volumes some overlap, one after the other until one convinces.

    The box holds a box about the motion that brings the volumes' middles together, and one about the headers'
    alignment where that leaves the overlap we ask for.

    Args:
        similarity: Of the whole body, on the top layer.
        reference: The top layer of the reference.
        moving: The top layer of the moving volume.
        settings: Size of the box and of the swarms.
        suffices: Tells whether a motion is good enough to do without another swarm.

    Returns:
        The swarm that convinced, else the one whose motion scores highest, and the motion that was refined from its best.
    """
    middle_to_middle = np.concatenate([np.zeros(3), _middle(moving) - similarity.centre])
    starts = [IDENTITY, middle_to_middle]
    _, overlap = similarity.measure(IDENTITY)
    centres = np.array(starts if overlap[0] >= settings.minimal_overlap else [middle_to_middle])
    # No further along the slices than the volumes could still overlap.
    axial_mm = min(settings.search_axial_mm, max(length_mm(reference), length_mm(moving)))
    found: list[tuple[SwarmResult, Parameters]] = []
    # A single swarm can settle in a wrong corner with little overlap; the right one scores far higher.
    for number in range(settings.swarms):
        # Every second one looks further aside: a patient who lies off the table's middle, or a field of view about the
        # liver, whose headers do not tell where it was.
        aside_mm = settings.search_aside_mm if number % 2 else settings.search_inplane_mm
        half = _half_box(reference, settings.search_rotation_deg, aside_mm, axial_mm)
        swarm = maximise_by_swarm(
            similarity,
            centres.min(axis=0) - half,
            centres.max(axis=0) + half,
            starts=starts,
            particles=settings.swarm_particles,
            iterations=settings.swarm_iterations,
            seed=[settings.seed, number],
        )
        refined = refine_roughly(similarity, swarm.best)
        if suffices(refined):
            return swarm, refined
        found.append((swarm, refined))
    return max(found, key=lambda one: float(similarity(one[1])[0]))


def search_region(
    similarity: MutualInformation,
    start: Parameters,
    reference: Volume,
    settings: RegistrationSettings,
    finer: MutualInformation,
) -> Parameters:
    """Find a region's motion near the body's: climb from starts along the slices and from a swarm.

    Args:
        similarity: Of the region, on the top layer.
        start: The body's motion about the region's centre.
        reference: The reference.
        settings: Size of the search and of the swarm.
        finer: The region's similarity, about the same centre, that decides between the motions refined: a weak match has
            hills of noise on the top layer.
    """
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
    refined = [refine_roughly(similarity, candidate) for candidate in (*starts, swarm.best)]
    return refined[int(np.argmax(finer(refined)))]


def _half_box(reference: Volume, rotation_deg: float, inplane_mm: float, axial_mm: float) -> Parameters:
    """Give a search box's half sizes in world axes, for half ranges along the reference's own axes."""
    along_world = np.abs(reference.directions) @ np.array([inplane_mm, inplane_mm, axial_mm])
    return np.concatenate([np.full(3, np.deg2rad(rotation_deg)), along_world])


def length_mm(volume: Volume) -> float:
    """Give a volume's extent along its slice axis."""
    return float(volume.spacing_mm[2] * volume.values.shape[0])


def _middle(volume: Volume) -> NDArray[np.float64]:
    """Give the world position of a volume's middle."""
    return world_from_index(volume, (np.array(volume.values.shape)[None] - 1) / 2)[0]
