"""Compare ours, nnU-Net's network and ResEnc M on a GPU: steps and memory first, then equal time to train.

    bash benchmarks/gpu.sh OUT                                # all of it, in under 8 minutes; see the script's head
    python benchmarks/gpu.py OUT --device cpu --miniature     # a toy of it: does it run?

Writes OUT/gpu.json and OUT/gpu.md anew with every line, so that what is cut off leaves what was measured.
"""

import argparse
import copy
import dataclasses
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_table import Table

WRITING_S = 15.0
"""Kept at the end: half a minute of a machine is cheaper than a lost table."""
TIMING_SHARE = 0.5
"""Of the time left; the other half trains."""
SCORING_SHARE = 0.15
"""Of a contestant's share of the training."""


@dataclass(frozen=True)
class Mode:
    """Say how a step is taken."""

    name: str
    amp: bool = True
    channels_last: bool = False
    compiled: bool = False


MODES = (
    Mode("float32", amp=False),
    Mode("AMP"),
    Mode("AMP, channels last", channels_last=True),
    Mode("AMP, compiled", compiled=True),
    Mode("AMP, channels last, compiled", channels_last=True, compiled=True),
)


class OutOfTimeError(Exception):
    """Raised where a measurement takes longer than it may."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after a time (a kernel, once it returns)."""

    def stop(*_: object) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def words_of(error: Exception) -> str:
    """Say in a few words why there is no number."""
    if isinstance(error, OutOfTimeError):
        return "left out: no time"
    first = (str(error).splitlines() or [""])[0][:100]
    return "out of memory" if "out of memory" in str(error) else f"{type(error).__name__}: {first}"


def run(options: argparse.Namespace, deadline: float) -> None:
    """Measure steps while the cohort is rendered, then train each contestant."""
    import torch
    from gpu_cohort import rendering
    from network import build

    device = torch.device(options.device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # as nnU-Net's trainer
    provenance = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "commit": options.commit,
        "seed": options.seed,
    }
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    table = Table(options.out, provenance, settings)
    patch = [options.patch] * 3
    with rendering(options.cases, options.seed, options.spacing_mm, options.workers) as promised:
        networks = {name: build(name, patch, 4, options.seed) for name in options.contestants}
        time_all(options, table, networks, deadline)
        cases = []
        # Whoever is not rendered when two thirds of the time are left for training has missed it.
        patience = time.monotonic() + (deadline - time.monotonic()) / 3
        for case in promised:
            try:
                cases.append(case.get(max(0.0, patience - time.monotonic())))
            except multiprocessing.TimeoutError:  # too late; not a failure of the rendering
                continue
            except Exception as error:
                print(f"a case could not be rendered: {words_of(error)}", file=sys.stderr)
    train_all(options, table, networks, cases, deadline)


def prepared(name: str, network: Any, mode: Mode, device: Any) -> Any:
    """Return a contestant's recipe on a copy of its network, for one mode."""
    import torch
    from network import recipe

    network = copy.deepcopy(network).to(device)
    if mode.channels_last:
        network = network.to(memory_format=torch.channels_last_3d)
    ready = recipe(name, network, device, amp=mode.amp)
    return dataclasses.replace(ready, network=torch.compile(network)) if mode.compiled else ready


def format_of(mode: Mode) -> Any:
    """Return the memory format that a mode's images have."""
    import torch

    return torch.channels_last_3d if mode.channels_last else torch.contiguous_format


def time_all(options: argparse.Namespace, table: Table, networks: dict[str, Any], deadline: float) -> None:
    """Time every contestant in every mode, the slow ones to prepare last."""
    import torch
    from network import random_batch, time_steps

    from nnunet_multiphase.network.complexity import count_gmacs, count_parameters

    device = torch.device(options.device)
    patch = [options.patch] * 3
    end = time.monotonic() + TIMING_SHARE * (deadline - time.monotonic())
    x, labels = random_batch(options.batch, 4, patch, device)
    sizes = {
        name: {
            "m_parameters": count_parameters(network) / 1e6,
            "gmac": count_gmacs(network, (1, 4, *patch)),
        }
        for name, network in networks.items()
    }
    modes = [mode for mode in MODES if mode.name in options.modes]
    for mode in modes:
        for name in options.contestants:
            line: dict[str, Any] = {"contestant": name, "mode": mode.name}
            try:
                with at_most(end - time.monotonic()):
                    ready = prepared(name, networks[name], mode, device)
                    images = x.contiguous(memory_format=format_of(mode))
                    seconds, _, peak = time_steps(ready, images, labels, options.steps)
                line |= {"s_per_step": seconds, "peak_mib": peak}
            except Exception as error:
                line["note"] = words_of(error)
            ready = images = None
            clear(device)
            table.add(table.steps, line | sizes[name])


def clear(device: Any) -> None:
    """Give back what the last contestant held."""
    import torch

    torch.compiler.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def fastest(table: Table, name: str) -> Mode:
    """Choose the mode a contestant trains in: its fastest without torch.compile, whose start eats a short training."""
    seconds = {
        line["mode"]: line["s_per_step"]
        for line in table.steps
        if line["contestant"] == name and "s_per_step" in line
    }
    timed = [mode for mode in MODES if mode.name in seconds and not mode.compiled]
    return min(timed, key=lambda mode: seconds[mode.name]) if timed else MODES[1]


def train_all(
    options: argparse.Namespace, table: Table, networks: dict[str, Any], cases: list[Any], deadline: float
) -> None:
    """Train each contestant for the same time and score it on the cases held out."""
    import torch
    from gpu_cohort import is_held_out, normalisation
    from gpu_training import Patches, score, train

    training = [case for case in cases if not is_held_out(case) and case.lesions.any()]
    held_out = [case for case in cases if is_held_out(case)]
    counts = {"training_cases": len(training), "held_out_cases": len(held_out)}
    if not training or not held_out:
        for name in options.contestants:
            table.add(table.trainings, {"contestant": name, "note": "no cohort in time", **counts})
        return
    device, patch = torch.device(options.device), [options.patch] * 3
    scale = normalisation(training)
    share = (deadline - time.monotonic()) / len(options.contestants)
    seconds = share * (1 - SCORING_SHARE)
    if options.seconds is not None:
        seconds = min(seconds, options.seconds)
    for name in options.contestants:
        mode = fastest(table, name)
        line: dict[str, Any] = {"contestant": name, "mode": mode.name, **counts}
        try:
            patches = Patches(training, scale, patch, device, options.seed)
            ready = prepared(name, networks[name], mode, device)
            with at_most(deadline - time.monotonic()):
                steps, spent, loss = train(
                    ready, patches, batch=options.batch, seconds=seconds, memory_format=format_of(mode)
                )
                line |= {"steps": steps, "seconds": spent, "loss": loss}
                line |= score(ready, held_out, scale, patch, device)
        except Exception as error:
            line["note"] = words_of(error)
        ready = patches = None
        clear(device)
        table.add(table.trainings, line)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from network import CONTESTANTS, PLANNERS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder for gpu.json and gpu.md")
    parser.add_argument("--device", default="cuda", help="cuda or cpu (default: cuda)")
    parser.add_argument("--minutes", type=float, default=8.0, help="for everything (default: 8)")
    parser.add_argument("--started", type=float, help="when the minutes began, in seconds since 1970")
    parser.add_argument("--seconds", type=float, help="training time of each (default: what is left)")
    parser.add_argument("--patch", type=int, default=128, help="edge in voxels (default: 128)")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10, help="timed steps after one of warm-up")
    parser.add_argument("--cases", type=int, default=36, help="phantoms, every third held out (default: 36)")
    parser.add_argument("--spacing-mm", type=float, default=1.5, help="edge of a voxel (default: 1.5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commit", default="unknown", help="what to write as the commit")
    parser.add_argument(
        "--workers", type=int, default=max(1, (os.cpu_count() or 1) - 2), help="processes that render"
    )
    parser.add_argument(
        "--contestants",
        nargs="+",
        default=CONTESTANTS,
        choices=PLANNERS,
        metavar="NAME",
        help=f"who is measured, of {', '.join(PLANNERS)} (default: {' '.join(CONTESTANTS)})",
    )
    names = [mode.name for mode in MODES]
    parser.add_argument(
        "--modes",
        nargs="+",
        default=names,
        choices=names,
        metavar="MODE",
        help=f"how a step is taken, of {'; '.join(names)} (default: all)",
    )
    parser.add_argument("--miniature", action="store_true", help="patch, cohort and times of a toy")
    options = parser.parse_args(arguments)
    if options.miniature:
        options.patch, options.spacing_mm, options.cases, options.steps = 16, 10.0, 3, 1
        options.seconds, options.workers = 0.5, 0
        options.modes = [MODES[0].name]
    return options


def main() -> None:
    """Run within the minutes."""
    options = parse()
    since = time.time() - options.started if options.started is not None else 0.0
    run(options, time.monotonic() + 60 * options.minutes - since - WRITING_S)
    print((options.out / "gpu.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
