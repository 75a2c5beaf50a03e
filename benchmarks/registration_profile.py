#!/usr/bin/env python3
"""Show where a registration's time goes: `python benchmarks/registration_profile.py REFERENCE MOVING`.

The stages of a warm process are timed one after the other, on one thread, as the median of several runs; beside them stand
the whole process, the start of Python with its imports, and the floor: reading both files, and one pass over the sample
points for each motion that is scored.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from registration import RegistrationSettings, register

STAGES = {
    "volumes and pyramids": ("volume_from_image", "build_pyramid"),
    "spline coefficients and the body": ("__init__@layers.py",),
    "finding the liver": ("find_liver@layers.py",),
    "sample points": ("_draw",),
    "swarms, what is refined from them and its sharpness, whole body": ("search_volume",),
    "swarm and what is refined from it, region": ("search_region",),
    "Powell on the bottom layer": ("refine@search.py", "refine_last"),
    "verdict, without drawing its points": ("gather_evidence",),
    "edges": ("edge_agreement",),
    "all of register()": ("register",),
    "of it: passes over the sample points": ("add_joint_histograms",),
}


def stage_seconds(reference: sitk.Image, moving: sitk.Image) -> dict[str, float]:
    """Profile one registration; give the seconds of each stage."""
    profile = cProfile.Profile()
    profile.enable()
    register(reference, moving, settings=RegistrationSettings(threads=1))
    profile.disable()
    found = {
        stage: sum(
            cumulative
            for (file, _, function), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
            if "registration" in file
            and any(function == w or (function, Path(file).name) == tuple(w.split("@")) for w in wanted)
        )
        for stage, wanted in STAGES.items()
    }
    return found


def seconds_of(line: list[str]) -> float:
    """Time a command."""
    started = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Print a line a stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("moving", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    started = time.perf_counter()
    reference, moving = sitk.ReadImage(str(options.reference)), sitk.ReadImage(str(options.moving))
    reading = time.perf_counter() - started
    register(reference, moving)
    runs = [stage_seconds(reference, moving) for _ in range(options.runs)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "registration", str(options.reference), str(options.moving)]
        command += ["--transform", str(Path(folder) / "t.tfm")]
        whole = float(np.median([seconds_of(command) for _ in range(options.runs)]))
    imports = [
        seconds_of([sys.executable, "-c", "import registration.algorithm"]) for _ in range(options.runs)
    ]
    print(f"{'the whole process, two threads':<46} {whole:6.2f} s")
    print(f"{'Python and its imports':<46} {np.median(imports):6.2f} s")
    print(f"{'reading both files':<46} {reading:6.2f} s")
    for stage in STAGES:
        print(f"{stage:<46} {np.median([run[stage] for run in runs]):6.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
