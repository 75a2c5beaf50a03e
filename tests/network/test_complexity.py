"""Counts against hand arithmetic."""

import pytest
import torch
from torch import nn

from nnunet_multiphase.network.complexity import count_gmacs, count_parameters


def test_multiply_adds_of_a_dilated_convolution():
    net = nn.Conv3d(4, 8, 3, padding=2, dilation=2, bias=False)
    # 8 x 10 x 12 outputs a channel, each 27 taps of 4 channels, 8 channels
    assert count_gmacs(net, (1, 4, 8, 10, 12)) == pytest.approx(960 * 27 * 4 * 8 / 1e9, rel=1e-12)


def test_multiply_adds_grow_with_the_batch():
    assert count_gmacs(nn.Conv2d(1, 1, 1), (3, 1, 5, 7)) == pytest.approx(3 * 35 / 1e9, rel=1e-12)


def test_counting_leaves_the_network_alone():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    count_gmacs(net, (1, 2, 8, 8))
    assert net.training
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


def test_frozen_weights_are_not_counted():
    net = nn.Conv2d(2, 3, 3)  # 2 * 3 * 9 weights, 3 biases
    assert count_parameters(net) == 57
    net.bias.requires_grad_(False)
    assert count_parameters(net) == 54
