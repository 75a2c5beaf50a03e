"""Compile a function by numba, with numba's cache on disk where there is one."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that is to run as machine code, outside Python's lock.

    numba keeps its machine code beside the module or in the user's cache folder, and refuses to decorate where
    it can write to neither (a read-only container). Then the function is compiled anew in every process.

    Args:
        options: numba's own, such as inline.

    Returns:
        The decorator.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # nothing is compiled before the first call: this is the cache alone
            _tell_that_there_is_no_cache()
            return njit(nogil=True, **options)(function)

    return decorate


@functools.cache  # once, not for each function
def _tell_that_there_is_no_cache() -> None:
    logging.getLogger(__name__).debug("numba can write its cache nowhere; this process compiles without it.")


@contextmanager
def without_blas() -> Iterator[None]:
    """Let numba start without scipy's linear algebra, for processes that only register.

    numba looks for it at its first call and imports it where it is installed: a tenth of a registration's time, and
    none of our functions needs it. What numba finds holds for the whole process.
    """
    name = "scipy.linalg"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
