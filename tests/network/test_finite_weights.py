"""Weights of a training that has diverged: known, and not taken by the network."""

import pytest
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, NETWORK_CLASS, default_arch_kwargs
from nnunet_multiphase.network.finite_weights import told_of_no_numbers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network() -> nn.Module:
    kwargs = default_arch_kwargs([[3, 3], [3, 3]], [[1, 1], [2, 2]], is_2d=True)
    return get_network_from_plans(NETWORK_CLASS, kwargs, ARCH_KWARGS_REQ_IMPORT, 1, 2, True, False)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_loaded(network: nn.Module, value: float):
    weights = {name: of.clone() for name, of in network.state_dict().items()}
    next(iter(weights.values())).view(-1)[0] = value
    with pytest.raises(InputError, match=r"^1 of \d+ tensors .* no numbers .*checkpoint_best\.pth"):
        network.load_state_dict(weights)
    assert told_of_no_numbers(network.state_dict()) == ""  # nothing of them was taken


def test_weights_that_are_numbers_are_loaded(network: nn.Module):
    network.load_state_dict({name: of + 1 for name, of in network.state_dict().items()})


def test_what_is_no_tensor_is_passed_over():
    assert told_of_no_numbers({"version": 3, "weight": torch.ones(2)}) == ""
