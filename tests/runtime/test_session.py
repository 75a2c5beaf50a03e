"""Networks of several folds share the memory of one."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest

from nnunet_multiphase.runtime import session
from nnunet_multiphase.runtime.session import Networks


class Opened:
    """Stand for an open network, which says when it is closed."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __call__(self, window: np.ndarray) -> np.ndarray:
        """Give the window itself."""
        return window


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref]:
    there: list[weakref.ref] = []

    def open_network(content: bytes, runtime: str, where: Path) -> Opened:
        network = Opened(content)
        there.append(weakref.ref(network))
        return network

    monkeypatch.setattr(session, "open_network", open_network)
    return there


def two_folds() -> Networks:
    return Networks([b"first", b"second"], "onnx", [Path("fold_0.onnx"), Path("fold_1.onnx")])


def test_the_folds_are_opened_in_their_order_and_one_is_closed_for_the_next(opened: list) -> None:
    networks = two_folds()
    assert [network.content for network in networks] == [b"first", b"second"]
    assert opened[0]() is None
    assert opened[1]() is not None


def test_an_open_fold_is_not_opened_again(opened: list) -> None:
    networks = two_folds()
    assert networks[1] is networks[1]
    assert len(opened) == 1


def test_a_closed_fold_is_opened_again(opened: list) -> None:
    networks = two_folds()
    networks[0](np.zeros(1))
    networks.close()
    assert opened[0]() is None
    assert networks[0].content == b"first"
    assert len(networks) == 2
