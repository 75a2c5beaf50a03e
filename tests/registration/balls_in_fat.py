"""A box of fat with balls in it: organs by their size, place and HU alone."""

from __future__ import annotations

import numpy as np

from registration.volume import Volume, world_from_index


def ball(volume: Volume, centre_mm: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    index = np.moveaxis(np.indices(volume.values.shape), 0, -1).reshape(-1, 3)
    away = np.linalg.norm(world_from_index(volume, index) - centre_mm, axis=1)
    return (away <= radius_mm).reshape(volume.values.shape)


def fat_with(balls: list[tuple[tuple[float, float, float], float, float]], noise_hu: float = 0.0) -> Volume:
    """A box of fat, 300 mm wide with its middle at 0, with balls (centre and radius in mm, HU) in it."""
    volume = Volume(
        np.full((30, 40, 50), -100, np.float32), np.diag([6.0] * 3), np.array([-147.0, -117, -87])
    )
    for centre, radius, hu in balls:
        volume.values[ball(volume, centre, radius)] = hu
    volume.values[:] += np.random.default_rng(0).normal(0, noise_hu, volume.values.shape)
    return volume


LIVER = ((-60.0, 0.0, 0.0), 50.0)
