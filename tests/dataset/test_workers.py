"""Cases over workers: here, in processes, on a Dask cluster that loses a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from nnunet_multiphase.dataset.workers import dask_workers, local_workers
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow

IN_THIS_PROCESS = {
    "processes": False,
    "protocol": "tcp",
    "host": "127.0.0.1",
    "dashboard_address": None,
    "silence_logs": False,
}


def double(number: int) -> int:
    return 2 * number


def end_at_once(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def slow_double(number: int) -> int:
    time.sleep(0.05)
    return 2 * number


def die_once(task: tuple[int, str]) -> int:
    """Kill the own process the first time that anybody takes on task 3; a marker tells the second time."""
    number, folder = task
    marker = Path(folder) / "died"
    if number == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return 2 * number


def raise_for_two(number: int) -> int:
    if number == 2:
        raise OSError("disk full")
    return number


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made:
        yield made


def test_results_carry_the_positions_of_their_items() -> None:
    with local_workers(1, 1) as run:
        assert sorted(run(double, [5, 6, 7])) == [(0, 10), (1, 12), (2, 14)]


def test_processes_give_the_same() -> None:
    with local_workers(2, 1) as run:
        assert sorted(run(double, [5, 6, 7])) == [(0, 10), (1, 12), (2, 14)]


def test_a_script_that_works_at_its_top_level_is_told_why_no_worker_starts(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from nnunet_multiphase.dataset.workers import local_workers\n"
        "with local_workers(2, 1) as run:\n"
        "    list(run(abs, [1, 2]))\n"
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "no worker process could start" in ended.stderr.splitlines()[-1]
    assert '`if __name__ == "__main__":`' in ended.stderr.splitlines()[-1]


def test_a_worker_that_was_killed_is_told_as_such() -> None:
    with pytest.raises(InputError, match="a worker process was killed"), local_workers(2, 1) as run:
        list(run(end_at_once, [1, 2]))


def test_dask_gives_the_same(cluster: LocalCluster) -> None:
    with dask_workers(cluster.scheduler_address) as run:
        assert sorted(run(double, [5, 6, 7])) == [(0, 10), (1, 12), (2, 14)]
        assert list(run(double, [])) == []


def test_what_a_worker_raises_reaches_us(cluster: LocalCluster) -> None:
    with dask_workers(cluster.scheduler_address) as run, pytest.raises(OSError, match="disk full"):
        list(run(raise_for_two, [1, 2, 3]))


def test_a_killed_worker_costs_no_case(cluster: LocalCluster, tmp_path: Path) -> None:
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        before = set(client.scheduler_info()["workers"])
    with dask_workers(cluster.scheduler_address) as run:
        results = sorted(run(die_once, [(n, str(tmp_path)) for n in range(8)]))
    assert results == [(n, 2 * n) for n in range(8)]
    assert (tmp_path / "died").exists()  # a worker really was lost
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        assert set(client.scheduler_info()["workers"]) != before


def test_no_scheduler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnunet_multiphase.dataset.workers.CONNECT_SECONDS", 1)
    with (
        pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"),
        dask_workers("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_cluster_without_workers_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnunet_multiphase.dataset.workers.WORKERLESS_SECONDS", 1)
    with (
        LocalCluster(n_workers=0, **IN_THIS_PROCESS) as empty,
        dask_workers(empty.scheduler_address) as run,
        pytest.raises(InputError, match=r"the Dask cluster at tcp://\S+ has had no worker for 1 s"),
    ):
        list(run(double, [1, 2, 3]))


def test_a_cluster_that_loses_all_its_workers_is_left_and_finished_cases_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nnunet_multiphase.dataset.workers.WORKERLESS_SECONDS", 1)
    monkeypatch.setattr("nnunet_multiphase.dataset.workers._FETCH_SECONDS", 0.5)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, **IN_THIS_PROCESS) as small,
        dask_workers(small.scheduler_address) as run,
    ):
        running = run(slow_double, range(100))
        first = next(running)
        small.scale(0)
        with pytest.raises(InputError, match="has had no worker"):
            list(running)
    assert first in {(n, 2 * n) for n in range(100)}


def test_a_worker_that_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, **IN_THIS_PROCESS) as late,
        dask_workers(late.scheduler_address) as run,
    ):
        threading.Timer(0.5, late.scale, [1]).start()
        assert sorted(run(double, [5, 6, 7])) == [(0, 10), (1, 12), (2, 14)]


def raise_too_late(number: int) -> int:
    raise TimeoutError("too late")


def test_a_result_lost_with_its_worker_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnunet_multiphase.dataset.workers._FETCH_SECONDS", 0.5)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, **IN_THIS_PROCESS) as small,
        dask_workers(small.scheduler_address) as run,
    ):
        running = run(slow_double, range(20))
        results = [next(running)]
        small.scale(0)
        time.sleep(0.5)  # what is done by now and not fetched is lost
        small.scale(1)
        results += running
    assert sorted(results) == [(n, 2 * n) for n in range(20)]


def test_a_functions_own_timeout_reaches_us(cluster: LocalCluster) -> None:
    with dask_workers(cluster.scheduler_address) as run, pytest.raises(TimeoutError, match="too late"):
        list(run(raise_too_late, [1]))
