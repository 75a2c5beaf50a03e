#!/usr/bin/env python3
"""Compare the registration with other tools on the same pairs: error, time and memory of whole processes.

    python benchmarks/registration_peers.py PAIRS --runs RUNS.jsonl [--tools ours,elastix] [--search-seeds 0,1,2] [--quiet]

PAIRS is a folder that `registration_sources.py` has filled. Every run is a line of RUNS.jsonl; what stands there is not
run again, so that a stopped comparison goes on. Times are those of runs with --quiet (nothing else ran on the machine);
errors, the processor's seconds and memory are those of all. Tools that are not installed are left out
(`pip install nnunet-multiphase[bench]`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from registration_pairs import read_pair
from registration_sources import GROUPS

HERE = Path(__file__).parent
OURS = {
    "ours": [],
    "ours_body": ["--region", "body"],
    "ours_mask": ["--reference-mask", "{folder}/liver.mha"],
}
NEEDS = {
    "simpleitk_usual": "SimpleITK",
    "simpleitk_fast": "SimpleITK",
    "elastix": "itk",
    "greedy": "picsl_greedy",
    "antspy": "ants",
}
FOUND_MM = 2.0  # a smaller error counts as found


@dataclass(frozen=True)
class Run:
    """Hold one tool's run on one pair; error infinite where it failed, what it says of itself only for ours."""

    group: str
    source: str
    pair: str
    tool: str
    search_seed: int
    quiet: bool
    error_mm: float
    seconds: float
    cpu_s: float
    memory_mib: float
    commit: str
    verdict: str | None = None
    expected_error_mm: float | None = None

    @property
    def key(self) -> tuple[str, str, int, bool]:
        """What is not run twice."""
        return self.pair, self.tool, self.search_seed, self.quiet


def read_runs(files: list[Path]) -> list[Run]:
    """Read the runs that files hold; none where there is no file yet."""
    return [
        Run(**json.loads(line)) for file in files if file.exists() for line in file.read_text().splitlines()
    ]


def command(tool: str, folder: Path, out: Path, seed: int) -> list[str]:
    """Give the command that registers the pair in a folder and writes out.tfm, ours out.json too."""
    files = [str(folder / "reference.mha"), str(folder / "moving.mha")]
    if tool not in OURS:
        return [sys.executable, str(HERE / "registration_run_peer.py"), tool, *files, str(out / "out.tfm")]
    line = [sys.executable, "-m", "registration", *files, "--seed", str(seed)]
    line += ["--transform", str(out / "out.tfm"), "--json", str(out / "out.json")]
    return [*line, *(part.format(folder=folder) for part in OURS[tool])]


# A child's peak memory counts that of the process it was forked from: fork from a small one.
SHIM = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(status)
"""


def run_whole(line: list[str]) -> tuple[float, float, float]:
    """Run a command; give seconds, the processor's seconds and peak memory in MiB (Linux's unit assumed)."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-S", "-c", SHIM, *line], capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        print(" ".join(line), done.stderr[-300:], file=sys.stderr)
    cpu_s, memory_mib = (float(word) for word in done.stdout.split())
    return seconds, cpu_s, memory_mib


def measure(
    folder: Path, facts: dict[str, Any], wanted: list[tuple[str, int]], fixed: dict[str, Any]
) -> Iterator[Run]:
    """Let each tool register one pair."""
    pair = read_pair(folder)
    for tool, seed in wanted:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch)
            seconds, cpu_s, memory = run_whole(command(tool, folder, out, seed))
            written = (out / "out.tfm").exists()
            error = pair.error_mm(sitk.ReadTransform(str(out / "out.tfm"))) if written else float("inf")
            said = json.loads((out / "out.json").read_text()) if written and tool in OURS else {}
        yield Run(
            group=facts["group"],
            source=facts["source"],
            pair=facts["name"],
            tool=tool,
            search_seed=seed,
            error_mm=error,
            seconds=seconds,
            cpu_s=cpu_s,
            memory_mib=memory,
            verdict=said.get("verdict"),
            expected_error_mm=said.get("expected_error_mm"),
            **fixed,
        )


def print_table(runs: list[Run]) -> None:
    """Print a Markdown table: by tool, median error in mm (and how many were found) by class, times and memory."""
    groups = [group for group in GROUPS if any(run.group == group for run in runs)]
    print(f"\n| tool | {' | '.join(groups)} | s (worst) | CPU s (worst) | MiB |")
    print("|---" * (len(groups) + 4) + "|")
    for tool in [t for t in (*OURS, *NEEDS) if any(run.tool == t for run in runs)]:
        cells = []
        for group in groups:
            # A quiet run repeats another one.
            errors = {r.key[:3]: r.error_mm for r in runs if (r.tool, r.group) == (tool, group)}.values()
            found = sum(error < FOUND_MM for error in errors)
            share = "" if found == len(errors) else f", **{found} of {len(errors)}**"
            middle = float(np.median(list(errors))) if errors else np.inf
            number = (
                "-" if middle == np.inf else f"{middle:.{1 if middle > 9.9 else 2 if middle > 1 else 3}f}"
            )
            cells.append(number + share)
        those = [run for run in runs if run.tool == tool]
        timed = [run.seconds for run in those if run.quiet]
        cells.append(f"{np.median(timed):.2f} ({max(timed):.2f})" if timed else "-")
        cells.append(f"{np.median([run.cpu_s for run in those]):.1f} ({max(run.cpu_s for run in those):.1f})")
        cells.append(f"{max(run.memory_mib for run in those):.0f}")
        print(f"| {tool} | {' | '.join(cells)} |")


def main() -> int:
    """Measure what is missing, print each run as it ends, and the table of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path, help="folder of pairs, from registration_sources.py")
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="+",
        required=True,
        help="JSON lines: new runs go to the first file, the table is made of all",
    )
    parser.add_argument("--tools", help="default: all that are installed; '' for the table alone")
    parser.add_argument("--classes", help="default: all")
    parser.add_argument("--sources", help="default: all")
    parser.add_argument("--per-class", type=int, help="take only the first pairs of each class")
    parser.add_argument("--search-seeds", default="0", help="of our search, as in 0,1,2")
    parser.add_argument("--quiet", action="store_true", help="nothing else runs: these runs tell the time")
    options = parser.parse_args()
    peers = [tool for tool, module in NEEDS.items() if importlib.util.find_spec(module)]
    tools = [*OURS, *peers] if options.tools is None else [*filter(None, options.tools.split(","))]
    seeds = [int(seed) for seed in options.search_seeds.split(",")]
    wanted = [(tool, seed) for tool in tools for seed in (seeds if tool in OURS else [0])]
    line = ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(line, capture_output=True, text=True).stdout.strip()
    fixed = {"quiet": options.quiet, "commit": commit}

    taken: dict[str, list[dict[str, Any]]] = {}
    for facts in json.loads((options.pairs / "pairs.json").read_text()):
        if facts["source"] in (options.sources or facts["source"]).split(","):
            taken.setdefault(facts["group"], []).append(facts)
    chosen = options.classes.split(",") if options.classes else list(taken)
    taken = {group: taken[group][: options.per_class] for group in chosen}
    names = {facts["name"] for group in taken.values() for facts in group}
    done = {run.key for run in read_runs(options.runs)}
    warm = not any(tool in OURS for tool in tools)
    with options.runs[0].open("a") as file:
        # the first pair of every class, then the second: a stopped comparison has all classes
        rounds = sorted((k, group) for group in taken for k in range(len(taken[group])))
        for facts in (taken[group][k] for k, group in rounds):
            folder = options.pairs / facts["name"]
            missing = [(t, s) for t, s in wanted if (facts["name"], t, s, options.quiet) not in done]
            if missing and not warm:  # compiling belongs to the first run ever, not to these
                warm = bool(list(measure(folder, facts, [("ours", 0)], fixed)))
            for run in measure(folder, facts, missing, fixed):
                file.write(json.dumps(asdict(run)) + "\n")
                file.flush()
                print(
                    f"{run.pair:<20} {run.tool:<16} {run.error_mm:8.3f} mm {run.seconds:7.2f} s", flush=True
                )
    print_table([run for run in read_runs(options.runs) if run.pair in names])
    return 0


if __name__ == "__main__":
    sys.exit(main())
