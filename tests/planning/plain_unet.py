"""Vanilla nnU-Net's network without memory, to count and compare with."""

from __future__ import annotations

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import nn


def plain_unet(n_axes: int) -> PlainConvUNet:
    """Build the U-Net that nnU-Net plans for four channels and a patch of 128 (3D) or 512 (2D) voxels."""
    features = (32, 64, 128, 256, 320, 320) if n_axes == 3 else (32, 64, 128, 256, 512, 512)
    with torch.device("meta"):
        return PlainConvUNet(
            input_channels=4,
            n_stages=6,
            features_per_stage=features,
            conv_op=nn.Conv3d if n_axes == 3 else nn.Conv2d,
            kernel_sizes=3,
            strides=(1, 2, 2, 2, 2, 2),
            n_conv_per_stage=2,
            num_classes=2,
            n_conv_per_stage_decoder=2,
            conv_bias=True,
            norm_op=nn.InstanceNorm3d if n_axes == 3 else nn.InstanceNorm2d,
            norm_op_kwargs={"affine": True},
            nonlin=nn.LeakyReLU,
            nonlin_kwargs={"inplace": True},
            deep_supervision=True,
        )
