"""Search the motions: swarms over the whole volume, starts about the body's motion for a region, Powell on a layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.powell import maximise_by_powell
from registration.rigid import Parameters
from registration.settings import RegistrationSettings
from registration.similarity import MutualInformation
from registration.swarm import SwarmResult, maximise_by_swarm
from registration.volume import Volume, world_from_index

STILL: Parameters = np.zeros(6)
# First step of Powell: at 100 mm from the centre, a hundredth of a radian moves a point as far as 1 mm does.
STEPS: Parameters = np.array([0.01, 0.01, 0.01, 1.0, 1.0, 1.0])


def climb(similarity: MutualInformation, start: Parameters) -> Parameters:
    """Refine on one layer, to a hundredth of a mm."""
    return maximise_by_powell(similarity, start, STEPS, tolerance=0.01).best


def climb_roughly(similarity: MutualInformation, start: Parameters) -> Parameters:
    """Refine to a tenth of a mm, where a finer search follows."""
    return maximise_by_powell(similarity, start, STEPS, tolerance=0.1).best


def search_volume(
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
    half[3:] = np.minimum(half[3:], max(length_mm(reference), length_mm(moving)))
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


def search_region(
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
    climbed = [climb_roughly(similarity, candidate) for candidate in (*starts, swarm.best)]
    return max(climbed, key=lambda candidate: float(similarity(candidate)[0]))


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
