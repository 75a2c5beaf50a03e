"""Select the features of the phases on a skip connection: the spatial channel aggregation module (SCAM)."""

import math

import torch
from torch import nn
from torch.nn import functional

from nnunet_multiphase.network.architecture import Convolution

OPEN_GATE_BIAS = 2.0
"""Where every sigmoid starts: 0.88, so that a fresh network's skips pass nearly whole. At 0.5 each, the three
factors of a SCAM would leave an eighth of the skip beside an upsampled map of full scale."""

GATE_WEIGHT_STD = 1e-2
"""Spread of the weights that a gate's sigmoid starts with; at 0 the projections before them would get no gradient."""

_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}  # by a tensor's number of axes


def upsample_linear(x: torch.Tensor, size: tuple[int, ...] | torch.Size) -> torch.Tensor:
    """Resize the spatial axes linearly (align_corners=False).

    Args:
        x: (B, C, *spatial) with one to three spatial axes.
        size: spatial size to reach.

    Returns:
        (B, C, *size); `x` itself where the size is reached already.
    """
    if x.shape[2:] == tuple(size):
        return x
    # Autocast computes this in float32; back in the input's type, or all that follows on this grid would be float32.
    up = functional.interpolate(x, size=tuple(size), mode=_LINEAR[x.ndim], align_corners=False)
    return up.to(x.dtype)


def channel_kernel_size(channels: int) -> int:
    """Return how many neighbouring channels a weight looks at: the odd number next to log2(C)/2 + 1/2.

    Source: Wang et al., ECA-Net, CVPR 2020, doi:10.1109/CVPR42600.2020.01155, equation 12 (gamma 2, b 1).
    """
    size = int(abs(math.log2(channels) / 2 + 0.5))
    return size if size % 2 else size + 1


class ChannelWeighting(nn.Module):
    """Scale every channel by one weight in (0, 1): SA(X) = sigmoid(F(GAP(X))).

    F is a 1-D convolution along the channel axis: each weight depends on a few neighbouring channels only (a
    partially connected layer), not on all of them. Source: Wang et al., ECA-Net, CVPR 2020; a bias is added,
    so that the weights can start near one.

    Args:
        channels: channels of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        size = channel_kernel_size(channels)
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2)

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """Return SA(x) of shape (B, C)."""
        pooled = x.mean(tuple(range(2, x.ndim)))  # (B, C)
        return torch.sigmoid(self.conv(pooled[:, None])[:, 0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x with its channels scaled; shape (B, C, *spatial) is kept."""
        weights = self.weights(x)
        return x * weights.reshape(*weights.shape, *([1] * (x.ndim - 2)))


class SpatialGate(nn.Module):
    """Weight every voxel of the skip by what the deeper map knows.

    CA(x, g) = x sigmoid(P(relu([Px(x); Pg(up(g))]))).

    Px, Pg and P are 1x1x1 convolutions. Two identities save work without changing the result: Pg is applied
    on the coarse grid, because a 1x1x1 convolution and linear upsampling commute (the interpolation weights
    sum to one, so the bias passes too); and P([a; b]) = Pa(a) + Pb(b), so nothing is concatenated.

    Args:
        channels: channels of x and of g.
        conv_op: torch.nn.Conv2d or torch.nn.Conv3d.
        inner_channels: channels of Px and of Pg.
        per_channel: gate every channel of a voxel by itself; otherwise one weight a voxel.
    """

    def __init__(
        self, channels: int, conv_op: Convolution, *, inner_channels: int, per_channel: bool
    ) -> None:
        super().__init__()
        gates = channels if per_channel else 1
        self.project_x = conv_op(channels, inner_channels, 1)
        self.project_g = conv_op(channels, inner_channels, 1)
        self.weigh_x = conv_op(inner_channels, gates, 1)
        self.weigh_g = conv_op(inner_channels, gates, 1, bias=False)  # weigh_x holds the bias of P

    def weights(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """Return every voxel's weight in (0, 1), (B, 1 or C, *fine); arguments as in `forward`."""
        from_x = functional.relu(self.project_x(x))
        from_g = functional.relu(upsample_linear(self.project_g(g), x.shape[2:]))
        return torch.sigmoid(self.weigh_x(from_x) + self.weigh_g(from_g))

    def forward(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """Return the gated skip.

        Args:
            x: skip, (B, C, *fine).
            g: deeper map before upsampling, (B, C, *coarse).

        Returns:
            (B, C, *fine).
        """
        return x * self.weights(x, g)


class SCAM(nn.Module):
    """Select a skip's features: y = CA(SA1(x), g), out = SA2(y); SA1 and SA2 have weights of their own.

    Args:
        channels: channels of x and of g.
        conv_op: torch.nn.Conv2d or torch.nn.Conv3d.
        inner_channels: channels inside the gate; half the channels (at least 4) when None.
        per_channel: see `SpatialGate`.
    """

    def __init__(
        self,
        channels: int,
        conv_op: Convolution,
        *,
        inner_channels: int | None = None,
        per_channel: bool = False,
    ) -> None:
        super().__init__()
        inner = max(4, channels // 2) if inner_channels is None else inner_channels
        self.weigh_in = ChannelWeighting(channels)
        self.gate = SpatialGate(channels, conv_op, inner_channels=inner, per_channel=per_channel)
        self.weigh_out = ChannelWeighting(channels)

    def forward(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """Return the selected skip.

        Args:
            x: skip, (B, C, *fine).
            g: deeper map before upsampling, (B, C, *coarse).

        Returns:
            (B, C, *fine).
        """
        return self.weigh_out(self.gate(self.weigh_in(x), g))


class PlainSkip(nn.Module):
    """Pass a skip as it is: what a U-Net without SCAM does."""

    def forward(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """Return the skip x, whatever the deeper map g."""
        return x
