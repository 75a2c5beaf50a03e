"""The two halves of the U-Net, put together from blocks that are made elsewhere."""

from collections.abc import Sequence

import torch
from torch import nn

from nnunet_multiphase.network.residual_block import ResidualBlock, pooled
from nnunet_multiphase.network.scam import upsample_linear


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
            x = block(x if self.pool == "stride" else pooled(x, stride, self.pool))
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
