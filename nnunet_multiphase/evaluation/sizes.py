"""Count how many lesions were found by their size in the truth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnunet_multiphase.evaluation.scores import LesionScore

SIZES = ("under 10 mm", "10 to 20 mm", "over 20 mm")
"""Of the longest axial diameter in the truth; 10 and 20 mm belong to the middle. From 10 mm on RECIST 1.1 measures a lesion
and LI-RADS v2018 may call it definitely HCC; its next class begins at 20 mm."""


def size_of(diameter_mm: float) -> str:
    """Name the group of a lesion by its longest axial diameter."""
    # A diameter of exactly 10 mm is none of 9.9999 because a file's spacing is in single precision.
    diameter_mm = round(diameter_mm, 3)
    if diameter_mm < 10:
        return SIZES[0]
    return SIZES[1] if diameter_mm <= 20 else SIZES[2]


def counted_by_size(lesions: Iterable[LesionScore]) -> dict[str, tuple[int, int]]:
    """Count lesions of the truth by size: how many were found, and how many there are; false ones have no true size."""
    counted = dict.fromkeys(SIZES, (0, 0))
    for lesion in lesions:
        if lesion.outcome != "false":
            size = size_of(lesion.truth_diameter_mm)
            found, total = counted[size]
            counted[size] = (found + (lesion.outcome == "found"), total + 1)
    return counted
