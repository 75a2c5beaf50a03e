"""Run a function over many cases: here, in worker processes, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Any

from nnunet_multiphase.dataset.convert import limit_threads
from nnunet_multiphase.end_with_parent import end_with_parent
from nnunet_multiphase.errors import InputError

Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[int, Any]]]
"""Takes a function and items; yields (position, result) as they are done."""

CONNECT_SECONDS = 20
WORKERLESS_SECONDS = 600
"""How long a Dask cluster may be without a worker: a nanny takes seconds to start another, a queue some minutes."""
_KILLED = (
    "a worker process was killed, most likely for lack of memory: use fewer --jobs; the same command goes on where this one "
    "stopped"
)
_NOT_STARTED = (
    "no worker process could start: each runs the calling script's top level anew, so what that does has to stand below "
    '`if __name__ == "__main__":`; or work without them (1 for --jobs)'
)
_LOOK_SECONDS = 0.1
_FETCH_SECONDS = 5
"""For a result, which is a case's figures and no volume; it is asked for again."""


@contextmanager
def local_workers(jobs: int, threads: int) -> Iterator[Run]:
    """Work in this process (one job) or in worker processes.

    Args:
        jobs: Number of processes.
        threads: Of each.

    Raises:
        InputError: A worker was killed, or none could start.
    """
    if jobs == 1:
        yield lambda function, items: ((i, function(item)) for i, item in enumerate(items))
        return
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    executor = ProcessPoolExecutor(
        max_workers=jobs, mp_context=context, initializer=_start_worker, initargs=(threads, started)
    )

    def run(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        futures = {executor.submit(function, item): i for i, item in enumerate(items)}
        for future in as_completed(futures):
            yield futures[future], future.result()

    try:
        yield run
    except BaseException as error:
        # Nobody may go on writing after this process has said that it stopped.
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        executor.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise InputError(_KILLED if started.is_set() else _NOT_STARTED) from error
        raise
    executor.shutdown(wait=True)


def _start_worker(threads: int, started: Event) -> None:
    """Keep a worker to its share of the cores, and let it not outlive a parent that was killed."""
    started.set()
    limit_threads(threads)
    end_with_parent()


@contextmanager
def dask_workers(address: str) -> Iterator[Run]:
    """Work on a Dask cluster, whose workers see the same folders under the same names.

    Dask gives a lost worker's cases to the others, as often as its setting distributed.scheduler.allowed-failures says.

    Args:
        address: The scheduler's, such as tcp://host:8786.

    Raises:
        InputError: Dask is not installed, nobody answers there, a case lost several workers, or none is left.
    """
    try:
        from distributed import Client
        from distributed import TimeoutError as NotYetError  # Python 3.10 has two kinds
        from distributed import as_completed as completed
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise InputError("--dask-scheduler needs Dask: pip install 'nnunet-multiphase[cluster]'") from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: start one, or correct the address"
        ) from error

    def run(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        if not items:
            return
        # Not pure: the result of a case is also its files, which a cached answer would not write.
        futures = client.map(function, items, pure=False)
        position = {future.key: i for i, future in enumerate(futures)}
        done = completed(futures, loop=client.loop)
        seen = time.monotonic()
        try:
            while not done.is_empty():
                for future in done.next_batch(block=False):
                    try:
                        result = future.result(timeout=_FETCH_SECONDS)
                    except NotYetError:
                        if future.status == "error":
                            raise  # the function's own
                        # The worker was lost with the result; another makes it again, if there is one.
                        done.add(future)
                    else:
                        yield position[future.key], result
                time.sleep(_LOOK_SECONDS)
                if client.nthreads():
                    seen = time.monotonic()
                elif time.monotonic() - seen > WORKERLESS_SECONDS:
                    raise InputError(
                        f"the Dask cluster at {address} has had no worker for {WORKERLESS_SECONDS} s: start some, the same "
                        "command goes on where this one stopped"
                    )
        except KilledWorker as error:
            raise InputError(
                f"a case lost several Dask workers, most likely for lack of memory ({error}); give them more"
            ) from error
        except (FutureCancelledError, CommClosedError) as error:
            raise InputError(
                f"the Dask scheduler at {address} was lost ({error}); start it again, the same command goes on where "
                "this one stopped"
            ) from error
        finally:
            client.cancel(futures)

    with client:
        yield run
