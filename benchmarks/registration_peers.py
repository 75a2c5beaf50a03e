#!/usr/bin/env python3
"""Compare the registration with other tools: error, time and memory of whole processes on the same pairs, in one run.

    python benchmarks/registration_peers.py --ct CT.nii.gz --organs LABELS.nii.gz --liver 5 --cohort COHORT --pairs 4

Rigid classes are made from --ct, and judged by points in its liver where labels are given, else in the body. The class
"breath" takes the pairs of --cohort whose liver moved most: there the body is fitted right and the liver is not. Tools
that are not installed are left out (`pip install nnunet-multiphase[bench]`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from registration_pairs import CLASSES, Pair, breath_pairs, rigid_pair

from registration.volume import mask_from_image, values_of

HERE = Path(__file__).parent
OURS = [sys.executable, "-m", "registration"]
PEER = [sys.executable, str(HERE / "registration_run_peer.py")]
NEEDS = {"elastix": "itk", "greedy": "picsl_greedy", "antspy": "ants"}
FOUND_MM = 1.0  # a smaller error counts as found
FOUND_BREATH_MM = 2.0


@dataclass(frozen=True)
class Run:
    """Hold one tool's run on one pair; error infinite where it failed."""

    group: str
    pair: str
    tool: str
    error_mm: float
    seconds: float
    memory_mib: float


def command(tool: str, folder: Path, seed: int) -> list[str]:
    """Give the command that registers the pair in a folder and writes out.tfm there."""
    files = [str(folder / "reference.nii.gz"), str(folder / "moving.nii.gz")]
    out = str(folder / "out.tfm")
    if not tool.startswith("ours"):
        return [*PEER, tool, *files, out]
    line = [*OURS, *files, "--transform", out, "--seed", str(seed)]
    if tool == "ours_mask":
        line += ["--reference-mask", str(folder / "mask.nii.gz")]
    return [*line, "--region", "body"] if tool == "ours_body" else line


# A child's peak memory counts that of the process it was forked from: fork from a small one.
SHIM = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
sys.exit(status)
"""


def run(line: list[str]) -> tuple[int, float, float]:
    """Run a command; give exit status, seconds and peak memory in MiB (Linux's unit assumed)."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-S", "-c", SHIM, *line], capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        print(" ".join(line), done.stderr[-300:], file=sys.stderr)
    return done.returncode, seconds, float(done.stdout or "nan")


def measure(group: str, name: str, pair: Pair, tools: list[str], seed: int) -> list[Run]:
    """Let each tool register one pair."""
    runs = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sitk.WriteImage(pair.reference, str(folder / "reference.nii.gz"), True)
        sitk.WriteImage(pair.moving, str(folder / "moving.nii.gz"), True)
        if pair.mask is not None:
            sitk.WriteImage(pair.mask, str(folder / "mask.nii.gz"), True)
        for tool in tools:
            if tool == "ours_mask" and pair.mask is None:
                continue
            out = folder / "out.tfm"
            out.unlink(missing_ok=True)
            status, seconds, memory = run(command(tool, folder, seed))
            error = float("inf") if status else pair.error_mm(sitk.ReadTransform(str(out)))
            runs.append(Run(group, name, tool, error, seconds, memory))
    return runs


def finer_grid(image: sitk.Image, spacing_mm: list[float]) -> sitk.Image:
    """Give an empty image of other voxels over the same place."""
    size = [
        int(n * old / new)
        for n, old, new in zip(image.GetSize(), image.GetSpacing(), spacing_mm, strict=True)
    ]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetOrigin(image.GetOrigin())
    grid.SetDirection(image.GetDirection())
    grid.SetSpacing(spacing_mm)
    return grid


def print_table(runs: list[Run]) -> None:
    """Print one line a class and tool."""
    print(
        f"\n{'class':<8} {'tool':<16} {'median mm':>10} {'worst mm':>9} {'found':>9} {'s':>7} {'worst s':>8} {'MiB':>6}"
    )
    for group in dict.fromkeys(r.group for r in runs):
        limit = FOUND_BREATH_MM if group == "breath" else FOUND_MM
        for tool in dict.fromkeys(r.tool for r in runs):
            those = [r for r in runs if (r.group, r.tool) == (group, tool)]
            if not those:
                continue
            errors, seconds = [r.error_mm for r in those], [r.seconds for r in those]
            print(
                f"{group:<8} {tool:<16} {np.median(errors):10.3f} {max(errors):9.3f} "
                f"{sum(e < limit for e in errors):>4} of {len(errors):<2} {np.median(seconds):7.2f} {max(seconds):8.2f} "
                f"{max(r.memory_mib for r in those):6.0f}"
            )


def main() -> int:
    """Measure, print each run as it ends, and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ct", type=Path, required=True, help="CT volume that the rigid pairs are made from")
    parser.add_argument("--organs", type=Path, help="its labels; without them the points lie in the body")
    parser.add_argument(
        "--liver", type=int, default=5, help="the liver's label (default 5, as TotalSegmentator)"
    )
    parser.add_argument(
        "--spacing-mm",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="resample the CT first: time depends on it",
    )
    parser.add_argument(
        "--crop-slices", type=int, default=0, help="taken from both ends of the rigid pairs' references"
    )
    parser.add_argument("--cohort", type=Path, help="cohort with truth.json for the class breath")
    parser.add_argument("--pairs", type=int, default=4, help="pairs a class (default 4)")
    parser.add_argument("--classes", default=",".join(CLASSES), help=f"of {', '.join(CLASSES)}; '' for none")
    parser.add_argument("--seed", type=int, default=0, help="of the pairs")
    parser.add_argument("--search-seed", type=int, default=0, help="of our search")
    parser.add_argument("--tools", help="default: all that are installed")
    parser.add_argument("--json", type=Path, help="also write every run")
    options = parser.parse_args()
    peers = [
        "simpleitk_usual",
        "simpleitk_fast",
        *(t for t, m in NEEDS.items() if importlib.util.find_spec(m)),
    ]
    tools = options.tools.split(",") if options.tools else ["ours", "ours_body", "ours_mask", *peers]
    image = sitk.ReadImage(str(options.ct), sitk.sitkFloat32)
    labels = sitk.ReadImage(str(options.organs)) if options.organs else None
    if options.spacing_mm:
        grid = finer_grid(image, options.spacing_mm)
        labels = labels and sitk.Resample(labels, grid, sitk.Transform(), sitk.sitkNearestNeighbor)
        image = sitk.Resample(image, grid, sitk.Transform(), sitk.sitkBSpline, -1024.0)
    organ = values_of(labels) == options.liver if labels else mask_from_image(image > -200)

    runs: list[Run] = []

    def take(group: str, name: str, pair: Pair) -> None:
        for one in measure(group, name, pair, tools, options.search_seed):
            print(
                f"{group:<8} {name:<14} {one.tool:<16} {one.error_mm:8.3f} mm {one.seconds:7.2f} s",
                flush=True,
            )
            runs.append(one)

    # Compiling belongs to the first run ever, not to these.
    measure("warm", "", rigid_pair(image, organ, 0, 0, np.random.default_rng(0)), ["ours"], 0)
    for number, group in enumerate(filter(None, options.classes.split(","))):
        for k in range(options.pairs):
            rng = np.random.default_rng([options.seed, number, k])
            pair = rigid_pair(image, organ, *CLASSES[group], rng, cropped_slices=options.crop_slices)
            take(group, str(k), pair)
    if options.cohort:
        for k, (name, pair) in enumerate(breath_pairs(options.cohort)):
            if k < options.pairs:
                take("breath", name, pair)
    print_table(runs)
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in runs], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
