"""The network as nnU-Net builds it from plans, and a small one."""

import json

import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, NETWORK_CLASS, default_arch_kwargs

ISOTROPIC = ([[3, 3, 3]] * 5, [[1, 1, 1]] + [[2, 2, 2]] * 4)
ANISOTROPIC = ([[1, 3, 3]] + [[3, 3, 3]] * 4, [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2]])
FLAT = ([[3, 3]] * 5, [[1, 1]] + [[2, 2]] * 4)


def build(shape, *, patch_size=None, deep_supervision=True, seed=0, channels=4, classes=2, **changes):
    """Build as nnU-Net does, after the kwargs have been JSON."""
    kernel_sizes, strides = shape
    kwargs = default_arch_kwargs(kernel_sizes, strides, is_2d=len(strides[0]) == 2, patch_size=patch_size)
    kwargs = json.loads(json.dumps(kwargs | changes))
    torch.manual_seed(seed)
    return get_network_from_plans(
        NETWORK_CLASS, kwargs, ARCH_KWARGS_REQ_IMPORT, channels, classes, True, deep_supervision
    )


def small(**changes):
    return build(
        ISOTROPIC,
        features_per_stage=[4, 4, 6, 6, 8],
        decoder_features_per_stage=[2, 4, 4, 6],
        **changes,
    )
