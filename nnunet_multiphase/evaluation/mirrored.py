"""Notice predictions that were written in another orientation: they fit the truth once they are mirrored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

POOR_DICE = 0.5
"""Above it a case lies as its truth does."""
BETTER = 0.2
"""By how much the mean Dice must rise: lesions that are small beside the volume meet another's mirror image by no chance."""
AXES = ("head to feet", "front to back", "left to right")  # of (z, y, x), once a volume is turned to LPS


class MirrorWatch:
    """Compare predictions with their truth as they are and mirrored along each axis, over the cases of an evaluation."""

    def __init__(self) -> None:
        self._dice: list[tuple[float, ...]] = []  # per case: as it is, then along each of AXES

    def look(
        self,
        prediction: sitk.Image,
        truth: sitk.Image,
        predicted_labels: Sequence[int],
        true_labels: Sequence[int],
    ) -> None:
        """Take a case, of one grid and one order of axes."""
        found = np.isin(sitk.GetArrayViewFromImage(prediction), list(predicted_labels))
        true = np.isin(sitk.GetArrayViewFromImage(truth), list(true_labels))
        if not found.any() or not true.any():
            return
        as_it_is = dice(found, true)
        if as_it_is >= POOR_DICE:
            self._dice.append((as_it_is,) * 4)
            return
        flipped = [dice(np.flip(found, axis), true) for axis in range(3)]
        self._dice.append((as_it_is, *flipped))

    def note(self) -> str:
        """Say along which axis the predictions are mirrored; empty where they are not."""
        if not self._dice:
            return ""
        as_it_is, *flipped = np.mean(self._dice, axis=0)
        best = int(np.argmax(flipped))
        if flipped[best] < as_it_is + BETTER:
            return ""
        return (
            f"mirrored from {AXES[best]} the predictions fit the truth better (mean Dice {flipped[best]:.2f} instead of "
            f"{as_it_is:.2f} where both hold lesions): one of the two was written in another orientation than its header "
            "says"
        )


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Give the Dice of two boolean arrays of one shape; 0 where both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 0.0
