"""Measure how well a lesion stands out of the liver in one phase, from rendered images.

The same voxels are rendered twice, noise-free, and compared: with the lesion and without it, or with another kind in
the same place and shape. The root mean square of the difference over the lesion, divided by the phase's noise, is the
contrast-to-noise ratio used here; unlike a difference of means it also counts a rim or nodules that average out.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from nnunet_multiphase.phantom.cohort import Case
from nnunet_multiphase.phantom.lesions import MIMICS, Lesion
from nnunet_multiphase.phantom.motion import Motion, place
from nnunet_multiphase.phantom.render import Grid, render_hu, render_lesions


def grid_around(grid: Grid, motion: Motion, lesion: Lesion, *, margin_mm: float = 4.0) -> Grid:
    """Return the part of a grid that holds a lesion, at least 1 voxel along each axis."""
    centre = place(motion, [lesion.centre])[0]
    spacing = np.asarray(grid.spacing_mm)
    middle = (grid.direction.T @ (centre - np.asarray(grid.origin_mm))) / spacing
    reach = (1.6 * lesion.radius_mm + margin_mm) / spacing
    first = np.clip(np.floor(middle - reach), 0, np.asarray(grid.size) - 1).astype(int)
    last = np.clip(np.ceil(middle + reach), first, np.asarray(grid.size) - 1).astype(int)
    x, y, z = (float(v) for v in np.asarray(grid.origin_mm) + grid.direction @ (first * spacing))
    nx, ny, nz = (int(v) for v in last - first + 1)
    return Grid((nx, ny, nz), grid.spacing_mm, (x, y, z), grid.direction)


def contrast_hu(
    case: Case, lesion: Lesion, phase: str, *, against: str | None = None
) -> npt.NDArray[np.float32]:
    """Return the HU a lesion adds to each of its voxels in one phase.

    Args:
        case: The patient the lesion lies in.
        lesion: One of his lesions or mimics.
        phase: One of PHASES.
        against: Compare with this kind in the same place and shape; without it, with bare liver.

    Returns:
        Differences (N,) over the N voxels of the lesion, noise-free; empty if the phase does not cover it.
    """
    motion = case.motions[phase]
    grid = grid_around(case.grids[phase], motion, lesion)
    bare = dataclasses.replace(case.patient, lesions=(), mimics=())
    with_lesion = dataclasses.replace(bare, lesions=(lesion,))
    if against is not None:
        bare = dataclasses.replace(bare, lesions=(dataclasses.replace(lesion, kind=against),))
    elif lesion.kind in MIMICS:
        # vessels run through a mimic and not through a lesion
        with_lesion = dataclasses.replace(bare, mimics=(lesion,))
    shown, plain = (render_hu(patient, motion, phase, grid) for patient in (with_lesion, bare))
    mask = render_lesions(case.patient, motion, grid, (lesion,)) > 0
    return np.asarray((shown - plain)[mask], dtype=np.float32)


def contrast_to_noise(case: Case, lesion: Lesion, phase: str, *, against: str | None = None) -> float:
    """Return the root mean square of `contrast_hu` over the phase's noise; 0 where the phase does not cover it."""
    difference = contrast_hu(case, lesion, phase, against=against)
    if difference.size == 0:
        return 0.0
    return float(np.sqrt(np.mean(difference.astype(np.float64) ** 2)) / case.noise_hu[phase])
