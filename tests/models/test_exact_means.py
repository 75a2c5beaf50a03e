"""Means over many voxels, as they are exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from nnunet_multiphase.models.exact_means import WrittenOutNorm, axis_by_axis, with_written_out_norms
from nnunet_multiphase.models.export import onnx_of
from nnunet_multiphase.models.session import installed_runtimes, open_network

pytestmark = pytest.mark.slow

MANY_VOXELS = (1, 1, 128, 208, 208)
"""Of a patch; their sum in single precision, one after the other, is off by 1e-4 and more."""


class NormAndMean(nn.Module):
    """Normalise, beside the mean of each channel: both kinds of mean that our networks have."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm3d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give both, one channel each."""
        return torch.cat(
            (self.norm(x), torch.ones_like(x) * (2 * x).mean((2, 3, 4))[:, :, None, None, None]), 1
        )


@pytest.fixture(scope="module")
def many_voxels() -> np.ndarray:
    return (40 + 3 * np.random.default_rng(0).standard_normal(MANY_VOXELS)).astype(np.float32)


@pytest.fixture(scope="module")
def content() -> bytes:
    return onnx_of(NormAndMean(), MANY_VOXELS)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("norm", "shape"), [(nn.InstanceNorm3d, (2, 3, 5, 7, 9)), (nn.InstanceNorm2d, (2, 3, 11, 13))]
)
def test_a_norm_is_the_definition_in_double_precision(
    norm: type, shape: tuple[int, ...], affine: bool
) -> None:
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
    np.testing.assert_allclose(WrittenOutNorm(module)(x).detach().numpy(), expected, atol=2e-5)


def test_all_norms_of_a_copy_are_exchanged_and_the_network_stays_as_it_was() -> None:
    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.Sequential(nn.InstanceNorm3d(2), nn.ReLU()))
    exchanged = with_written_out_norms(network)
    assert isinstance(exchanged[1][0], WrittenOutNorm)
    assert isinstance(network[1][0], nn.InstanceNorm3d)


@pytest.mark.parametrize("keepdim", [True, False])
@pytest.mark.parametrize("axes", [(2, 3, 4), (-1, 2), (1, 2, 3, 4)])
def test_a_mean_taken_axis_by_axis_is_numpys(axes: tuple[int, ...], keepdim: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6))
    found = axis_by_axis(torch.from_numpy(x), axes, keepdim).numpy()
    np.testing.assert_allclose(found, x.mean(axes, keepdims=keepdim), rtol=1e-12, atol=1e-15)


def test_no_mean_is_exported_over_several_axes_nor_two_of_a_kind_in_a_row(content: bytes) -> None:
    graph = onnx.load_from_string(content).graph
    constants = {value.name: onnx.numpy_helper.to_array(value) for value in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    reductions = [node for node in graph.node if node.op_type.startswith("Reduce")]
    assert len(reductions) == 9  # mean and variance of the norm, and a mean: three axes each
    for node in reductions:
        assert constants[node.input[1]].size == 1
        before = made_by.get(node.input[0])
        assert before is None or before.op_type != node.op_type


@pytest.mark.parametrize("runtime", installed_runtimes())
def test_every_runtime_is_exact_over_many_voxels(
    runtime: str, content: bytes, many_voxels: np.ndarray
) -> None:
    found = open_network(content, runtime, Path("it"))(many_voxels)[0]
    x = many_voxels[0, 0].astype(np.float64)
    np.testing.assert_allclose(found[0], (x - x.mean()) / x.std(), rtol=0, atol=2e-5)  # of single precision
    np.testing.assert_allclose(found[1], 2 * x.mean(), rtol=1e-6)
