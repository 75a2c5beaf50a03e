"""Planning, step 2: how much GPU memory a training step of a network needs.

Counted, not guessed: the network runs once on PyTorch's meta device (shapes only: no memory, no
arithmetic) and every tensor autograd keeps for the backward pass is summed up. nnU-Net counts convolution
outputs instead, a measure calibrated for its own U-Nets: gates, upsampled maps and sums are missing in it.

What a gigabyte holds is taken from nnU-Net's own calibration: its PlainConvUNet fills 8 GB, with batch 2 at
560e6 convolution outputs per sample in 3D and batch 12 at 85e6 in 2D, mixed precision, gradients,
workspaces and the allocator's waste included. Counted our way that network keeps 2.0 elements per
convolution output (the convolution's input and the normalisation's), which gives 280e6 kept elements per GB
in 3D and 255e6 in 2D. Weights and optimiser states are left out: a light network's are some 30 MB.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

KEPT_PER_CONV_OUTPUT = 2.0
KEPT_PER_GB_3D = KEPT_PER_CONV_OUTPUT * 560e6 * 2 / 8
KEPT_PER_GB_2D = KEPT_PER_CONV_OUTPUT * 85e6 * 12 / 8


KEPT_BY_LOSS = 10
"""Elements the loss keeps per voxel and class, in two bytes each: five float32 maps (measured on FocalDiceLoss with
two classes: 40 bytes per voxel; overlapping regions, 66, keep more). With a light network that is 12 % of the whole."""


def kept_elements(network: nn.Module, input_channels: int, patch_size: Sequence[int]) -> int:
    """Count the elements autograd keeps for the backward pass of one sample.

    Args:
        network: Any module; it is moved to the meta device for good (its weights are lost).
        input_channels: Channels of the input.
        patch_size: Spatial size of the input in voxels.

    Returns:
        Bytes of all distinct buffers kept, parameters left out, over the two bytes an element has in mixed
        precision: a float counts once, a pooling's 8-byte index four times.
    """
    network = network.to("meta").train()
    parameters = {p.untyped_storage()._cdata for p in network.parameters()}
    kept: dict[int, tuple[torch.UntypedStorage, int]] = {}  # a storage that is held keeps its address unique

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in parameters:
            bytes_each = 2 if tensor.is_floating_point() else tensor.element_size()
            kept[storage._cdata] = (storage, storage.nbytes() // tensor.element_size() * bytes_each)
        return tensor

    image = torch.empty((1, input_channels, *patch_size), device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(image)
    return sum(size for _, size in kept.values()) // 2


def kept_elements_of_loss(
    patch_size: Sequence[int], strides: Sequence[Sequence[int]], output_channels: int
) -> int:
    """Count the elements the loss of one sample keeps, on the output of every resolution but the deepest.

    Args:
        patch_size: Spatial size of the input in voxels.
        strides: Pooling before each stage and axis, the first all ones.
        output_channels: Channels of the outputs.

    Returns:
        Number of elements.
    """
    divisors = np.cumprod(np.asarray(strides), axis=0)[:-1]
    voxels = np.prod(np.asarray(patch_size) // divisors, axis=1).sum()
    return KEPT_BY_LOSS * output_channels * int(voxels)


def kept_elements_budget(gpu_memory_gb: float, n_axes: int) -> float:
    """Give the elements a GPU can keep for the backward pass, over the whole batch.

    Args:
        gpu_memory_gb: Memory the training may use, in GB.
        n_axes: 2 or 3.

    Returns:
        Number of elements.
    """
    return gpu_memory_gb * (KEPT_PER_GB_2D if n_axes == 2 else KEPT_PER_GB_3D)
