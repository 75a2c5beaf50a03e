"""Show a progress bar over items, whole even where a signal comes while it is being made."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
STOPPING = (signal.SIGINT, signal.SIGTERM)


def progress_bar(items: Iterable[Item], *, total: int, what: str, show: bool) -> Iterable[Item]:
    """Give the items with a bar on stderr.

    Args:
        items: What to count, as it comes.
        total: How many there will be.
        what: Stands before the bar.
        show: Whether there is a bar at all.
    """
    from tqdm import tqdm

    # A bar that an exception left half made complains with a traceback when it is thrown away.
    with held_back():
        return tqdm(items, total=total, desc=what, unit="case", disable=not show)


def in_order(
    numbered: Iterable[tuple[int, Item]],
    total: int,
    what: str,
    *,
    show: bool,
    told: Callable[[Item], str] = lambda result: "",
) -> list[Item]:
    """Collect results that come in any order.

    Args:
        numbered: The results with their places.
        total: How many there will be.
        what: Stands before the bar.
        show: Whether there is a bar, and anything is told.
        told: What is to be said of a result as it comes, on stderr.

    Returns:
        The results in the order of their places.
    """
    results: dict[int, Item] = {}
    for i, result in progress_bar(numbered, total=total, what=what, show=show):
        results[i] = result
        if show and (sentence := told(result)):
            say_beside_bar(sentence)
    return [results[i] for i in range(total)]


def say_beside_bar(sentence: str) -> None:
    """Print a sentence on stderr above the bar that is being shown."""
    from tqdm import tqdm

    tqdm.write(sentence, file=sys.stderr)


@contextmanager
def held_back() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block is done; they act then. In the main thread only."""
    came: list[int] = []
    before = {}
    try:
        for number in STOPPING:
            before[number] = signal.signal(number, lambda n, _: came.append(n))
    except ValueError:  # not the main thread: signals do not act here anyway
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
