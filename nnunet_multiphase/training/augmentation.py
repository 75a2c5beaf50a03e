"""Training, step 1: the method's augmentations, as changes to nnU-Net's own list.

nnU-Net's training transforms already hold every augmentation the method names (scaling, Gaussian noise and
blur, brightness, contrast, low resolution, gamma, mirroring), besides the steps that make targets (labels,
regions, cascade, deep supervision). Two things differ: the method has no rotation, and it raises a
low-resolution image again by nearest neighbour.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import RandomTransform

LARGEST_SCALE = 1.4
"""nnU-Net's scaling looks at 0.7 to 1.4 times the patch."""


def flatten(transform: BasicTransform) -> Iterator[BasicTransform]:
    """Yield the transforms inside nested compositions and random applications, in order."""
    if isinstance(transform, ComposeTransforms):
        for part in transform.transforms:
            yield from flatten(part)
    elif isinstance(transform, RandomTransform):
        yield from flatten(transform.transform)
    else:
        yield transform


def follow_method(transforms: BasicTransform, *, rotation: bool) -> BasicTransform:
    """Turn nnU-Net's training transforms into the method's, in place.

    Args:
        transforms: What nnU-Net's `get_training_transforms` returned.
        rotation: Whether random rotation stays.

    Returns:
        The same object: low resolution upsampled by nearest neighbour, rotation off unless wanted.
    """
    for transform in flatten(transforms):
        if isinstance(transform, SimulateLowResolutionTransform):
            transform.upmodes = dict.fromkeys(transform.upmodes, "nearest-exact")
        elif isinstance(transform, SpatialTransform) and not rotation:
            transform.p_rotation = 0
    return transforms


def patch_size_before_scaling(patch_size: Sequence[int], *, in_plane_only: bool) -> np.ndarray:
    """Give the patch to load so that the largest scaling sees real voxels up to its border.

    Args:
        patch_size: Patch size of the network in voxels.
        in_plane_only: The first axis is not scaled (nnU-Net's treatment of anisotropic patches).

    Returns:
        Patch size in voxels, rounded up.
    """
    loaded = np.ceil(np.asarray(patch_size) * LARGEST_SCALE).astype(int)
    if in_plane_only:
        loaded[0] = patch_size[0]
    return loaded
