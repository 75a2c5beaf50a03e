"""Compare one training step of DilatedSCAMUNet with nnU-Net's default U-Net: weights, GMACs, seconds, memory.

Each network runs in a process of its own, one after the other, on the same random data:

    python benchmarks/network.py --patch 32 112 128 --batch 2 --steps 3 --threads 2
    python benchmarks/network.py --device cuda --patch 128 128 128 --steps 20
"""

import argparse
import contextlib
import multiprocessing
import resource
import statistics
import time
from collections.abc import Sequence

import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from torch import nn

from nnunet_multiphase.network.complexity import count_gmacs, count_parameters
from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, NETWORK_CLASS, default_arch_kwargs
from nnunet_multiphase.training.focal_dice import FocalDiceLoss

SMALLEST_EDGE = 4  # nnU-Net pools an axis while at least this many voxels remain


def pooling(patch: Sequence[int], stages: int) -> list[list[int]]:
    """Return strides that pool every axis while the map stays large enough."""
    size, strides = list(patch), [[1] * len(patch)]
    for _ in range(stages - 1):
        stride = [2 if n >= 2 * SMALLEST_EDGE and n % 2 == 0 else 1 for n in size]
        size = [n // s for n, s in zip(size, stride, strict=True)]
        strides.append(stride)
    return strides


def build(name: str, patch: Sequence[int], channels: int) -> nn.Module:
    """Build "ours" (five stages) or "vanilla" (six, as nnU-Net plans 3d_fullres by default)."""
    torch.manual_seed(0)
    if name == "ours":
        strides = pooling(patch, 5)
        kwargs = default_arch_kwargs([[3, 3, 3]] * 5, strides, is_2d=False, patch_size=patch)
        return get_network_from_plans(NETWORK_CLASS, kwargs, ARCH_KWARGS_REQ_IMPORT, channels, 2, True, True)
    kwargs = {
        "n_stages": 6,
        "features_per_stage": [32, 64, 128, 256, 320, 320],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * 6,
        "strides": pooling(patch, 6),
        "n_conv_per_stage": [2] * 6,
        "n_conv_per_stage_decoder": [2] * 5,
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    plain = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
    return get_network_from_plans(plain, kwargs, ARCH_KWARGS_REQ_IMPORT, channels, 2, True, True)


def measure(name: str, options: argparse.Namespace, queue: "multiprocessing.Queue[dict[str, float]]") -> None:
    """Put weights, GMACs of one patch, median seconds of a step and peak memory of one network on the queue."""
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    net = build(name, options.patch, options.channels)
    result = {
        "M parameters": count_parameters(net) / 1e6,
        "GMAC": count_gmacs(net, (1, options.channels, *options.patch)),
    }
    net.to(device)
    optimizer = torch.optim.Adam(net.parameters())
    loss_of = FocalDiceLoss()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(options.batch, options.channels, *options.patch, generator=generator).to(device)
    labels = (torch.rand(options.batch, 1, *options.patch, generator=generator) > 0.98).float().to(device)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    amp = torch.autocast("cuda") if device.type == "cuda" else contextlib.nullcontext()
    wall, cpu = [], []
    for _ in range(options.steps + 1):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        with amp:
            losses = [
                0.5**i * loss_of(out, nn.functional.interpolate(labels, out.shape[2:]))
                for i, out in enumerate(net(x))
            ]
            loss = torch.stack(losses).sum()
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    result["s per step"] = statistics.median(wall[1:])  # the first one warms up
    result["CPU s per step"] = statistics.median(cpu[1:])  # says more than wall time where cores are shared
    if device.type == "cuda":
        result["peak MB"] = torch.cuda.max_memory_allocated(device) / 2**20
    else:
        result["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - resident
    queue.put(result)


def main() -> None:
    """Print one row a quantity: ours, vanilla, vanilla : ours."""
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
    for name in ("ours", "vanilla"):
        queue = context.Queue()
        process = context.Process(target=measure, args=(name, options, queue))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{name} failed with exit status {process.exitcode}; see the message above.")
        results[name] = queue.get()
    print(f"{'':16}{'ours':>10}{'vanilla':>10}{'vanilla : ours':>16}")
    for quantity, ours in results["ours"].items():
        vanilla = results["vanilla"][quantity]
        print(f"{quantity:16}{ours:10.2f}{vanilla:10.2f}{vanilla / ours:16.2f}")


if __name__ == "__main__":
    main()
