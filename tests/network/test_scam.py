"""SCAM against numpy written from the method's formulas."""

import numpy as np
import pytest
import torch
from scam_reference import numpy_channel_weighting, numpy_scam, plain_gate
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from nnunet_multiphase.network.scam import (
    SCAM,
    ChannelWeighting,
    SpatialGate,
    channel_kernel_size,
    upsample_linear,
)


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(2, 6, 4, 6, 8)))
    g = torch.from_numpy(rng.normal(size=(2, 6, 2, 3, 4)))
    return x, g


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_kernel_of_ecanet_for_its_published_widths():
    # equation 12 by hand: log2(C)/2 + 1/2 = 3.5, 4, 4.5, 5, 5.5, integer part, made odd upwards
    assert [channel_kernel_size(c) for c in (64, 128, 256, 512, 1024)] == [3, 5, 5, 5, 5]


def test_channel_weighting_is_its_formula(maps):
    layer = ChannelWeighting(6).double()
    # float64 sums of 192 numbers: 1e-12 is ten thousand roundings
    np.testing.assert_allclose(
        layer(maps[0]).detach(), numpy_channel_weighting(layer, maps[0].numpy()), atol=1e-12
    )


def test_channel_weight_depends_on_neighbouring_channels_only():
    layer = ChannelWeighting(16)
    pooled = torch.randn(1, 16, 1, 1, 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer.weights(pooled)[0, 8], pooled)
    assert gradient.flatten().nonzero().flatten().tolist() == [7, 8, 9]


@pytest.mark.parametrize("per_channel", [False, True])
def test_gate_equals_upsampling_first_and_concatenating(maps, per_channel):
    x, g = maps
    gate = SpatialGate(6, nn.Conv3d, inner_channels=5, per_channel=per_channel).double()
    expected = plain_gate(gate, x.numpy(), upsample_linear(g, (4, 6, 8)).numpy())
    np.testing.assert_allclose(gate(x, g).detach(), expected, atol=1e-12)  # float64 rounding


def test_scam_is_sa_then_ca_then_sa(maps):
    x, g = maps
    scam = SCAM(6, nn.Conv3d).double()
    expected = numpy_scam(scam, x.numpy(), upsample_linear(g, (4, 6, 8)).numpy())
    np.testing.assert_allclose(scam(x, g).detach(), expected, atol=1e-12)  # float64 rounding


def test_scam_gradient_is_the_finite_difference():
    scam = SCAM(4, nn.Conv3d).double()
    x = torch.randn(1, 4, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    g = torch.randn(1, 4, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(scam, (x, g))


def test_scam_takes_two_dimensions():
    scam = SCAM(4, nn.Conv2d)
    assert scam(torch.zeros(2, 4, 8, 6), torch.zeros(2, 4, 4, 3)).shape == (2, 4, 8, 6)


def test_linear_upsampling_by_hand():
    # align_corners=False: new centres at -1/4, 1/4, 3/4, 5/4 of the old grid, ends held
    up = upsample_linear(torch.tensor([[[0.0, 4.0]]]), (4,))
    assert up.flatten().tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize("size", [(4, 6), (4, 6, 8)])
def test_linear_upsampling_keeps_the_type_under_autocast(size):
    coarse = torch.ones(1, 2, *(n // 2 for n in size), dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        up = upsample_linear(coarse, size)
    assert up.dtype == torch.bfloat16
    assert torch.equal(up, torch.ones_like(up))  # a constant stays itself


@pytest.mark.parametrize("size", [(4, 6), (4, 6, 8)])
def test_linear_upsampling_keeps_the_type_under_a_gpus_autocast(size):
    """CUDA's autocast interpolates in float32, a CPU's does not; a tensor without data needs no GPU to follow it."""
    before = torch.get_autocast_dtype("cuda")
    with FakeTensorMode():
        coarse = torch.empty(1, 2, *(n // 2 for n in size), dtype=torch.float16, device="cuda")
        torch.set_autocast_dtype("cuda", torch.float16)
        torch.set_autocast_enabled("cuda", True)  # torch.autocast refuses where there is no GPU
        try:
            up = upsample_linear(coarse, size)
        finally:
            torch.set_autocast_enabled("cuda", False)
            torch.set_autocast_dtype("cuda", before)
    assert up.dtype == torch.float16
    assert up.shape[2:] == size


def test_gate_only_scales(maps):
    x, g = maps
    x[:, 2] = 0
    assert SCAM(6, nn.Conv3d).double()(x, g)[:, 2].abs().max() == 0
