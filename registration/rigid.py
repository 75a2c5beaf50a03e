"""Rigid motions: six parameters <-> SimpleITK's Euler3DTransform, about a given centre.

Parameters are (rotation about x, y, z in radians, translation along x, y, z in mm), in SimpleITK's order:
point -> R (point - centre) + centre + translation with R = Rz Rx Ry.
"""

from __future__ import annotations

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


def transform_from_parameters(parameters: ArrayLike, centre: ArrayLike) -> sitk.Euler3DTransform:
    """Give the SimpleITK transform of six parameters about a centre (x, y, z in mm)."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(c) for c in np.asarray(centre)])
    transform.SetParameters([float(p) for p in np.asarray(parameters)])
    return transform


def recentre(parameters: ArrayLike, centre: ArrayLike, new_centre: ArrayLike) -> NDArray[np.float64]:
    """Describe the same motion about another centre: the rotation stays, the translation changes.

    Args:
        parameters: Six parameters about `centre`.
        centre: Old centre (x, y, z), mm.
        new_centre: New centre (x, y, z), mm.

    Returns:
        Six parameters about `new_centre`.
    """
    parameters = np.asarray(parameters, dtype=np.float64)
    arm = np.asarray(new_centre, dtype=np.float64) - np.asarray(centre, dtype=np.float64)
    moved = parameters.copy()
    moved[3:] += rotation_matrices(parameters)[0] @ arm - arm
    return moved


def move_points(
    points: NDArray[np.float64], motion: Parameters, centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move points (n, 3: x, y, z in mm) by six parameters about a centre."""
    return (points - centre) @ rotation_matrices(motion)[0].T + centre + motion[3:]
