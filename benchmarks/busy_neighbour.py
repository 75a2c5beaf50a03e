#!/usr/bin/env python3
"""Say how much slower a training step becomes where other processes want the same cores.

    python benchmarks/busy_neighbour.py [--neighbours 2] [--threads 2] [--steps 5]

Each line is a process of its own: threads that spin while they wait (OpenMP's default), threads that sleep (what
`nnunet_multiphase.idle_threads` asks for), and one thread less. Neighbours are endless loops.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
PATCH = (24, 64, 80)  # that of `make demo`


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Keep cores busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def seconds_a_step(threads: int, steps: int, environment: dict[str, str]) -> float:
    """Time steps in a process of its own; give the median."""
    clean = {key: value for key, value in os.environ.items() if key not in SLEEPING}
    told = subprocess.run(
        [sys.executable, __file__, "--time-here", str(threads), str(steps)],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(told.stdout.split()[-1])


def time_here(threads: int, steps: int) -> float:
    """Time steps of our network on noise, forward and backward; the first warms up."""
    import torch

    from nnunet_multiphase.network.defaults import default_arch_kwargs
    from nnunet_multiphase.network.dilated_scam_unet import DilatedSCAMUNet

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    stages = 4
    strides = [(1, 1, 1)] + [(2, 2, 2)] * (stages - 1)
    kwargs = default_arch_kwargs([(3, 3, 3)] * stages, strides, is_2d=False)
    kwargs |= {
        "conv_op": torch.nn.Conv3d,
        "norm_op": torch.nn.InstanceNorm3d,
        "nonlin": torch.nn.LeakyReLU,
    }
    network = DilatedSCAMUNet(input_channels=4, num_classes=2, **kwargs)
    image = torch.randn(2, 4, *PATCH)
    seconds = []
    for _ in range(steps + 1):
        began = time.perf_counter()
        network(image).mean().backward()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neighbours", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--time-here", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.time_here:
        print(time_here(*options.time_here))
        return 0
    runs = {
        "threads that spin": (options.threads, {}),
        "threads that sleep": (options.threads, SLEEPING),
        "one thread less": (max(1, options.threads - 1), {}),
    }
    print(f"| s a step, {options.threads} threads | alone | with {options.neighbours} neighbours | times |")
    print("|---|---|---|---|")
    for name, (threads, environment) in runs.items():
        alone = seconds_a_step(threads, options.steps, environment)
        with neighbours(options.neighbours):
            beside = seconds_a_step(threads, options.steps, environment)
        print(f"| {name} | {alone:.2f} | {beside:.2f} | {beside / alone:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
