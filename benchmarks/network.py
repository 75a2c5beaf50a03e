"""Compare one training step of DilatedSCAMUNet with nnU-Net's two networks: weights, GMACs, seconds, memory.

Each network runs in a process of its own, one after the other, on the same random data:

    python benchmarks/network.py --patch 32 112 128 --batch 2 --steps 3 --threads 2
    python benchmarks/network.py --device cuda --patch 128 128 128 --steps 20
"""

import argparse
import contextlib
import functools
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncM,
)
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from torch import nn

from nnunet_multiphase.network.complexity import count_gmacs, count_parameters
from nnunet_multiphase.planning.ablations import MultiPhaseSCAMPlannerPlainSkips
from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner
from nnunet_multiphase.planning.variants import MultiPhaseSCAMPlannerUndilated
from nnunet_multiphase.training.focal_dice import FocalDiceLoss

PLANNERS: dict[str, type[ExperimentPlanner]] = {
    "ours": MultiPhaseSCAMPlanner,
    "undilated": MultiPhaseSCAMPlannerUndilated,
    "plain_skips": MultiPhaseSCAMPlannerPlainSkips,
    "vanilla": ExperimentPlanner,
    "resenc_m": nnUNetPlannerResEncM,
}
CONTESTANTS = ("ours", "vanilla", "resenc_m")
"""Who is measured where nothing else is asked for."""
OUR_RATE = 3e-3
"""MultiPhaseSCAMTrainer's; that class is not imported, for it loads all that nnU-Net trains with."""
THEIR_RATE = 1e-2


@contextlib.contextmanager
def _bare_dataset(channels: int) -> Iterator[str]:
    """Make all that a planner opens of a dataset, in folders that go away again."""
    name = "Dataset001_Bare"
    kept = {key: os.environ.get(key) for key in ("nnUNet_raw", "nnUNet_preprocessed")}
    with tempfile.TemporaryDirectory() as root:
        raw, preprocessed = Path(root) / "raw" / name, Path(root) / "preprocessed" / name
        for folder in (raw / "imagesTr", raw / "labelsTr", preprocessed):
            folder.mkdir(parents=True)
        (raw / "dataset.json").write_text(
            json.dumps(
                {
                    "channel_names": {str(c): "CT" for c in range(channels)},
                    "labels": {"background": 0, "lesion": 1},
                    "numTraining": 0,
                    "file_ending": ".nii.gz",
                }
            )
        )
        (preprocessed / "dataset_fingerprint.json").write_text('{"median_relative_size_after_cropping": 1.0}')
        os.environ |= {"nnUNet_raw": str(raw.parent), "nnUNet_preprocessed": str(preprocessed.parent)}
        try:
            yield name
        finally:
            for key, value in kept.items():
                os.environ.pop(key, None)
                if value is not None:
                    os.environ[key] = value


@functools.cache
def plan(name: str, patch: tuple[int, ...], channels: int) -> dict[str, Any]:
    """Return the architecture that a contestant's planner writes for images of the patch's size, voxels of 1 mm."""
    with _bare_dataset(channels) as dataset:
        planner = PLANNERS[name](dataset)
        planned = planner.get_plans_for_configuration((1.0,) * 3, patch, "none", 1e12, {})
    size = [int(n) for n in planned["patch_size"]]
    if size != list(patch):
        raise SystemExit(
            f"{PLANNERS[name].__name__} plans a patch of {size}, not of {list(patch)}; take another --patch"
        )
    architecture: dict[str, Any] = planned["architecture"]
    return architecture


def build(name: str, patch: Sequence[int], channels: int, seed: int = 0) -> nn.Module:
    """Build a contestant's network as its planner plans it, with deep supervision and two classes."""
    architecture = plan(name, tuple(patch), channels)
    torch.manual_seed(seed)
    network: nn.Module = get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        channels,
        2,
        allow_init=True,
        deep_supervision=True,
    )
    return network


@dataclass(frozen=True)
class Recipe:
    """Hold what a network is trained with: its own trainer's loss and optimiser, but for the schedule."""

    network: nn.Module
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    autocast: torch.dtype | None


def recipe(name: str, network: nn.Module, device: torch.device, *, amp: bool) -> Recipe:
    """Take a network's loss and optimiser from its trainer: MultiPhaseSCAMTrainer or nnUNetTrainer."""
    outputs = len(network.encoder.strides) - 1  # deep supervision: every stage but the lowest
    weights = [0.0 if i and i == outputs - 1 else 0.5**i for i in range(outputs)]
    weights = [weight / sum(weights) for weight in weights]
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    if issubclass(PLANNERS[name], MultiPhaseSCAMPlanner):
        loss = FocalDiceLoss()
        optimizer = torch.optim.Adam(network.parameters(), OUR_RATE)
    else:
        loss = DC_and_CE_loss(
            {"batch_dice": False, "smooth": 1e-5, "do_bg": False, "ddp": False},
            {},
            dice_class=MemoryEfficientSoftDiceLoss,
        )
        optimizer = torch.optim.SGD(
            network.parameters(), THEIR_RATE, momentum=0.99, nesterov=True, weight_decay=3e-5
        )
    half = torch.float16 if device.type == "cuda" else torch.bfloat16  # as nnU-Net; a CPU has no fast float16
    return Recipe(
        network,
        DeepSupervisionWrapper(loss, weights),
        optimizer,
        torch.amp.GradScaler(device.type, enabled=amp and half == torch.float16),
        half if amp else None,
    )


def take_step(recipe: Recipe, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Take one training step, as nnU-Net's train_step does, and return its loss (not waited for).

    Args:
        recipe: Network, loss and optimiser.
        x: (B, C, Z, Y, X) images.
        labels: (B, 1, Z, Y, X) float labels.
    """
    recipe.optimizer.zero_grad(set_to_none=True)
    with torch.autocast(x.device.type, recipe.autocast, enabled=recipe.autocast is not None):
        outputs = recipe.network(x)
        targets = [nn.functional.interpolate(labels, out.shape[2:], mode="nearest-exact") for out in outputs]
        loss: torch.Tensor = recipe.loss(outputs, targets)
    recipe.scaler.scale(loss).backward()
    recipe.scaler.unscale_(recipe.optimizer)
    nn.utils.clip_grad_norm_(recipe.network.parameters(), 12)
    recipe.scaler.step(recipe.optimizer)
    recipe.scaler.update()
    return loss.detach()


def random_batch(
    batch: int, channels: int, patch: Sequence[int], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw images (B, C, Z, Y, X) and labels (B, 1, Z, Y, X) with one voxel in fifty set."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, channels, *patch, generator=generator)
    labels = (torch.rand(batch, 1, *patch, generator=generator) > 0.98).float()
    return x.to(device), labels.to(device)


def time_steps(
    recipe: Recipe, x: torch.Tensor, labels: torch.Tensor, steps: int
) -> tuple[float, float, float]:
    """Return median wall and CPU seconds of a step, after one that warms up, and peak memory in MiB.

    On a GPU the peak is what was allocated since the call began; on a CPU the process's largest resident memory so far.
    """
    cuda = x.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(x.device)
    wall, cpu = [], []
    for _ in range(steps + 1):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        take_step(recipe, x, labels)
        if cuda:
            torch.cuda.synchronize(x.device)
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    peak = (
        torch.cuda.max_memory_allocated(x.device) / 2**20
        if cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )
    return statistics.median(wall[1:]), statistics.median(cpu[1:]), peak


def measure(name: str, options: argparse.Namespace, queue: "multiprocessing.Queue[dict[str, float]]") -> None:
    """Put weights, GMACs of one patch, median seconds of a step and peak memory of one network on the queue."""
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    network = build(name, options.patch, options.channels)
    result = {
        "M parameters": count_parameters(network) / 1e6,
        "GMAC": count_gmacs(network, (1, options.channels, *options.patch)),
    }
    network.to(device)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 if device.type == "cpu" else 0.0
    x, labels = random_batch(options.batch, options.channels, options.patch, device)
    trained = recipe(name, network, device, amp=device.type == "cuda")
    wall, cpu, peak = time_steps(trained, x, labels, options.steps)
    # CPU seconds say more than wall time where cores are shared
    queue.put(result | {"s per step": wall, "CPU s per step": cpu, "peak MB": peak - resident})


def main() -> None:
    """Print one row a quantity: each network's, and how often ours goes into nnU-Net's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--patch", type=int, nargs=3, default=[32, 112, 128], metavar=("Z", "Y", "X"))
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3, help="timed steps after one of warm-up")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    results = {}
    for name in CONTESTANTS:
        queue = context.Queue()
        process = context.Process(target=measure, args=(name, options, queue))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{name} failed with exit status {process.exitcode}; see the message above.")
        results[name] = queue.get()
    print(f"{'':16}" + "".join(f"{name:>10}" for name in results) + f"{'vanilla : ours':>16}")
    for quantity in results["ours"]:
        row = [result[quantity] for result in results.values()]
        ratio = results["vanilla"][quantity] / results["ours"][quantity]
        print(f"{quantity:16}" + "".join(f"{value:10.2f}" for value in row) + f"{ratio:16.2f}")


if __name__ == "__main__":
    main()
