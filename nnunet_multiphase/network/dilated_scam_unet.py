"""Segment with a light U-Net whose spatial convolutions are all dilated and whose skips pass a SCAM."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.network.architecture import ArchitectureSettings
from nnunet_multiphase.network.availability import silence_absent_phases
from nnunet_multiphase.network.encoder_decoder import Decoder, Encoder
from nnunet_multiphase.network.finite_weights import told_of_no_numbers
from nnunet_multiphase.network.residual_block import ResidualBlock
from nnunet_multiphase.network.scam import (
    GATE_WEIGHT_STD,
    OPEN_GATE_BIAS,
    SCAM,
    ChannelWeighting,
    PlainSkip,
    SpatialGate,
)

LEAKY_SLOPE = 1e-2


class DilatedSCAMUNet(nn.Module):
    """Build the method's U-Net from plans.

    Args:
        input_channels: channels of the image: phases, plus the previous stage's one-hot labels in a cascade.
        num_classes: channels of the output.
        arch_kwargs: the fields of `ArchitectureSettings`, as the plans' `arch_kwargs` give them.

    Raises:
        InputError: settings that do not fit each other.
        TypeError: a setting that is missing or unknown.
    """

    def __init__(self, input_channels: int, num_classes: int, **arch_kwargs: Any) -> None:
        super().__init__()
        settings = ArchitectureSettings(**arch_kwargs)
        self.strides = [tuple(s) for s in settings.strides]
        self.input_channels = int(input_channels)
        self.num_classes = num_classes
        self.channels_last_on_cpu = settings.channels_last_on_cpu
        self.ignore_absent_phases = settings.ignore_absent_phases
        self.gate_channels = settings.gate_channels
        self.encoder = _encoder(input_channels, settings)
        self.decoder = _decoder(num_classes, settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Return logits.

        Args:
            x: image, (B, input_channels, *spatial), spatial divisible by the product of the strides.

        Returns:
            (B, num_classes, *spatial), or with deep supervision n_stages - 1 of them, finest first.

        Raises:
            InputError: The image has another number of channels.
        """
        # Integers of Python are compared: nothing of this is in a compiled or exported graph.
        if x.shape[1] != self.input_channels:
            raise InputError(
                f"the image has {x.shape[1]} channels, but the network was trained on {self.input_channels} (one a phase, "
                "in a cascade also the labels): give all phases in the order of training, an image of -1024 for one that is "
                "missing, or use nnunet-multiphase predict --missing fill"
            )
        if self.ignore_absent_phases:
            x = silence_absent_phases(x)
        if self.channels_last_on_cpu and x.device.type == "cpu":
            x = x.contiguous(memory_format=torch.channels_last_3d if x.ndim == 5 else torch.channels_last)
        return self.decoder(self.encoder(x))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load weights as torch does, unless they are no numbers, with which nnU-Net would predict background everywhere.

        Raises:
            InputError: They hold NaN or infinite values.
        """
        told = told_of_no_numbers(state_dict)
        if told:
            raise InputError(
                f"{told}, as of a training that has diverged: take weights from before (checkpoint_best.pth), or train anew "
                "with a lower learning rate"
            )
        return super().load_state_dict(state_dict, strict=strict, assign=assign)

    def compute_conv_feature_map_size(self, input_size: Sequence[int]) -> int:
        """Return how many numbers all convolutions put out for one image: what nnU-Net estimates memory from.

        Args:
            input_size: spatial size of the patch.
        """
        sizes = [tuple(input_size)]
        for stride in self.strides[1:]:
            sizes.append(tuple(n // s for n, s in zip(sizes[-1], stride, strict=True)))
        total = sum(_outputs(block, size) for block, size in zip(self.encoder.stages, sizes, strict=True))
        total += _outputs(self.decoder.blocks[0], sizes[-1])
        steps = len(self.decoder.scams)
        for step in range(steps):
            size = sizes[-2 - step]
            voxels = int(np.prod(size, dtype=np.int64))
            scam = self.decoder.scams[step]
            total += _outputs(self.decoder.skip_blocks[step], size)
            total += _outputs(self.decoder.blocks[step + 1], size)
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
            _set_bias(module.conv)
        elif isinstance(module, SpatialGate):  # apply() reaches children first, so this one stays
            # Small weights too: the maps they read are not normalised, and He weights would drown the bias, so that
            # chance alone decided which skips start shut.
            for weigh in (module.weigh_x, module.weigh_g):
                nn.init.normal_(weigh.weight, std=GATE_WEIGHT_STD)
            _set_bias(module.weigh_x)


def _outputs(block: nn.Module, size: Sequence[int]) -> int:
    assert isinstance(block, ResidualBlock)  # a ModuleList does not tell
    return block.count_outputs(size)


def _set_bias(convolution: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> None:
    assert convolution.bias is not None
    nn.init.constant_(convolution.bias, OPEN_GATE_BIAS)


def _encoder(input_channels: int, settings: ArchitectureSettings) -> Encoder:
    features = [input_channels, *settings.features_per_stage]
    strides = [tuple(stride) for stride in settings.strides]
    blocks = [
        _block(
            settings,
            stage,
            "encoder",
            features[stage],
            features[stage + 1],
            strides[stage] if settings.pool == "stride" else None,
        )
        for stage in range(settings.n_stages)
    ]
    return Encoder(blocks, strides, settings.pool)


def _decoder(num_classes: int, settings: ArchitectureSettings) -> Decoder:
    features, gates = settings.features_per_stage, settings.gate_channels
    deepest = settings.n_stages - 1
    upwards = range(deepest - 1, -1, -1)
    after = [features[0], *gates]  # channels of the convolved concatenation on each stage
    conv_op = settings.conv_op
    return Decoder(
        [_block(settings, deepest, "decoder", features[-1], gates[-1])]
        + [_block(settings, stage, "decoder", 2 * gates[stage], after[stage]) for stage in upwards],
        [_block(settings, stage, "skip", features[stage], gates[stage]) for stage in upwards],
        [
            SCAM(gates[stage], conv_op, per_channel=settings.gate_per_channel)
            if settings.select_skips
            else PlainSkip()
            for stage in upwards
        ],
        [conv_op(after[stage], num_classes, 1) for stage in upwards],
        deep_supervision=settings.deep_supervision,
    )


def _block(
    settings: ArchitectureSettings,
    stage: int,
    role: Literal["encoder", "skip", "decoder"],
    in_channels: int,
    out_channels: int,
    stride: tuple[int, ...] | None = None,
) -> ResidualBlock:
    kernel_size = settings.kernel_size(stage)
    second_rates = settings.second_rates(stage)
    return ResidualBlock(
        in_channels,
        out_channels,
        layers=settings.layers,
        rates=getattr(settings.rates(stage), role),
        kernel_size=kernel_size,
        stride=stride or (1,) * len(kernel_size),
        second_rates=None if second_rates is None else getattr(second_rates, role),
        smooth=settings.smooth,
    )
