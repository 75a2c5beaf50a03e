"""Instance normalisation, as it is exported."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nnunet_multiphase.runtime.instance_norm import AxisByAxis, with_exact_norms


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("norm", "shape"), [(nn.InstanceNorm3d, (2, 3, 5, 7, 9)), (nn.InstanceNorm2d, (2, 3, 11, 13))]
)
def test_it_is_the_definition_in_double_precision(norm: type, shape: tuple[int, ...], affine: bool) -> None:
    torch.manual_seed(0)
    module = norm(3, affine=affine)
    if affine:
        nn.init.uniform_(module.weight, 0.5, 2.0)
        nn.init.uniform_(module.bias, -1.0, 1.0)
    x = 40.0 + 3.0 * torch.randn(shape)
    values = x.double().numpy()
    axes = tuple(range(2, x.ndim))
    expected = (values - values.mean(axes, keepdims=True)) / np.sqrt(
        values.var(axes, keepdims=True) + module.eps
    )
    if affine:
        weight, bias = (
            p.detach().double().numpy().reshape(1, 3, *[1] * len(axes)) for p in (module.weight, module.bias)
        )
        expected = expected * weight + bias
    np.testing.assert_allclose(AxisByAxis(module)(x).detach().numpy(), expected, atol=2e-5)


def test_all_norms_of_a_copy_are_exchanged_and_the_network_stays_as_it_was() -> None:
    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.Sequential(nn.InstanceNorm3d(2), nn.ReLU()))
    exchanged = with_exact_norms(network)
    assert isinstance(exchanged[1][0], AxisByAxis)
    assert isinstance(network[1][0], nn.InstanceNorm3d)
