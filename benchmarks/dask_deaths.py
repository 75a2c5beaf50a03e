#!/usr/bin/env python3
"""Kill the workers of a Dask cluster one after another while `setup` runs on it; compare with an undisturbed dataset.

    python benchmarks/dask_deaths.py WORK --cases 24 --deaths 6
    python benchmarks/dask_deaths.py WORK --cases 24 --deaths 2 --no-nanny

A nanny starts a killed worker anew; without one the cluster shrinks until nobody is left, `setup` is to say so, and the same
command goes on once there are workers again. Everything runs on this machine.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from distributed import Client
from load import BRIEF, cohort_of

from nnunet_multiphase.dataset import workers
from nnunet_multiphase.dataset.build import build_dataset
from nnunet_multiphase.errors import InputError


def digests(folder: Path) -> dict[str, str]:
    """Give the digest of every file of a dataset but its pages, without the seconds that a registration took."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_lasting(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".gz", ".json", ".csv", ".tfm")
    }


def _lasting(path: Path) -> bytes:
    if path.name != "quality.csv":
        return path.read_bytes()
    with path.open(newline="", encoding="utf-8") as stream:
        rows = [{**row, "seconds": ""} for row in csv.DictReader(stream)]
    return json.dumps(rows).encode()


def build(cohort: Path, work: Path, address: str | None) -> Path:
    """Make the dataset, unless it is there."""
    made = work / "nnUNet_raw" / "Dataset001_Deaths"
    if made.is_dir():
        return made
    for name in ("nnUNet_raw", "nnUNet_preprocessed"):
        (work / name).mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(work / name)
    build_dataset(cohort, 1, "Deaths", settings=BRIEF, dask_scheduler=address)
    return made


def start_worker(address: str, nanny: bool, work: Path) -> subprocess.Popen[bytes]:
    """Start a worker of one thread, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        address,
        "--nthreads",
        "1",
        "--no-dashboard",
    ]
    command += ["--nanny" if nanny else "--no-nanny", "--local-directory", str(work / "spill")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def worker_pids(client: Client) -> list[int]:
    """Ask each worker for its process."""
    return sorted(set(client.run(os.getpid).values()))


def kill_some(address: str, deaths: int, seed: int) -> None:
    """Kill a worker every few seconds; what a child process of this script does."""
    rng = random.Random(seed)
    with Client(address, set_as_default=False) as client:
        for death in range(deaths):
            time.sleep(rng.uniform(2, 5))
            while not (pids := worker_pids(client)):
                time.sleep(0.2)
            os.kill(rng.choice(pids), signal.SIGKILL)
            print(f"worker killed: {death + 1}", flush=True)


def main() -> None:
    """Make the dataset twice and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--voxels", type=int, default=48)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--deaths", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-nanny", action="store_true")
    parser.add_argument("--kill", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kill:
        kill_some(options.kill, options.deaths, options.seed)
        return
    cohort = cohort_of(options.work, options.cases, options.voxels)
    place = options.work / ("dask_no_nanny" if options.no_nanny else "dask_nanny")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    workers.WORKERLESS_SECONDS = 60 if not options.no_nanny else 20  # ten minutes in earnest
    port = 18786
    address = f"tcp://127.0.0.1:{port}"
    scheduler = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--no-dashboard",
    ]
    children = [
        subprocess.Popen(
            [*scheduler, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    ]
    try:
        time.sleep(3)
        children += [start_worker(address, not options.no_nanny, place) for _ in range(options.workers)]
        killing = [sys.executable, __file__, str(options.work), "--kill", address]
        children.append(
            subprocess.Popen([*killing, "--deaths", str(options.deaths), "--seed", str(options.seed)])
        )
        attempts = 0
        while True:
            attempts += 1
            try:
                folder = build(cohort, place / "disturbed", address)
                break
            except InputError as error:
                print(f"setup says: {error}", flush=True)
                children += [start_worker(address, not options.no_nanny, place)]
                time.sleep(3)
    finally:
        for child in reversed(children):  # workers first: without a scheduler they wait for it
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
    disturbed, quiet = digests(folder), digests(build(cohort, options.work / "undisturbed", None))
    differing = sorted(name for name in disturbed | quiet if disturbed.get(name) != quiet.get(name))
    print(
        f"{options.cases} cases, {attempts} command(s), {len(quiet)} files, differing: {differing or 'none'}"
    )


if __name__ == "__main__":
    main()
