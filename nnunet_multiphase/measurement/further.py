"""Measure of a lesion what other distributions add (`extensions.LESION_MEASURES`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.extensions import LESION_MEASURES, added


class FurtherMeasure(Protocol):
    """Measure one lesion."""

    def __call__(
        self,
        lesion: np.ndarray,
        phases_hu: Mapping[str, np.ndarray],
        spacing_mm: tuple[float, float, float],
    ) -> float | None:
        """Return its value; None where it has none.

        Args:
            lesion: (z, y, x) bool, the lesion and some space around it; z runs to the head, y to the back, x to the left.
            phases_hu: Phase -> HU in the same box, -1024 where there are no data.
            spacing_mm: Of a voxel, (z, y, x).
        """


def further_names() -> tuple[str, ...]:
    """Name what is added, in order."""
    return tuple(_measures())


def further_measures(
    lesion: np.ndarray, phases_hu: Mapping[str, np.ndarray], spacing_mm: tuple[float, float, float]
) -> dict[str, float | None]:
    """Measure a lesion; arguments as `FurtherMeasure` has them.

    Raises:
        InputError: One fails, or gives no number.
    """
    values: dict[str, float | None] = {}
    for name, measure in _measures().items():
        try:
            value = measure(lesion, phases_hu, spacing_mm)
            values[name] = None if value is None or math.isnan(value) else float(value)
        except Exception as error:  # another's program may raise anything
            raise InputError(
                f"the measure {name}, which another distribution adds, failed ({type(error).__name__}: {error}): mend or "
                "uninstall it"
            ) from error
    return values


def _measures() -> dict[str, FurtherMeasure]:
    return added(LESION_MEASURES)
