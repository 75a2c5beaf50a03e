"""The progress bar: a signal that comes while it is being made acts afterwards, once the bar is whole."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tqdm import tqdm

from nnunet_multiphase.dataset.progress import held_back, progress_bar


@pytest.fixture(autouse=True)
def _ctrl_c() -> Iterator[None]:
    """Let Ctrl-C act as ever: a suite that a shell started in the background inherits that it does nothing."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_signal_waits_for_the_end_of_the_block() -> None:
    done = []

    def stopped_early() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of the block")
        done.append("what follows it")

    with pytest.raises(KeyboardInterrupt):
        stopped_early()
    assert done == ["the rest of the block"]


def test_handlers_are_as_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with held_back():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_bar_stopped_while_it_is_made_complains_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    real = tqdm._get_free_pos.__func__

    def stopped_here(cls: type, instance: Any = None) -> int:
        signal.raise_signal(signal.SIGINT)
        return int(real(cls, instance))

    monkeypatch.setattr(tqdm, "_get_free_pos", classmethod(stopped_here))
    with pytest.raises(KeyboardInterrupt):
        progress_bar([1, 2], total=2, what="counting", show=True)
    gc.collect()
    assert complaints == []


def test_items_come_through_in_order() -> None:
    assert list(progress_bar(iter("abc"), total=3, what="counting", show=False)) == ["a", "b", "c"]
