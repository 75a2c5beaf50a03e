"""Segment with a light U-Net whose spatial convolutions are all dilated and whose skips pass a SCAM."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.network.availability import silence_absent_phases
from nnunet_multiphase.network.scam import (
    GATE_WEIGHT_STD,
    OPEN_GATE_BIAS,
    SCAM,
    ChannelWeighting,
    PlainSkip,
    SpatialGate,
    upsample_linear,
)

Rate = int | Sequence[int]
"""A dilation rate for all axes, or one for each."""

LEAKY_SLOPE = 1e-2
POOLS = ("max", "avg", "stride")


class ResidualBlock(nn.Module):
    """Convolve n times with given rates beside a 1x1x1 path: nonlin(norm(conv(...)) + shortcut(x)).

    The shortcut carries each voxel itself past the dilated taps, which leave out its direct neighbours. It
    is the identity where the number of channels stays.

    Args:
        in_channels: channels of the input.
        out_channels: channels of every convolution.
        rates: dilation of each convolution, one for each axis.
        kernel_size: odd kernel size of each axis.
        conv_op: torch.nn.Conv2d or torch.nn.Conv3d.
        conv_bias: whether the spatial convolutions have a bias.
        norm_op: normalisation, built as norm_op(channels, **norm_op_kwargs).
        norm_op_kwargs: its options.
        nonlin: activation.
        nonlin_kwargs: its options.
        stride: of the first convolution; the 1x1x1 path is averaged down to it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        rates: Sequence[tuple[int, ...]],
        kernel_size: tuple[int, ...],
        conv_op: type[nn.Module],
        conv_bias: bool,
        norm_op: type[nn.Module],
        norm_op_kwargs: dict[str, Any],
        nonlin: type[nn.Module],
        nonlin_kwargs: dict[str, Any],
        stride: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stride = stride
        self.convs = nn.ModuleList(
            conv_op(
                in_channels if i == 0 else out_channels,
                out_channels,
                kernel_size,
                stride=stride if i == 0 else 1,
                padding=tuple(r * (k // 2) for r, k in zip(rate, kernel_size, strict=True)),
                dilation=rate,
                bias=conv_bias,
            )
            for i, rate in enumerate(rates)
        )
        self.norms = nn.ModuleList(norm_op(out_channels, **norm_op_kwargs) for _ in rates)
        self.nonlin = nonlin(**nonlin_kwargs)
        self.shortcut = (
            nn.Identity()
            if in_channels == out_channels
            else conv_op(in_channels, out_channels, 1, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, out_channels, *spatial) for x of shape (B, in_channels, *spatial)."""
        y = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = _in_memory_like(norm(conv(y)), x)  # instance norm returns its own memory order
            if i < len(self.convs) - 1:
                y = self.nonlin(y)
        return self.nonlin(y + self.shortcut(_pool(x, self.stride, "avg")))

    def count_outputs(self, spatial: Sequence[int]) -> int:
        """Return how many numbers the convolutions put out on a map of this size."""
        maps = len(self.convs) + (not isinstance(self.shortcut, nn.Identity))
        return int(np.prod([maps, self.out_channels, *spatial], dtype=np.int64))


class Encoder(nn.Module):
    """Alternate pooling (or strided blocks) and blocks, and return the map of every stage, finest first."""

    def __init__(
        self, blocks: Sequence[ResidualBlock], strides: Sequence[tuple[int, ...]], pool: str
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(blocks)
        self.strides = [tuple(s) for s in strides]
        self.pool = pool

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of all stages for x of shape (B, C, *spatial)."""
        maps = []
        for block, stride in zip(self.stages, self.strides, strict=True):
            x = block(x if self.pool == "stride" else _pool(x, stride, self.pool))
            maps.append(x)
        return maps


class Decoder(nn.Module):
    """Climb from the deepest map to the finest grid; each step as the method's b, c, d.

    Step: convolve the deepest map -> g; convolve the skip -> x with as many channels; the new deepest map is
    [SCAM(x, g), up(g)]. Upsampling is linear: it has no weights and commutes with the gate's 1x1x1
    convolutions. The map that a head reads at a resolution is the convolved concatenation there.

    Args:
        blocks: convolutions of the deepest map, deepest grid first (one for each stage).
        skip_blocks: convolutions of the skips, deepest skip first.
        scams: selection of the skips, deepest skip first.
        seg_layers: 1x1x1 heads, coarsest first, as nnU-Net orders them.
        deep_supervision: return every head's output, highest resolution first; else the finest only.
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        skip_blocks: Sequence[nn.Module],
        scams: Sequence[nn.Module],
        seg_layers: Sequence[nn.Module],
        *,
        deep_supervision: bool,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.skip_blocks = nn.ModuleList(skip_blocks)
        self.scams = nn.ModuleList(scams)
        self.seg_layers = nn.ModuleList(seg_layers)  # nnU-Net finds the heads by this name
        self.deep_supervision = deep_supervision  # switched from outside between training and inference

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
        """Return logits (B, classes, *spatial), or a list of them, for the encoder's maps (finest first)."""
        g = self.blocks[0](maps[-1])
        outputs = []
        for step, skip in enumerate(reversed(maps[:-1])):
            x = self.skip_blocks[step](skip)
            deepest = torch.cat((self.scams[step](x, g), upsample_linear(g, x.shape[2:])), 1)
            g = self.blocks[step + 1](deepest)
            if self.deep_supervision or step == len(self.scams) - 1:
                outputs.append(self.seg_layers[step](g))
        return outputs[::-1] if self.deep_supervision else outputs[-1]


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
            n_conv_per_stage=n_conv_per_stage,
        )
        _check_lengths(
            n_stages - 1,
            n_conv_per_stage_decoder=n_conv_per_stage_decoder,
            decoder_features_per_stage=decoder_features_per_stage,
        )
        kernels = [tuple(k) for k in kernel_sizes]
        decoder_convs = [*reversed(n_conv_per_stage_decoder), 1]  # finest first; one on the deepest stage
        rates = [
            _split_rates(dilations[s], kernels[s], n_conv_per_stage[s], s < n_stages - 1, decoder_convs[s], s)
            for s in range(n_stages)
        ]
        self.strides = [tuple(s) for s in strides]
        self.num_classes = num_classes
        self.channels_last_on_cpu = channels_last_on_cpu
        self.ignore_absent_phases = ignore_absent_phases
        self.gate_channels = list(decoder_features_per_stage)

        def block(
            cin: int,
            cout: int,
            stage: int,
            block_rates: Sequence[tuple[int, ...]],
            stride: tuple[int, ...] | None = None,
        ) -> ResidualBlock:
            return ResidualBlock(
                cin,
                cout,
                rates=block_rates,
                kernel_size=kernels[stage],
                conv_op=conv_op,
                conv_bias=conv_bias,
                norm_op=norm_op,
                norm_op_kwargs=norm_op_kwargs,
                nonlin=nonlin,
                nonlin_kwargs=nonlin_kwargs,
                stride=stride or (1,) * len(kernels[stage]),
            )

        encoder_in = [input_channels, *features_per_stage[:-1]]
        self.encoder = Encoder(
            [
                block(
                    encoder_in[s],
                    features_per_stage[s],
                    s,
                    rates[s][0],
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
            [block(features_per_stage[-1], gates[-1], n_stages - 1, rates[-1][2])]
            + [block(2 * gates[s], after[s], s, rates[s][2]) for s in upwards],
            [block(features_per_stage[s], gates[s], s, rates[s][1]) for s in upwards],
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


def _pool(x: torch.Tensor, stride: tuple[int, ...], kind: str) -> torch.Tensor:
    if all(s == 1 for s in stride):
        return x
    name = f"{kind}_pool{x.ndim - 2}d"
    return getattr(functional, name)(x, stride, stride)


def _in_memory_like(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    order = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
    return y.contiguous(memory_format=order) if x.is_contiguous(memory_format=order) else y


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
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[tuple[int, ...]]]:
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
