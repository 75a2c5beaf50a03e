"""Which torch device is taken, and that one which the machine lacks is refused before anything is loaded onto it."""

from __future__ import annotations

import pytest
import torch

from nnunet_multiphase.device import choose_device
from nnunet_multiphase.errors import InputError


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1"])
def test_a_device_that_is_there_is_taken(name: str) -> None:
    assert choose_device(name) == name


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("name", ["cuda:2", "cuda:", "cuda:x", "cuda:-1", "cpu:1", "mps", "gpu"])
def test_another_one_is_refused_with_those_that_are_there(name: str) -> None:
    with pytest.raises(InputError, match=f"device {name} is not to be had .* has cpu, cuda:0, cuda:1; pass"):
        choose_device(name)


def test_without_a_gpu_the_processor_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(None) == "cpu"
