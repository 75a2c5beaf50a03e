"""Hold and check what the plans say of a network, and tell each block what is its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from nnunet_multiphase.errors import InputError

Rate = int | Sequence[int]
"""A dilation rate for all axes, or one for each."""

Rates = list[tuple[int, ...]]
"""Of a block's convolutions, one for each axis."""

POOLS = ("max", "avg", "stride")

Convolution = Callable[..., nn.Conv2d | nn.Conv3d]
"""torch.nn.Conv2d or torch.nn.Conv3d."""


class StageRates(NamedTuple):
    """The rates of a stage's three blocks."""

    encoder: Rates
    skip: Rates  # empty on the deepest stage
    decoder: Rates


class Layers(NamedTuple):
    """What every block of a network is built of."""

    conv_op: Convolution
    conv_bias: bool
    norm_op: type[nn.Module]
    norm_op_kwargs: dict[str, Any]
    nonlin: type[nn.Module]
    nonlin_kwargs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ArchitectureSettings:
    """The plans' arguments for `DilatedSCAMUNet`, under nnU-Net's names; `default_arch_kwargs` gives them.

    Every list goes from the finest stage to the deepest, except n_conv_per_stage_decoder, which goes from the deepest
    up (nnU-Net's order).

    Args:
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
        channels_last_on_cpu: compute in channels-last memory on a CPU, where oneDNN's dilated 3-D
            convolutions are several times slower otherwise. The result is the same.
        select_skips: pass every skip through a SCAM; False passes it as it is (to measure what SCAM gives).
        ignore_absent_phases: set the channels of phases that are not there to 0, see `silence_absent_phases`.
        second_dilations: rates, as `dilations`, of the second half of every convolution's output channels; None
            where all channels have the same.
        smooth: average before every dilated convolution, see `ResidualBlock`.

    Raises:
        InputError: lists whose lengths do not fit n_stages; an unknown pool.
    """

    n_stages: int
    features_per_stage: Sequence[int]
    conv_op: Convolution
    kernel_sizes: Sequence[Sequence[int]]
    strides: Sequence[Sequence[int]]
    dilations: Sequence[Sequence[Rate]]
    n_conv_per_stage: Sequence[int]
    n_conv_per_stage_decoder: Sequence[int]
    conv_bias: bool
    norm_op: type[nn.Module]
    norm_op_kwargs: dict[str, Any]
    nonlin: type[nn.Module]
    nonlin_kwargs: dict[str, Any]
    deep_supervision: bool = False
    decoder_features_per_stage: Sequence[int] | None = None
    gate_per_channel: bool = False
    pool: str = "max"
    channels_last_on_cpu: bool = True
    select_skips: bool = True
    ignore_absent_phases: bool = False
    second_dilations: Sequence[Sequence[Rate]] | None = None
    smooth: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that do not fit each other."""
        if self.pool not in POOLS:
            raise InputError(
                f"DilatedSCAMUNet: pool must be one of {', '.join(POOLS)}, is {self.pool!r}; correct the plans."
            )
        for name in ("features_per_stage", "kernel_sizes", "strides", "dilations", "n_conv_per_stage"):
            self._check_length(name, self.n_stages)
        if self.second_dilations is not None:
            self._check_length("second_dilations", self.n_stages)
        self._check_length("n_conv_per_stage_decoder", self.n_stages - 1)
        if self.decoder_features_per_stage is not None:
            self._check_length("decoder_features_per_stage", self.n_stages - 1)
        for stage in range(self.n_stages):
            self.rates(stage)
            self.second_rates(stage)

    @property
    def layers(self) -> Layers:
        """What every block is built of."""
        return Layers(
            self.conv_op,
            self.conv_bias,
            self.norm_op,
            self.norm_op_kwargs,
            self.nonlin,
            self.nonlin_kwargs,
        )

    @property
    def gate_channels(self) -> list[int]:
        """Channels C of g and x of each stage but the deepest."""
        if self.decoder_features_per_stage is None:
            return [max(1, features // 2) for features in self.features_per_stage[:-1]]
        return list(self.decoder_features_per_stage)

    def kernel_size(self, stage: int) -> tuple[int, ...]:
        """Return a stage's kernel size, one int an axis."""
        return tuple(self.kernel_sizes[stage])

    def rates(self, stage: int) -> StageRates:
        """Share a stage's `dilations` out to its blocks.

        Raises:
            InputError: there are not as many rates as convolutions.
        """
        return self._shared_out(self.dilations[stage], stage)

    def second_rates(self, stage: int) -> StageRates | None:
        """Share a stage's `second_dilations` out as `rates` does; None without any."""
        return (
            None if self.second_dilations is None else self._shared_out(self.second_dilations[stage], stage)
        )

    def _shared_out(self, rates: Sequence[Rate], stage: int) -> StageRates:
        encoder = self.n_conv_per_stage[stage]
        skip = int(stage < self.n_stages - 1)
        decoder = [*reversed(self.n_conv_per_stage_decoder), 1][stage]  # one on the deepest stage
        if len(rates) != encoder + skip + decoder:
            raise InputError(
                f"DilatedSCAMUNet: dilations of stage {stage} need {encoder + skip + decoder} rates ({encoder} encoder, "
                f"{skip} skip, {decoder} decoder convolutions), has {len(rates)}; correct the plans."
            )
        kernel = self.kernel_size(stage)
        each_axis = [
            tuple(
                1 if k == 1 else int(r)
                for r, k in zip([rate] * len(kernel) if isinstance(rate, int) else rate, kernel, strict=True)
            )
            for rate in rates
        ]
        return StageRates(
            each_axis[:encoder], each_axis[encoder : encoder + skip], each_axis[encoder + skip :]
        )

    def _check_length(self, name: str, expected: int) -> None:
        found = len(getattr(self, name))
        if found != expected:
            raise InputError(
                f"DilatedSCAMUNet: {name} needs {expected} entries, has {found}; "
                "make the network's arguments with default_arch_kwargs or correct the plans."
            )
