"""The 48 axis orders one volume can be stored in: six permutations, each axis either way."""

from __future__ import annotations

from itertools import permutations, product

import SimpleITK as sitk

Order = tuple[tuple[int, ...], tuple[bool, ...]]

ORDERS: list[Order] = [(p, f) for p in permutations(range(3)) for f in product((False, True), repeat=3)]
"""Half of them are left-handed."""


def stored(image: sitk.Image, order: Order) -> sitk.Image:
    """Store the same voxels at the same places in another order."""
    axes, reversed_axes = order
    return sitk.Flip(sitk.PermuteAxes(image, list(axes)), list(reversed_axes), False)
