"""The quickest runtime is chosen, and networks of several folds share the memory of one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models import session
from nnunet_multiphase.models.session import Networks, choose_runtime


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


BOTH = ("openvino", "onnx")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(*runtimes: str) -> None:
        monkeypatch.setattr(session, "installed_runtimes", lambda: runtimes)

    return install


@pytest.mark.parametrize(
    ("there", "compared", "chosen"),
    [
        (BOTH, BOTH, "openvino"),
        (BOTH, ("onnx",), "onnx"),  # as exports were compared that had no OpenVINO
        (BOTH, (), "onnx"),
        (("openvino",), ("onnx",), "openvino"),
        (("onnx",), BOTH, "onnx"),
    ],
)
def test_the_quickest_runtime_that_was_compared_is_taken(
    installed: Callable[..., None], there: tuple[str, ...], compared: tuple[str, ...], chosen: str
) -> None:
    installed(*there)
    assert choose_runtime(None, compared) == chosen


def test_a_runtime_is_taken_that_is_asked_for(installed: Callable[..., None]) -> None:
    installed(*BOTH)
    assert choose_runtime("onnx", BOTH) == "onnx"


def test_what_is_not_installed_is_named_and_what_is_too(installed: Callable[..., None]) -> None:
    installed("onnx")
    with pytest.raises(
        InputError, match="needs openvino, which is not installed: pip install it, or use --runtime onnx"
    ):
        choose_runtime("openvino")
