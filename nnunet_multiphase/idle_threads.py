"""Let threads that wait for one another sleep instead of spin.

torch shares each layer out among threads that meet at its end, and GNU's OpenMP has who comes first spin there. Where
another process wants the cores, they spin in its way and their own: with two busy neighbours on two cores a training step
took nine times as long as with threads that sleep (docs/results_chain.md).
"""

from __future__ import annotations

import os

SLEEPING = {
    "OMP_WAIT_POLICY": "PASSIVE",  # GNU's, and by the standard every OpenMP's
    "KMP_BLOCKTIME": "0",  # Intel's and LLVM's, ms
}


def let_threads_sleep() -> None:
    """Ask OpenMP for it, unless the environment says how to wait; it listens only before torch is loaded."""
    if not any(name in os.environ for name in (*SLEEPING, "GOMP_SPINCOUNT")):
        os.environ.update(SLEEPING)
