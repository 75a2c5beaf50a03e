"""Choose the network's arguments for given kernel sizes and strides, as nnU-Net's plans write them."""

from collections.abc import Sequence
from typing import Any

ARCH_KWARGS_REQ_IMPORT: tuple[str, ...] = ("conv_op", "norm_op", "nonlin")
"""Entries that name a class; nnU-Net imports them."""

NETWORK_CLASS = "nnunet_multiphase.network.dilated_scam_unet.DilatedSCAMUNet"

RATES = (2, 3)
"""Dilation rates, in turn. Without a common factor, two convolutions in a row reach every voxel between
their taps; one rate everywhere would leave a grid of voxels that never meet."""

FEATURES_3D = (16, 32, 64, 96, 128)
FEATURES_2D = (32, 64, 128, 192, 256)
CONVOLUTIONS = (1, 1, 2, 2, 2)


def default_arch_kwargs(
    kernel_sizes: Sequence[Sequence[int]],
    strides: Sequence[Sequence[int]],
    *,
    is_2d: bool,
    patch_size: Sequence[int] | None = None,
    rates: Sequence[int] = RATES,
    features: Sequence[int] | None = None,
    convolutions: Sequence[int] = CONVOLUTIONS,
    second_rates: Sequence[int] | None = None,
    smooth: bool = False,
) -> dict[str, Any]:
    """Return DilatedSCAMUNet's arguments, ready for JSON.

    Args:
        kernel_sizes: kernel size of each stage and axis.
        strides: pooling before each stage and axis, the first all ones; its length is the number of stages.
        is_2d: whether the network is two-dimensional.
        patch_size: spatial size of the patch. A rate is lowered to what a stage's map holds (an axis of n
            voxels holds taps at most n - 1 apart); without it no rate is lowered.
        rates: dilation rates that the convolutions of a stage take in turn.
        features: encoder's channels of each stage, the last one repeated; by default FEATURES_3D or FEATURES_2D.
        convolutions: encoder's convolutions of each stage, the last number repeated.
        second_rates: rates, in turn, of the second half of each convolution's channels; None: the same as the first.
        smooth: average before every dilated convolution.

    Returns:
        Arguments but input_channels, num_classes and deep_supervision; the entries named in
        ARCH_KWARGS_REQ_IMPORT are dotted names.
    """
    n_stages = len(strides)
    features = features or (FEATURES_2D if is_2d else FEATURES_3D)
    features_per_stage = [features[min(s, len(features) - 1)] for s in range(n_stages)]
    n_conv = [convolutions[min(s, len(convolutions) - 1)] for s in range(n_stages)]
    n_conv_decoder = [1] * (n_stages - 1)
    dimension = 2 if is_2d else 3
    n_rates = [n + 2 for n in n_conv[:-1]] + [n_conv[-1] + 1]
    optional: dict[str, Any] = {"smooth": True} if smooth else {}  # so that other plans stay as they were
    if second_rates is not None:
        optional["second_dilations"] = _dilations(kernel_sizes, strides, patch_size, n_rates, second_rates)
    return {
        "n_stages": n_stages,
        "features_per_stage": features_per_stage,
        "decoder_features_per_stage": [f // 2 for f in features_per_stage[:-1]],
        "conv_op": f"torch.nn.modules.conv.Conv{dimension}d",
        "kernel_sizes": [[int(k) for k in kernel] for kernel in kernel_sizes],
        "strides": [[int(s) for s in stride] for stride in strides],
        "dilations": _dilations(kernel_sizes, strides, patch_size, n_rates, rates),
        "n_conv_per_stage": n_conv,
        "n_conv_per_stage_decoder": n_conv_decoder,
        "conv_bias": False,
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimension}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
        "gate_per_channel": False,
        "pool": "max",
        "ignore_absent_phases": True,
        **optional,
    }


def _dilations(
    kernel_sizes: Sequence[Sequence[int]],
    strides: Sequence[Sequence[int]],
    patch_size: Sequence[int] | None,
    convolutions: Sequence[int],
    rates: Sequence[int],
) -> list[list[list[int]]]:
    """Return the rate of every stage, convolution and axis."""
    size = None if patch_size is None else [int(n) for n in patch_size]
    dilations = []
    for kernel, stride, count in zip(kernel_sizes, strides, convolutions, strict=True):
        if size is not None:
            size = [n // s for n, s in zip(size, stride, strict=True)]
        room = [max(1, n - 1) for n in size] if size is not None else [max(rates)] * len(kernel)
        dilations.append(
            [
                [1 if k == 1 else min(rates[i % len(rates)], r) for k, r in zip(kernel, room, strict=True)]
                for i in range(count)
            ]
        )
    return dilations
