"""Tell whether a network can halve a patch as often as it does without losing a row of voxels."""

from collections.abc import Sequence

import numpy as np


def undivided(patch_size: Sequence[int], strides: Sequence[Sequence[int]]) -> str | None:
    """Say what is wrong with a patch that the product of the strides does not divide.

    Pooling drops the last row of an odd map, and upsampling stretches what is left over the whole edge, so that deep
    features lie beside the skips they are joined with, by up to a voxel on each stage.

    Args:
        patch_size: In voxels, an int an axis.
        strides: Of each stage, an int an axis.

    Returns:
        A sentence with the nearest sizes that fit; None where the patch fits.
    """
    patch, divisor = np.asarray(patch_size, dtype=int), np.prod(np.asarray(strides, dtype=int), axis=0)
    if not (patch % divisor).any():
        return None
    below, above = np.maximum(patch // divisor, 1) * divisor, -(-patch // divisor) * divisor
    sizes = [below, above] if (below != above).any() else [above]
    told = " or ".join(str(tuple(size.tolist())) for size in sizes)
    return (
        f"patch_size is {tuple(patch.tolist())}, but the network's strides ask for multiples of "
        f"{tuple(divisor.tolist())}, or its deep features lie beside the fine ones: take {told}"
    )
