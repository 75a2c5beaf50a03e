"""Measure setup_dataset.py on a cohort: cases a minute with one and two workers, memory, beside a floor.

    python benchmarks/cohort_setup.py COHORT
    python benchmarks/cohort_setup.py COHORT --upsample 512 512 400 --cases 1     # one case at a large scanner's size

The floor reads every file of the same cases with SimpleITK and writes it again as .nii.gz, and does nothing else: no tool
that makes a dataset can be faster. COHORT holds case folders (docs/data.md); missing phases are filled. All runs follow one
another in one process' lifetime, each in a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import SimpleITK as sitk

SETUP = Path(__file__).parents[1] / "setup_dataset.py"


def upsample(case: Path, size: list[int], out: Path) -> None:
    """Write a case with its phases (cubic) and masks (nearest) at another number of voxels."""
    out.mkdir(parents=True)
    for path in sorted(case.glob("*.nii.gz")):
        image = sitk.ReadImage(str(path))
        is_mask = path.name.startswith(("lesions", "liver"))
        spacing = [n * s / m for n, s, m in zip(image.GetSize(), image.GetSpacing(), size, strict=True)]
        finer = sitk.Resample(
            image,
            size,
            sitk.Transform(),
            sitk.sitkNearestNeighbor if is_mask else sitk.sitkBSpline,
            image.GetOrigin(),
            spacing,
            image.GetDirection(),
            0.0 if is_mask else -1024.0,
        )
        sitk.WriteImage(finer, str(out / path.name), True)


def copy_floor(cohort: Path, out: Path) -> None:
    """Read and write every image file of a cohort."""
    for path in sorted(cohort.glob("*/*.nii.gz")):
        sitk.WriteImage(sitk.ReadImage(str(path)), str(out / f"{path.parent.name}_{path.name}"), True)


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; give its wall seconds and the most resident memory of any one process of it, in MiB."""
    runner = (
        "import resource, subprocess, sys, time; b = time.perf_counter();"
        "r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE);"
        "print(time.perf_counter() - b, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024);"
        "sys.stderr.buffer.write(r.stderr); sys.exit(r.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", runner, *command], env=environment, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    seconds, mib = done.stdout.split()
    return float(seconds), float(mib)


def main() -> None:
    """Print one row a way of working."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--cases", type=int, help="only the first so many cases")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--upsample", type=int, nargs=3, metavar=("X", "Y", "Z"), help="voxels of every volume"
    )
    parser.add_argument("--floor-only", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor_only:
        copy_floor(options.cohort, options.floor_only)
        return
    with tempfile.TemporaryDirectory() as work:
        cohort = Path(work) / "cohort"
        cohort.mkdir()
        for case in sorted(p for p in options.cohort.iterdir() if p.is_dir())[: options.cases]:
            if options.upsample:
                upsample(case, options.upsample, cohort / case.name)
            else:
                (cohort / case.name).symlink_to(case.resolve())
        cases = len(list(cohort.iterdir()))
        rows = []
        floor = Path(work) / "floor"
        floor.mkdir()
        command = [sys.executable, __file__, str(cohort), "--floor-only", str(floor)]
        rows.append(("SimpleITK reads and writes", *measured(command, dict(os.environ))))
        for jobs in options.jobs:
            folders = {
                name: str(Path(work) / f"{name}_{jobs}") for name in ("nnUNet_raw", "nnUNet_preprocessed")
            }
            for folder in folders.values():
                Path(folder).mkdir()
            command = [sys.executable, str(SETUP), str(cohort), "--dataset-id", "1", "--name", "X"]
            command += ["--missing", "fill", "--jobs", str(jobs), "--test-fraction", "0"]
            rows.append((f"setup_dataset.py --jobs {jobs}", *measured(command, {**os.environ, **folders})))
    print("| | seconds | cases a minute | MiB of the largest process |\n|---|---|---|---|")
    for name, seconds, mib in rows:
        print(f"| {name} | {seconds:.1f} | {60 * cases / seconds:.1f} | {mib:.0f} |")
    print(
        json.dumps(
            {"cases": cases, "this process, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        )
    )


if __name__ == "__main__":
    main()
