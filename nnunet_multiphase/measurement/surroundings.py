"""Say where in the liver a lesion lies: how deep, and on which side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree

LEFT_SHARE = 0.35
"""Of a liver's volume that is left of Cantlie's line: 33 and 2 % (left liver and caudate lobe; Abdalla et al., Surgery 2004,
doi:10.1016/j.surg.2003.08.024)."""
TURNED_DEGREES = 30.0  # of Cantlie's line, from the spine to the front and to the right
UNSURE_MM = 10.0  # from the plane: such a lesion is given no side


def touching(lesions: np.ndarray, organ: np.ndarray) -> np.ndarray:
    """Mark the lesions that share a voxel or a voxel's face with an organ.

    Args:
        lesions: (z, y, x) numbers of lesions, 0 elsewhere.
        organ: (z, y, x) bool; lesions may be left out of it.

    Returns:
        (z, y, x) bool: those lesions, whole.
    """
    near = {int(number) for number in np.unique(lesions[organ])}
    for axis in range(3):
        one, other = [slice(None)] * 3, [slice(None)] * 3
        one[axis], other[axis] = slice(1, None), slice(None, -1)
        for here, beside in ((tuple(one), tuple(other)), (tuple(other), tuple(one))):
            near |= {int(number) for number in np.unique(lesions[here][organ[beside]])}
    return np.asarray(np.isin(lesions, sorted(near - {0})))


class Surface:
    """Hold a liver's surface."""

    def __init__(self, liver: np.ndarray, spacing_mm: Sequence[float]) -> None:
        """Find the outermost voxels of a liver (z, y, x), lesions included; where the volume ends there is no surface."""
        self.spacing_mm = np.asarray(spacing_mm, float)
        inner = binary_erosion(np.pad(liver, 1, mode="edge"))[1:-1, 1:-1, 1:-1]
        outermost = np.argwhere(liver & ~inner)[:, ::-1]
        self._tree = cKDTree(outermost * self.spacing_mm) if len(outermost) else None

    def distance_mm(self, voxels: np.ndarray) -> float | None:
        """Give the smallest distance from voxels (n, 3), indices (x, y, z), to the surface; 0 where one is part of it."""
        if self._tree is None:
            return None
        return float(self._tree.query(voxels * self.spacing_mm)[0].min())


class Sides:
    """Divide a liver into left and right, roughly.

    Cantlie's plane runs from the vena cava to the gallbladder, neither of which is segmented. Here a plane of its usual
    direction leaves the usual share of the volume on the left; a liver that is resected or shrunken on one side is divided
    wrongly by that.
    """

    def __init__(self, liver: np.ndarray, spacing_mm: Sequence[float]) -> None:
        """Place the plane for a liver (z, y, x) whose x runs to the patient's left and y to the back."""
        turned = np.deg2rad(TURNED_DEGREES)
        self._left = np.array([np.cos(turned), -np.sin(turned)]) * np.asarray(spacing_mm[:2], float)
        _, y, x = np.nonzero(liver)
        self._middle = (
            float(np.quantile(np.stack([x, y], axis=1) @ self._left, 1 - LEFT_SHARE)) if len(x) else None
        )

    def of(self, place: np.ndarray) -> Literal["left", "right"] | None:
        """Give the side of a place, a continuous index (x, y, z); None within 10 mm of the plane."""
        if self._middle is None:
            return None
        beyond = float(place[:2] @ self._left) - self._middle
        if abs(beyond) < UNSURE_MM:
            return None
        return "left" if beyond > 0 else "right"
