#!/usr/bin/env python3
"""Watch the memory of long runs: many cases in one `setup`, many patients in one `predict`.

    python benchmarks/load.py setup WORK --cases 200 --voxels 48 --jobs 1
    python benchmarks/load.py predict WORK --patients 50 -m MODEL [options of predict]
    python benchmarks/load.py figure WORK/*.csv -o docs/images/load.png

The cases are ellipsoids in noise, each its own; the registrations search briefly (what they keep is the same), all else is
as in a user's run. Twice a second the proportional set size (PSS: shared pages are shared out) of the command's processes is
added up and written to WORK/<run>.csv beside the number of cases done. The slope is a least-squares line's over the last
three quarters of the cases: before, libraries are still loaded and buffers grow to the largest case. Linux alone.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from matplotlib import pyplot as plt

from nnunet_multiphase.dataset.build import build_dataset
from nnunet_multiphase.phases import PHASES
from registration import RegistrationSettings
from registration.own_style import own_style

BRIEF = RegistrationSettings(
    swarm_particles=20,
    swarm_iterations=5,
    top_samples=1000,
    bottom_samples=4000,
    region_restarts_mm=(0.0,),
    region_particles=8,
    region_iterations=3,
)
EXTENT_MM = (260.0, 220.0, 150.0)  # x, y, z
ORGANS = (  # centre and radii in mm about the middle; HU on nc, art, pv, dl
    ((0, 0, 0), (120, 95, 400), (20, 20, 20, 20)),
    ((-50, -10, 0), (55, 60, 55), (50, 75, 115, 95)),
    ((0, 60, 0), (20, 18, 400), (400, 400, 400, 400)),
    ((60, 25, -10), (22, 18, 38), (30, 200, 160, 130)),
    ((12, 25, 0), (11, 11, 400), (40, 250, 150, 120)),
)
LESION = ((-60, -15, 10), (13, 13, 13), (35, 110, 75, 65))


def write_case(folder: Path, voxels: int, seed: int, phases: Sequence[str] = PHASES) -> None:
    """Write phases of n^3 voxels with a lesion and a liver mask on pv; the others are moved by a few mm."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    spacing = [extent / voxels for extent in EXTENT_MM]
    z, y, x = (
        ((np.arange(voxels) - (voxels - 1) / 2) * step).reshape(shape)
        for step, shape in zip(spacing[::-1], ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True)
    )
    lesion_mm = rng.uniform(-12, 12, 3)

    def inside(centre: Sequence[float], radii: Sequence[float], shift: np.ndarray) -> np.ndarray:
        (cx, cy, cz), (rx, ry, rz) = np.add(centre, shift), radii
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1

    def write(values: np.ndarray, name: str) -> None:
        image = sitk.GetImageFromArray(values)
        image.SetSpacing(spacing)
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"), True)

    for number, phase in enumerate(PHASES):
        if phase not in phases:
            continue
        shift = np.zeros(3) if phase == "pv" else rng.uniform(-5, 5, 3)
        hu = np.full((voxels,) * 3, -1000.0)
        for centre, radii, values in ORGANS:
            hu[inside(centre, radii, shift)] = values[number]
        hu[inside(np.add(LESION[0], lesion_mm), LESION[1], shift)] = LESION[2][number]
        write((hu + rng.normal(0, 10, hu.shape)).round().astype(np.int16), phase)
    write(inside(np.add(LESION[0], lesion_mm), LESION[1], np.zeros(3)).astype(np.uint8), "lesions_pv")
    write(inside(*ORGANS[1][:2], np.zeros(3)).astype(np.uint8), "liver_pv")


def cohort_of(work: Path, cases: int, voxels: int, phases: Sequence[str] = PHASES) -> Path:
    """Make the cohort, or take it as it was made before."""
    cohort = work / f"cohort_{cases}_{voxels}_{len(phases)}"
    for seed in range(cases):
        if not (cohort / f"case_{seed:04d}").exists():
            write_case(cohort / f"case_{seed:04d}", voxels, seed, phases)
    return cohort


def pss_mib(root: int) -> float:
    """Add up the memory of a process and of all that it started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # gone meanwhile
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    kib = 0
    for pid in family:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        kib += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return kib / 1024


def watched(command: list[str], environment: dict[str, str], done: Callable[[], int], file: Path) -> None:
    """Run a command and write its memory over the cases done; tell the slope."""
    rows = []
    with file.with_suffix(".log").open("w") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        while process.poll() is None:
            rows.append((time.perf_counter() - began, done(), pss_mib(process.pid)))
            time.sleep(0.5)
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("seconds", "done", "mib"), *rows])
    print(f"{file.name}: status {process.returncode}, {rows[-1][0]:.0f} s, {told(file)}")


def read(file: Path) -> np.ndarray:
    """Give (samples, 3): seconds, cases done, MiB."""
    return np.loadtxt(file, delimiter=",", skiprows=1)


def slope_mib(table: np.ndarray) -> float:
    """Give the MiB that a case adds, once a quarter of them is done; the end, where pages are made, is left out."""
    _, cases, mib = table.T
    used = (cases >= cases.max() / 4) & (cases < cases.max())
    return float(np.polyfit(cases[used], mib[used], 1)[0])


def told(file: Path) -> str:
    """Say what a run came to."""
    table = read(file)
    _, cases, mib = table.T
    level = [
        np.median(mib[(cases >= a * cases.max()) & (cases < b * cases.max())])
        for a, b in ((0.25, 0.5), (0.75, 1))
    ]
    return (
        f"{cases.max():.0f} cases, {slope_mib(table):+.3f} MiB a case; median {level[0]:.0f} MiB in the second quarter, "
        f"{level[1]:.0f} in the last, most {mib.max():.0f}"
    )


def run_setup(options: argparse.Namespace) -> None:
    """Watch `setup` in a process of its own."""
    cohort = cohort_of(options.work, options.cases, options.voxels)
    for jobs in options.jobs:
        name = f"setup_{options.cases}_cases_of_{options.voxels}_jobs_{jobs}"
        folders = {key: options.work / name / key for key in ("nnUNet_raw", "nnUNet_preprocessed")}
        for folder in folders.values():
            folder.mkdir(parents=True)
        raw = folders["nnUNet_raw"]
        command = [sys.executable, __file__, "build", str(cohort), str(jobs)]
        environment = {**os.environ, **{key: str(folder) for key, folder in folders.items()}}
        watched(
            command,
            environment,
            lambda raw=raw: len(list(raw.glob("*/labels*/*"))),
            options.work / f"{name}.csv",
        )


def run_predict(options: argparse.Namespace) -> None:
    """Watch `predict`, with its page of each patient."""
    cohort = cohort_of(options.work, options.patients, options.voxels, options.phases)
    cases = [str(path) for path in sorted(cohort.iterdir())]
    name = f"predict_{options.patients}_{options.name}"
    out = options.work / name
    command = [sys.executable, "-m", "nnunet_multiphase.cli.main", "predict", *cases]
    command += ["-m", str(options.model), "-o", str(out), *options.predict_options]
    watched(command, dict(os.environ), lambda: len(list(out.glob("*.nii.gz"))), options.work / f"{name}.csv")


@own_style()
def draw(files: Sequence[Path], output: Path) -> None:
    """Draw the memory of each run over the cases done."""
    figure, axes = plt.subplots(figsize=(7.5, 0.6 + 2.2 * len(files)), nrows=len(files), squeeze=False)
    for axis, file in zip(axes[:, 0], files, strict=True):
        table = read(file)
        axis.plot(table[:, 1], table[:, 2], ".", markersize=3, color="#0072B2")
        axis.set_ylim(0, table[:, 2].max() * 1.15)
        axis.set_title(
            f"{file.stem.replace('_', ' ')}: {slope_mib(table):+.2f} MiB a case", fontsize=9, loc="left"
        )
        axis.set_ylabel("MiB")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("cases done")
    figure.tight_layout()
    figure.savefig(output, dpi=90)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup")
    setup.add_argument("work", type=Path)
    setup.add_argument("--cases", type=int, default=200)
    setup.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    predict = commands.add_parser("predict")
    predict.add_argument("work", type=Path)
    predict.add_argument("--patients", type=int, default=50)
    predict.add_argument("-m", "--model", type=Path, required=True)
    predict.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    predict.add_argument("--name", default="model", help="of the model, for the file's name")
    for command in (setup, predict):
        command.add_argument("--voxels", type=int, default=48, help="of each side of a volume")
    figure = commands.add_parser("figure")
    figure.add_argument("files", type=Path, nargs="+")
    figure.add_argument("-o", "--output", type=Path, required=True)
    build = commands.add_parser("build")  # what `setup` runs
    build.add_argument("cohort", type=Path)
    build.add_argument("jobs", type=int)
    options, rest = parser.parse_known_args()
    if options.command == "predict":
        options.predict_options = rest
    elif rest:
        parser.error(f"unknown: {' '.join(rest)}")
    if options.command == "setup":
        run_setup(options)
    elif options.command == "predict":
        run_predict(options)
    elif options.command == "figure":
        draw(options.files, options.output)
    else:
        build_dataset(options.cohort, 1, "Load", settings=BRIEF, jobs=options.jobs)


if __name__ == "__main__":
    main()
