"""Tell which lesions are cut off: by the volume's end, by another phase's, or by that of where was looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from nnunet_multiphase.errors import first_of
from nnunet_multiphase.measurement.record import End, LesionMeasures
from nnunet_multiphase.phases import FILL_HU
from registration.padding import reaches_edge

LEAST_BESIDE = 0.05
"""Of the voxels beside a lesion that must be without data: single ones are noise of air that was cut at -1024 HU."""
MOST_NAMED = 6
CUT_BY: Mapping[End, str] = {
    "volume": "the end of the volume",
    "phases": "the end of another phase",
    "window": "the end of where was looked about the liver",
}


@dataclass(frozen=True)
class Bounds:
    """Hold where lesions could be found, on the upright grid that they lie on.

    Attributes:
        box: As slices (z, y, x).
        low: What ends at its lower side along z, y, x.
        high: What ends at its upper side.
    """

    box: tuple[slice, slice, slice]
    low: tuple[End, End, End]
    high: tuple[End, End, End]

    @classmethod
    def of_volume(cls, shape: Sequence[int]) -> Bounds:
        """Give those of a volume (z, y, x) that was looked at everywhere."""
        z, y, x = (slice(0, count) for count in shape)
        return cls((z, y, x), ("volume",) * 3, ("volume",) * 3)


class Ends:
    """Hold what lesions may end at."""

    def __init__(
        self,
        numbers: np.ndarray,
        phases_hu: Mapping[str, np.ndarray],
        reference: str,
        bounds: Bounds | None = None,
    ) -> None:
        """Take a patient.

        Args:
            numbers: (z, y, x) lesions by number, 0 elsewhere.
            phases_hu: phase -> (z, y, x) HU; voxels of exactly FILL_HU hold no data.
            reference: Phase whose grid this is. Where it is none of `phases_hu`, what no phase shows is no data.
            bounds: Where a model looked at all phases; None: nobody knows what the lesions were drawn on, and
                the other phases' ends say nothing.
        """
        self._numbers, self._phases_hu = numbers, phases_hu
        self._reference, self._with_phases = reference, bounds is not None
        self._bounds = Bounds.of_volume(numbers.shape) if bounds is None else bounds
        self._areas: dict[str, np.ndarray] = {}

    def of(self, number: int, tight: tuple[slice, ...]) -> tuple[End, ...]:
        """Tell what cuts a lesion off, in its bounding box (z, y, x); nothing of one that merely lies near an end."""
        found: set[End] = set()
        bounds = self._bounds
        for span, box, low, high, planes in zip(
            tight, bounds.box, bounds.low, bounds.high, self._numbers.shape, strict=True
        ):
            if planes == 1:  # a single slice was meant to be one
                continue
            found |= {low} if span.start <= box.start else set()
            found |= {high} if span.stop >= box.stop else set()
        if self._stops_at("", number, tight):
            found.add("volume")
        if self._with_phases and any(
            self._stops_at(phase, number, tight) for phase in self._phases_hu if phase != self._reference
        ):
            found.add("phases")
        return tuple(end for end in CUT_BY if end in found)

    def _stops_at(self, phase: str, number: int, tight: tuple[slice, ...]) -> bool:
        """Tell whether a lesion stops where a phase ("": the reference) has no data, rather than going on there."""
        around = tuple(slice(max(0, span.start - 1), span.stop + 1) for span in tight)
        empty = self._empty(phase, around)
        if empty is None or not empty.any():
            return False
        lesion = self._numbers[around] == number
        if not _beside(lesion, empty):
            return False
        if phase not in self._areas:  # seldom needed
            whole = self._empty(phase, (slice(None),) * 3)
            assert whole is not None
            self._areas[phase] = reaches_edge(whole)
        empty = self._areas[phase][around]
        seen = lesion & ~empty
        stops = np.count_nonzero(binary_dilation(seen) & empty & ~lesion)
        goes_on = np.count_nonzero(binary_dilation(seen) & empty & lesion)
        return _beside(lesion, empty) and stops > goes_on

    def _empty(self, phase: str, place: tuple[slice, ...]) -> np.ndarray | None:
        """Mark where a phase has no data; None where it is not known."""
        name = phase or self._reference
        shown = [name] if name in self._phases_hu else [] if phase else list(self._phases_hu)
        if not shown:
            return None
        return np.all([self._phases_hu[one][place] == FILL_HU for one in shown], axis=0)


def _beside(lesion: np.ndarray, empty: np.ndarray) -> bool:
    """Tell whether enough of the voxels beside a lesion are empty."""
    beside = binary_dilation(lesion) & ~lesion
    return bool(np.count_nonzero(beside & empty) >= max(1.0, LEAST_BESIDE * np.count_nonzero(beside)))


def told_of_ends(lesions: Sequence[LesionMeasures], where: str = "") -> list[str]:
    """Say which lesions are cut off by what, a sentence for each; none where there is none.

    Args:
        lesions: Those of a patient.
        where: What to do about the end of where was looked, a clause.
    """
    by_ends: dict[tuple[End, ...], list[int]] = {}
    for lesion in lesions:
        if lesion.cut_off:
            by_ends.setdefault(lesion.cut_off, []).append(lesion.id)
    found = []
    for ends, numbers in by_ends.items():
        who, whose = ("lesion {} reaches", "its") if len(numbers) == 1 else ("lesions {} reach", "their")
        more = f" ({where})" if where and "window" in ends else ""
        found.append(
            f"{who.format(first_of(numbers, MOST_NAMED))} {named_ends(ends)}{more}: {whose} volume and diameters "
            "are lower bounds"
        )
    return found


def named_ends(ends: Sequence[End]) -> str:
    """Name what cuts a lesion off."""
    return " and ".join(CUT_BY[end] for end in ends)
