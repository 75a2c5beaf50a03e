"""Make the cohort that benchmarks/gpu.py trains on: the phantom's patients, all phases on one grid, in memory.

The patients lie still and every phase is evaluated on the reference's grid, so nothing needs to be registered and no
interpolation blurs a phase: this compares networks, not registrations.
"""

import dataclasses
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import AsyncResult, Pool, ThreadPool

import numpy as np

from nnunet_multiphase.phantom.cohort import sample_case
from nnunet_multiphase.phantom.render import Grid, add_noise, render_hu, render_lesions
from nnunet_multiphase.phases import FILL_HU, PHASES

PERCENTILES = (0.05, 99.5)
"""Of the training lesions' HU, where images are clipped; as our planner does."""


@dataclass(frozen=True)
class Case:
    """Hold a patient: HU (C, Z, Y, X) int16 in the phases' order and the lesions (Z, Y, X) uint8."""

    number: int
    hu: np.ndarray
    lesions: np.ndarray


def render(number: int, seed: int, spacing_mm: float) -> Case:
    """Render a patient's four phases and lesions in cubic voxels, without motion."""
    case = sample_case(number, seed=seed, max_breath_mm=0, max_rotation_deg=0, max_shift_mm=0)
    motion, drawn = case.motions[case.reference], case.grids[case.reference]
    x, y, z = (max(8, round(n * mm / spacing_mm)) for n, mm in zip(drawn.size, drawn.spacing_mm, strict=True))
    grid: Grid = dataclasses.replace(drawn, size=(x, y, z), spacing_mm=(spacing_mm,) * 3)
    rng = np.random.default_rng([seed, number, 1])
    phases = [
        add_noise(rng, render_hu(case.patient, motion, phase, grid), case.noise_hu[phase]) for phase in PHASES
    ]
    hu = np.clip(np.rint(np.stack(phases)), FILL_HU, 3000).astype(np.int16)
    return Case(number, hu, render_lesions(case.patient, motion, grid, case.patient.lesions))


@contextmanager
def rendering(cases: int, seed: int, spacing_mm: float, workers: int) -> Iterator[list["AsyncResult[Case]"]]:
    """Render cases 1 to `cases` in the background, in processes or (0 workers) a thread; at the end, stop."""
    # Each process renders on one thread; a library's further threads would take the other processes' cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pool: Pool = multiprocessing.get_context("spawn").Pool(workers) if workers else ThreadPool(1)
    with pool:  # whose end terminates what still runs
        yield [pool.apply_async(render, (number, seed, spacing_mm)) for number in range(1, cases + 1)]


def is_held_out(case: Case) -> bool:
    """Hold out every third case, so that a cohort that was cut short has both kinds."""
    return case.number % 3 == 0


@dataclass(frozen=True)
class Normalisation:
    """Hold nnU-Net's CTNormalization, a value a phase: clip to low and high, subtract the mean, divide by the spread."""

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    def apply(self, hu: np.ndarray) -> np.ndarray:
        """Normalise HU (C, Z, Y, X) to float16, so that a cohort fits on the GPU."""
        clipped = np.clip(hu, self.low, self.high)
        normalised: np.ndarray = ((clipped - self.mean) / self.spread).astype(np.float16)
        return normalised


def normalisation(cases: list[Case]) -> Normalisation:
    """Measure the lesions of the training cases."""
    values = np.concatenate([case.hu[:, case.lesions > 0] for case in cases], axis=1).astype(np.float32)
    low, high = np.percentile(values, PERCENTILES, axis=1)
    moments = (values.mean(axis=1), np.maximum(values.std(axis=1), 1e-8))
    return Normalisation(*(np.float32(v)[:, None, None, None] for v in (low, high, *moments)))
