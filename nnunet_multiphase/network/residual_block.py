"""Convolve with dilated kernels beside a 1x1x1 path."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nnunet_multiphase.network.architecture import Layers


class ResidualBlock(nn.Module):
    """Convolve n times with given rates beside a 1x1x1 path: nonlin(norm(conv(...)) + shortcut(x)).

    The shortcut carries each voxel itself past the dilated taps, which leave out its direct neighbours. It
    is the identity where the number of channels stays.

    Args:
        in_channels: channels of the input.
        out_channels: channels of every convolution.
        layers: what it is built of.
        rates: dilation of each convolution, one for each axis.
        kernel_size: odd kernel size of each axis.
        stride: of the first convolution; the 1x1x1 path is averaged down to it.
        second_rates: of the second half of each convolution's output channels, if these have rates of their own.
        smooth: average what a dilated convolution reads over as many voxels as lie between its taps, so that none
            is left out. Wang and Ji, Smoothed dilated convolutions, KDD 2018, doi:10.1145/3219819.3219944; the mean
            stands for their learnt filter.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        layers: Layers,
        rates: Sequence[tuple[int, ...]],
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        second_rates: Sequence[tuple[int, ...]] | None = None,
        smooth: bool = False,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stride = stride
        self.windows = [_window(rate) if smooth else (1,) * len(rate) for rate in rates]

        def convolution(i: int, channels: int, rate: tuple[int, ...]) -> nn.Module:
            return layers.conv_op(
                in_channels if i == 0 else out_channels,
                channels,
                kernel_size,
                stride=stride if i == 0 else 1,
                padding=tuple(r * (k // 2) for r, k in zip(rate, kernel_size, strict=True)),
                dilation=rate,
                bias=layers.conv_bias,
            )

        if second_rates is None:
            convs = [convolution(i, out_channels, rate) for i, rate in enumerate(rates)]
        else:
            half = out_channels // 2
            convs = [
                SideBySide(convolution(i, out_channels - half, one), convolution(i, half, other))
                for i, (one, other) in enumerate(zip(rates, second_rates, strict=True))
            ]
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(layers.norm_op(out_channels, **layers.norm_op_kwargs) for _ in rates)
        self.nonlin = layers.nonlin(**layers.nonlin_kwargs)
        self.shortcut = (
            nn.Identity()
            if in_channels == out_channels
            else layers.conv_op(in_channels, out_channels, 1, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, out_channels, *spatial) for x of shape (B, in_channels, *spatial)."""
        y = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = _in_memory_like(
                norm(conv(smoothed(y, self.windows[i]))), x
            )  # instance norm returns its own memory order
            if i < len(self.convs) - 1:
                y = self.nonlin(y)
        return self.nonlin(y + self.shortcut(pooled(x, self.stride, "avg")))

    def count_outputs(self, spatial: Sequence[int]) -> int:
        """Return how many numbers the convolutions put out on a map of this size."""
        maps = len(self.convs) + (not isinstance(self.shortcut, nn.Identity))
        return int(np.prod([maps, self.out_channels, *spatial], dtype=np.int64))


class SideBySide(nn.Module):
    """Convolve with two modules and join their channels."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the channels of the first, then of the second."""
        return torch.cat((self.first(x), self.second(x)), 1)


def smoothed(x: torch.Tensor, window: tuple[int, ...]) -> torch.Tensor:
    """Average a map (B, C, *spatial) over an odd window about each voxel, of those voxels that the map has."""
    if all(w == 1 for w in window):
        return x
    pool = getattr(functional, f"avg_pool{x.ndim - 2}d")
    y: torch.Tensor = pool(x, window, 1, tuple(w // 2 for w in window), count_include_pad=False)
    return _in_memory_like(y, x)


def _window(rate: tuple[int, ...]) -> tuple[int, ...]:
    """Give the odd window at least as wide as taps lie apart: 3 voxels for rates 2 and 3; none where undilated."""
    return tuple(2 * (r // 2) + 1 for r in rate)


def pooled(x: torch.Tensor, stride: tuple[int, ...], kind: str) -> torch.Tensor:
    """Pool a map (B, C, *spatial) by a stride, "max" or "avg"; it stays where every stride is 1."""
    if all(s == 1 for s in stride):
        return x
    name = f"{kind}_pool{x.ndim - 2}d"
    return getattr(functional, name)(x, stride, stride)


def _in_memory_like(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    order = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
    return y.contiguous(memory_format=order) if x.is_contiguous(memory_format=order) else y
