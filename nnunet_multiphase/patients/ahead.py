"""Prepare the next patient while the network looks at this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def made_ahead(
    items: Sequence[Item], make: Callable[[Item], Made]
) -> Iterator[tuple[Item, Callable[[], Made]]]:
    """Make one thing ahead of the one that is being worked on, in a thread.

    Reading, registration and network leave Python's lock most of the time. One ahead, no more: a patient takes a GiB.

    Args:
        items: What things are made of.
        make: Makes one.

    Yields:
        The item, and what gives the thing made of it, or raises what making it raised.
    """
    executor = ThreadPoolExecutor(max_workers=1)
    waiting: list[Future[Made]] = []
    try:
        if items:
            waiting.append(executor.submit(make, items[0]))
        for number, item in enumerate(items):
            made = waiting.pop()
            made.exception()  # it is done before the next one begins
            if number + 1 < len(items):
                waiting.append(executor.submit(make, items[number + 1]))
            yield item, made.result
            del made  # else two of them would be kept beside the next
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
