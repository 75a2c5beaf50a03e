"""Rigid motions: six parameters <-> SimpleITK's Euler3DTransform, about a given centre.

Parameters are (rotation about x, y, z in radians, translation along x, y, z in mm), in SimpleITK's order:
point -> R (point - centre) + centre + translation with R = Rz Rx Ry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from registration.compiled import compiled

Parameters = NDArray[np.float64]
"""Six of them."""


def rotation_matrices(parameters: ArrayLike) -> NDArray[np.float64]:
    """Give the rotation matrices (n, 3, 3) of n parameter vectors (n, 6)."""
    return np.asarray(_rotation_matrices(np.atleast_2d(np.asarray(parameters, dtype=np.float64))))


@compiled()
def _rotation_matrices(parameters):  # type: ignore[no-untyped-def]
    matrices = np.empty((len(parameters), 3, 3))
    for n in range(len(parameters)):
        cx, cy, cz = np.cos(parameters[n, 0]), np.cos(parameters[n, 1]), np.cos(parameters[n, 2])
        sx, sy, sz = np.sin(parameters[n, 0]), np.sin(parameters[n, 1]), np.sin(parameters[n, 2])
        m = matrices[n]
        m[0, 0], m[0, 1], m[0, 2] = cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy
        m[1, 0], m[1, 1], m[1, 2] = sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy
        m[2, 0], m[2, 1], m[2, 2] = -cx * sy, sx, cx * cy
    return matrices


@dataclass(frozen=True, eq=False)
class RigidMotion:
    """Hold a motion of points: six parameters, and the centre that they turn about.

    Attributes:
        parameters: Rotation about x, y, z in radians, translation along x, y, z in mm.
        centre: World position (x, y, z), mm.
    """

    parameters: Parameters
    centre: NDArray[np.float64]

    def about(self, centre: ArrayLike) -> RigidMotion:
        """Describe the same motion about another centre (mm): the rotation stays, the translation changes."""
        other = np.asarray(centre, dtype=np.float64)
        arm = other - self.centre
        parameters = np.array(self.parameters, dtype=np.float64)
        parameters[3:] += rotation_matrices(parameters)[0] @ arm - arm
        return RigidMotion(parameters, other)

    def move(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move points (n, 3: x, y, z in mm)."""
        turned = (points - self.centre) @ rotation_matrices(self.parameters)[0].T
        return turned + self.centre + self.parameters[3:]

    def transform(self) -> sitk.Euler3DTransform:
        """Give it as SimpleITK's transform, with the same parameters and centre."""
        transform = sitk.Euler3DTransform()
        transform.SetCenter([float(c) for c in np.asarray(self.centre)])
        transform.SetParameters([float(p) for p in np.asarray(self.parameters)])
        return transform
