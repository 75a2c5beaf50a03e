"""Count a network's weights and multiply-adds."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(net: nn.Module) -> int:
    """Return the number of trainable weights."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def count_gmacs(net: nn.Module, input_shape: tuple[int, ...]) -> float:
    """Return the 1e9 multiply-adds of one forward pass, of convolutions and matrix products only.

    Args:
        net: the network; it is counted as it stands (deep supervision's heads when they are on) and not
            changed.
        input_shape: (B, C, *spatial).

    Returns:
        Multiply-adds / 1e9; a multiply-add is two of torch's flops. Nothing is computed: weights and input
        are stand-ins without memory.
    """
    stand_in = copy.deepcopy(net).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        stand_in(torch.empty(input_shape, device="meta"))
    return counter.get_total_flops() / 2 / 1e9
