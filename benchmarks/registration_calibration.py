#!/usr/bin/env python3
"""Compare the error that a registration expects of itself with the true one, class by class.

    python benchmarks/registration_calibration.py RUNS.jsonl [--figure docs/images/calibration.png]

RUNS.jsonl is what `registration_peers.py` wrote. The goal is a true error below the expected one in 90 % of the pairs of
every class.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from registration_peers import OURS, Run, read_runs
from registration_sources import GROUPS

mpl.use("Agg")
import matplotlib.pyplot as plt

# Okabe and Ito's colours, told apart by the colour-blind, too
COLOURS = dict(zip(GROUPS, ("#0072B2", "#56B4E9", "#009E73", "#D55E00", "#E69F00", "#CC79A7"), strict=True))
MARKERS = dict(zip(OURS, "o^s", strict=True))
TITLES = {"ours": "liver found", "ours_body": "body", "ours_mask": "liver mask"}


def line_of(runs: list[Run]) -> str:
    """Give a table's cells: runs, how many have less error than expected, median and highest of true over expected."""
    errors = np.array([run.error_mm for run in runs])
    expected = np.array([run.expected_error_mm for run in runs], dtype=float)
    ratio = errors / expected
    return f"{len(runs)} | {100 * (ratio <= 1).mean():.0f} % | {np.median(ratio):.2f} | {ratio.max():.2f}"


def draw(runs: list[Run], file: Path) -> None:
    """Draw the true error over the expected one; what lies above the line was taken too lightly."""
    figure, axis = plt.subplots(figsize=(6.4, 5.6))
    for tool, group in ((tool, group) for tool in OURS for group in GROUPS):
        those = [run for run in runs if (run.tool, run.group) == (tool, group)]
        if those:
            axis.plot(
                [run.expected_error_mm for run in those],
                [run.error_mm for run in those],
                MARKERS[tool],
                color=COLOURS[group],
                markersize=5,
                alpha=0.6,
                markeredgewidth=0,
            )
    values = [value for run in runs for value in (run.error_mm, run.expected_error_mm or np.nan)]
    ends = np.nanmin(values) / 1.3, np.nanmax(values) * 1.3
    axis.plot(ends, ends, color="black", linewidth=1)
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    axis.set(xlabel="expected error, mm", ylabel="true mean error in the liver, mm")
    handles = [axis.plot([], [], "o", color=COLOURS[g], label=g)[0] for g in GROUPS]
    tools = [tool for tool in OURS if any(run.tool == tool for run in runs)]
    handles += [axis.plot([], [], MARKERS[t], color="grey", label=TITLES[t])[0] for t in tools]
    axis.legend(handles=handles, fontsize=8, loc="upper left", frameon=False)
    axis.grid(which="major", linewidth=0.4, alpha=0.5)
    figure.savefig(file, dpi=110, bbox_inches="tight")


def main() -> int:
    """Print a Markdown table of classes by what was fitted, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="JSON lines of registration_peers.py")
    parser.add_argument("--figure", type=Path, help="PNG to write")
    options = parser.parse_args()
    runs = [run for run in read_runs(options.runs) if run.expected_error_mm is not None and not run.quiet]
    if not runs:
        print(
            "No run holds an expected error; run registration_peers.py --tools ours first.", file=sys.stderr
        )
        return 2
    print("| what was fitted | class | runs | true error below it | true / expected: median | highest |")
    print("|---|---|---|---|---|---|")
    for tool in OURS:
        for group in (*GROUPS, "all"):
            those = [run for run in runs if run.tool == tool and group in (run.group, "all")]
            if those:
                print(f"| {TITLES[tool]} | {group} | {line_of(those)} |")
    if options.figure:
        draw(runs, options.figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
