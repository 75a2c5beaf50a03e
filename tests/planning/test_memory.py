"""The memory estimate: what autograd keeps, counted without computing anything."""

import pytest
import torch
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from plain_unet import plain_unet
from torch import nn

from nnunet_multiphase.planning.memory import (
    KEPT_BY_LOSS,
    KEPT_PER_CONV_OUTPUT,
    kept_elements,
    kept_elements_budget,
    kept_elements_of_loss,
)
from nnunet_multiphase.training.focal_dice import FocalDiceLoss


def test_two_convolutions_keep_the_input_and_the_map_between_them():
    network = nn.Sequential(nn.Conv3d(2, 5, 3, padding=1), nn.Conv3d(5, 1, 1))
    # Each convolution keeps its input: 2 and 5 channels of 8 x 6 x 4 voxels.
    assert kept_elements(network, 2, (8, 6, 4)) == (2 + 5) * 8 * 6 * 4


def test_pooling_keeps_its_input_and_indices_of_eight_bytes():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2))
    # Input and convolved map of 100 voxels; 25 indices of 8 bytes, as large as four half-precision floats each.
    assert kept_elements(network, 1, (10, 10)) == 100 + 100 + 4 * 25


def test_a_buffer_kept_twice_counts_once():
    class Square(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scaled = x * torch.ones((), device=x.device, requires_grad=True)
            return scaled * scaled

    # The input (for the factor's gradient), and the scaled map once, though the square keeps it twice.
    assert kept_elements(Square(), 1, (10, 10)) == 200


@pytest.mark.parametrize(("n_axes", "patch"), [(3, (128, 128, 128)), (3, (64, 160, 160)), (2, (512, 512))])
def test_nnunets_own_network_keeps_two_elements_per_convolution_output(n_axes: int, patch: tuple[int, ...]):
    network = plain_unet(n_axes)
    counted = network.compute_conv_feature_map_size(patch)
    # 1 %: the network input is kept too, and the heads' outputs are not.
    assert kept_elements(network, 4, patch) / counted == pytest.approx(KEPT_PER_CONV_OUTPUT, rel=0.01)


def test_loss_keeps_what_the_estimate_says():
    generator = torch.Generator().manual_seed(0)
    sizes = ((16, 16, 8), (16, 8, 4), (8, 4, 2))
    logits = [torch.randn((1, 2, *size), generator=generator, requires_grad=True) for size in sizes]
    targets = [torch.randint(0, 2, (1, 1, *size), generator=generator) for size in sizes]
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    loss = DeepSupervisionWrapper(FocalDiceLoss(), (1, 0.5, 0.25))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss(logits, targets)
    half_floats = sum(storage.nbytes() for storage in kept.values()) / 2
    estimate = kept_elements_of_loss(sizes[0], ((1, 1, 1), (1, 2, 2), (2, 2, 2), (2, 2, 1)), 2)
    # 10 %: five maps of four bytes are exact but for sums over voxels, which weigh 0.5 % on the smallest output;
    # the rest is room for another torch, whose loss functions may keep a map of one byte more.
    assert estimate == pytest.approx(half_floats, rel=0.1)


def test_loss_is_counted_on_every_output_but_the_deepest_maps():
    voxels = 16 * 16 * 8 + 16 * 8 * 4  # the third stage has no head
    assert (
        kept_elements_of_loss((16, 16, 8), ((1, 1, 1), (1, 2, 2), (2, 2, 2)), 3) == KEPT_BY_LOSS * 3 * voxels
    )


def test_eight_gb_hold_nnunets_reference_network():
    assert kept_elements_budget(8, 3) == 2 * 2.0 * 560e6  # batch 2
    assert kept_elements_budget(8, 2) == 12 * 2.0 * 85e6  # batch 12
