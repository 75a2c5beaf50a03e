"""Two acquisitions between each other's slices, seen in the voxels; one acquisition is never taken for two."""

from __future__ import annotations

import body_phantom as body
import numpy as np
import pytest
from dicom_phantom import abdomen_hu

from nnunet_multiphase.dicom.interleaved import alternation, is_interleaved
from nnunet_multiphase.phases import PHASES

SPACING_MM = (5.0, 6.0, 2.5)


def noisy(hu: np.ndarray, sd_hu: float = 12.0, seed: int = 0) -> np.ndarray:
    return hu + np.random.default_rng(seed).normal(0, sd_hu, hu.shape)


def slanting(phase: str, count: int = 24) -> np.ndarray:
    """Let the organs move through the plane from slice to slice, as in a body; (z, y, x) HU."""
    flat = abdomen_hu(phase, (1, 32, 32))[0]
    return noisy(np.stack([np.roll(flat, k // 4, axis=1) for k in range(count)]))


def interleave(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    both = np.empty((2 * len(first), *first.shape[1:]))
    both[::2], both[1::2] = first, second
    return both


@pytest.mark.parametrize(("first", "second"), [("nc", "art"), ("nc", "pv"), ("nc", "dl"), ("art", "pv")])
def test_two_phases_between_each_others_slices_are_found(first: str, second: str) -> None:
    assert is_interleaved(interleave(slanting(first), noisy(slanting(second), seed=1)), SPACING_MM)


@pytest.mark.parametrize("phases", [("art", "pv", "dl"), ("nc", "art", "pv", "dl")])
def test_more_phases_between_each_others_slices_are_found(phases: tuple[str, ...]) -> None:
    step = 5.0 / len(phases)
    low, high = body.ABDOMEN
    parts = [body.body_hu((low + n * step, high + n * step), phase, seed=n) for n, phase in enumerate(phases)]
    mixed = np.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:])
    assert is_interleaved(mixed, (*body.SPACING_MM[:2], step))
    assert not any(is_interleaved(part, body.SPACING_MM) for part in parts)


@pytest.mark.parametrize("phase", PHASES)
def test_nothing_but_noise_between_slices_is_one_acquisition(phase: str) -> None:
    assert not is_interleaved(noisy(abdomen_hu(phase, (24, 32, 32)), 30), SPACING_MM)


def test_few_slices_of_noise_are_one_acquisition() -> None:
    found = [is_interleaved(noisy(abdomen_hu("pv", (8, 32, 32)), 30, seed), SPACING_MM) for seed in range(50)]
    assert not any(found)


def test_thick_overlapping_slices_are_one_acquisition() -> None:
    thin = slanting("pv", 50)
    assert not is_interleaved((thin[:-1] + thin[1:]) / 2, SPACING_MM)


def test_slices_written_twice_are_one_acquisition() -> None:
    # Each neighbour of a pair is its copy, the other is another slice: half of the differences are nothing.
    ratio, _ = alternation(np.repeat(slanting("art"), 2, axis=0), SPACING_MM) or (9, 9)
    assert ratio == pytest.approx(0.5, abs=0.01)


def test_too_little_tissue_says_nothing() -> None:
    assert alternation(np.full((20, 32, 32), -1000.0), SPACING_MM) is None
