"""Segment with a light U-Net whose spatial convolutions are all dilated and whose skips pass a SCAM."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.network.availability import silence_absent_phases
from nnunet_multiphase.network.encoder_decoder import Decoder, Encoder
from nnunet_multiphase.network.residual_block import ResidualBlock
from nnunet_multiphase.network.scam import (
    GATE_WEIGHT_STD,
    OPEN_GATE_BIAS,
    SCAM,
    ChannelWeighting,
    PlainSkip,
    SpatialGate,
)

Rate = int | Sequence[int]
"""A dilation rate for all axes, or one for each."""

Rates = list[tuple[int, ...]]
"""Of a block's convolutions, one for each axis."""

ENCODER, SKIP, DECODER = range(3)
"""In which order a stage's rates are shared out."""

LEAKY_SLOPE = 1e-2
POOLS = ("max", "avg", "stride")


class DilatedSCAMUNet(nn.Module):
    """Build the method's U-Net from plans.

    `default_arch_kwargs` gives all but the first two arguments. Every list goes from the finest stage to the
    deepest, except n_conv_per_stage_decoder, which goes from the deepest up (nnU-Net's order).

    Args:
        input_channels: channels of the image: phases, plus the previous stage's one-hot labels in a cascade.
        num_classes: channels of the output.
        n_stages: resolutions, at least 2.
        features_per_stage: encoder's channels.
        conv_op: torch.nn.Conv2d or torch.nn.Conv3d.
        kernel_sizes: odd kernel size of each stage and axis.
        strides: pooling before each stage; the first is all ones.
        dilations: rates of all convolutions on a stage's grid in order of computation: the encoder's
            n_conv_per_stage, the skip's one (the deepest stage has no skip), the decoder's
            n_conv_per_stage_decoder (one on the deepest stage). A rate is an int or one int an axis; an axis
            whose kernel is 1 is never dilated.
        n_conv_per_stage: encoder's convolutions.
        n_conv_per_stage_decoder: convolutions of each concatenated map.
        conv_bias: whether spatial convolutions have a bias.
        norm_op: normalisation layer.
        norm_op_kwargs: its options.
        nonlin: activation.
        nonlin_kwargs: its options.
        deep_supervision: one output for each resolution but the deepest.
        decoder_features_per_stage: channels C of g and x on the way to each stage but the deepest; half the
            encoder's when None.
        gate_per_channel: a weight for each voxel and channel; otherwise one a voxel.
        pool: "max", "avg", or "stride" (a stage's first convolution has the stride; it stays dilated).
        select_skips: pass every skip through a SCAM; False passes it as it is (to measure what SCAM gives).
        ignore_absent_phases: set the channels of phases that are not there to 0, see `silence_absent_phases`.
        channels_last_on_cpu: compute in channels-last memory on a CPU, where oneDNN's dilated 3-D
            convolutions are several times slower otherwise. The result is the same.
        second_dilations: rates, as `dilations`, of the second half of every convolution's output channels; None
            where all channels have the same.
        smooth: average before every dilated convolution, see `ResidualBlock`.

    Raises:
        InputError: lists whose lengths do not fit n_stages; an unknown pool.
    """

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        *,
        n_stages: int,
        features_per_stage: Sequence[int],
        conv_op: type[nn.Module],
        kernel_sizes: Sequence[Sequence[int]],
        strides: Sequence[Sequence[int]],
        dilations: Sequence[Sequence[Rate]],
        n_conv_per_stage: Sequence[int],
        n_conv_per_stage_decoder: Sequence[int],
        conv_bias: bool,
        norm_op: type[nn.Module],
        norm_op_kwargs: dict[str, Any],
        nonlin: type[nn.Module],
        nonlin_kwargs: dict[str, Any],
        deep_supervision: bool = False,
        decoder_features_per_stage: Sequence[int] | None = None,
        gate_per_channel: bool = False,
        pool: str = "max",
        channels_last_on_cpu: bool = True,
        select_skips: bool = True,
        ignore_absent_phases: bool = False,
        second_dilations: Sequence[Sequence[Rate]] | None = None,
        smooth: bool = False,
    ) -> None:
        super().__init__()
        if pool not in POOLS:
            raise InputError(
                f"DilatedSCAMUNet: pool must be one of {', '.join(POOLS)}, is {pool!r}; correct the plans."
            )
        if decoder_features_per_stage is None:
            decoder_features_per_stage = [max(1, f // 2) for f in features_per_stage[:-1]]
        _check_lengths(
            n_stages,
            features_per_stage=features_per_stage,
            kernel_sizes=kernel_sizes,
            strides=strides,
            dilations=dilations,
            second_dilations=dilations if second_dilations is None else second_dilations,
            n_conv_per_stage=n_conv_per_stage,
        )
        _check_lengths(
            n_stages - 1,
            n_conv_per_stage_decoder=n_conv_per_stage_decoder,
            decoder_features_per_stage=decoder_features_per_stage,
        )
        kernels = [tuple(k) for k in kernel_sizes]
        decoder_convs = [*reversed(n_conv_per_stage_decoder), 1]  # finest first; one on the deepest stage

        def shared_out(of_stages: Sequence[Sequence[Rate]]) -> list[tuple[Rates, Rates, Rates]]:
            return [
                _split_rates(
                    of_stages[s], kernels[s], n_conv_per_stage[s], s < n_stages - 1, decoder_convs[s], s
                )
                for s in range(n_stages)
            ]

        rates = shared_out(dilations)
        second = None if second_dilations is None else shared_out(second_dilations)
        self.strides = [tuple(s) for s in strides]
        self.num_classes = num_classes
        self.channels_last_on_cpu = channels_last_on_cpu
        self.ignore_absent_phases = ignore_absent_phases
        self.gate_channels = list(decoder_features_per_stage)

        def block(
            cin: int,
            cout: int,
            stage: int,
            role: int,
            stride: tuple[int, ...] | None = None,
        ) -> ResidualBlock:
            return ResidualBlock(
                cin,
                cout,
                rates=rates[stage][role],
                kernel_size=kernels[stage],
                conv_op=conv_op,
                conv_bias=conv_bias,
                norm_op=norm_op,
                norm_op_kwargs=norm_op_kwargs,
                nonlin=nonlin,
                nonlin_kwargs=nonlin_kwargs,
                stride=stride or (1,) * len(kernels[stage]),
                second_rates=None if second is None else second[stage][role],
                smooth=smooth,
            )

        encoder_in = [input_channels, *features_per_stage[:-1]]
        self.encoder = Encoder(
            [
                block(
                    encoder_in[s],
                    features_per_stage[s],
                    s,
                    ENCODER,
                    self.strides[s] if pool == "stride" else None,
                )
                for s in range(n_stages)
            ],
            self.strides,
            pool,
        )
        gates = self.gate_channels
        upwards = range(n_stages - 2, -1, -1)
        after = [features_per_stage[0], *gates]  # channels of the convolved concatenation on each stage
        self.decoder = Decoder(
            [block(features_per_stage[-1], gates[-1], n_stages - 1, DECODER)]
            + [block(2 * gates[s], after[s], s, DECODER) for s in upwards],
            [block(features_per_stage[s], gates[s], s, SKIP) for s in upwards],
            [
                SCAM(gates[s], conv_op, per_channel=gate_per_channel) if select_skips else PlainSkip()
                for s in upwards
            ],
            [conv_op(after[s], num_classes, 1) for s in upwards],
            deep_supervision=deep_supervision,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Return logits.

        Args:
            x: image, (B, input_channels, *spatial), spatial divisible by the product of the strides.

        Returns:
            (B, num_classes, *spatial), or with deep supervision n_stages - 1 of them, finest first.
        """
        if self.ignore_absent_phases:
            x = silence_absent_phases(x)
        if self.channels_last_on_cpu and x.device.type == "cpu":
            x = x.contiguous(memory_format=torch.channels_last_3d if x.ndim == 5 else torch.channels_last)
        return self.decoder(self.encoder(x))

    def compute_conv_feature_map_size(self, input_size: Sequence[int]) -> int:
        """Return how many numbers all convolutions put out for one image: what nnU-Net estimates memory from.

        Args:
            input_size: spatial size of the patch.
        """
        sizes = [tuple(input_size)]
        for stride in self.strides[1:]:
            sizes.append(tuple(n // s for n, s in zip(sizes[-1], stride, strict=True)))
        total = sum(b.count_outputs(size) for b, size in zip(self.encoder.stages, sizes, strict=True))
        total += self.decoder.blocks[0].count_outputs(sizes[-1])
        steps = len(self.decoder.scams)
        for step in range(steps):
            size = sizes[-2 - step]
            voxels = int(np.prod(size, dtype=np.int64))
            scam = self.decoder.scams[step]
            total += self.decoder.skip_blocks[step].count_outputs(size)
            total += self.decoder.blocks[step + 1].count_outputs(size)
            total += voxels * self.gate_channels[-1 - step]  # the upsampled g
            if isinstance(scam, SCAM):  # its projections of x and of g, and its weights
                total += voxels * (2 * scam.gate.project_x.out_channels + scam.gate.weigh_x.out_channels)
            if self.decoder.deep_supervision or step == steps - 1:
                total += voxels * self.num_classes
        return int(total)

    @staticmethod
    def initialize(module: nn.Module) -> None:
        """Initialise one module (for `Module.apply`): He for spatial convolutions, gates nearly open."""
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, a=LEAKY_SLOPE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, ChannelWeighting):
            nn.init.constant_(module.conv.bias, OPEN_GATE_BIAS)
        elif isinstance(module, SpatialGate):  # apply() reaches children first, so this one stays
            # Small weights too: the maps they read are not normalised, and He weights would drown the bias, so that
            # chance alone decided which skips start shut.
            for weigh in (module.weigh_x, module.weigh_g):
                nn.init.normal_(weigh.weight, std=GATE_WEIGHT_STD)
            nn.init.constant_(module.weigh_x.bias, OPEN_GATE_BIAS)


def _check_lengths(expected: int, **lists: Sequence[Any]) -> None:
    for name, values in lists.items():
        if len(values) != expected:
            raise InputError(
                f"DilatedSCAMUNet: {name} needs {expected} entries, has {len(values)}; "
                "make the network's arguments with default_arch_kwargs or correct the plans."
            )


def _split_rates(
    stage_rates: Sequence[Rate],
    kernel: tuple[int, ...],
    n_encoder: int,
    skip: bool,
    n_decoder: int,
    stage: int,
) -> tuple[Rates, Rates, Rates]:
    """Share a stage's rates out to encoder, skip and decoder."""
    expected = n_encoder + skip + n_decoder
    if len(stage_rates) != expected:
        raise InputError(
            f"DilatedSCAMUNet: dilations of stage {stage} need {expected} rates ({n_encoder} encoder, "
            f"{int(skip)} skip, {n_decoder} decoder convolutions), has {len(stage_rates)}; correct the plans."
        )
    full = [
        tuple(
            1 if k == 1 else int(r)
            for r, k in zip([rate] * len(kernel) if isinstance(rate, int) else rate, kernel, strict=True)
        )
        for rate in stage_rates
    ]
    return full[:n_encoder], full[n_encoder : n_encoder + skip], full[n_encoder + skip :]
