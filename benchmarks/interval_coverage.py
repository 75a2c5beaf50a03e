"""Count how often the benchmark's interval of a paired difference holds the true one, in simulated benchmarks.

    python benchmarks/interval_coverage.py

A case's difference is the true one, plus the case's own (SD .1 of Dice, normal, or exponential for outliers), plus its
training's luck, which all cases of that fold share, plus what one training does to one case (SD .05).
"""

import argparse
from collections.abc import Sequence

import numpy as np

from nnunet_multiphase.evaluation.statistics import Ratios, difference, draw

TRUE_DIFFERENCE, CASE_SD, BOTH_SD = 0.03, 0.1, 0.05
# cases, seeds, folds, SD of a training's luck, whether cases have outliers
SETTINGS: tuple[tuple[int, int, int, float, bool], ...] = (
    (8, 1, 1, 0.0, False),
    (20, 1, 1, 0.0, False),
    (40, 1, 5, 0.0, False),
    (40, 1, 1, 0.03, False),
    (40, 3, 1, 0.03, False),
    (40, 3, 5, 0.02, False),
    (40, 5, 5, 0.05, False),
    (20, 3, 5, 0.02, True),
    (40, 1, 5, 0.0, True),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    print("cases seeds folds  luck outliers  held")
    for cases, seeds, folds, luck, outliers in SETTINGS:
        held = coverage(cases, seeds, folds, luck, outliers, runs=args.runs, seed=args.seed)
        print(f"{cases:5} {seeds:5} {folds:5} {luck:5.2f} {outliers!s:>8} {held:5.3f}", flush=True)


def coverage(
    cases: int, seeds: int, folds: int, luck: float, outliers: bool, *, runs: int, seed: int
) -> float:
    """Give the share of simulated intervals that hold the true difference."""
    random = np.random.default_rng(seed)
    fold_of = np.arange(cases) % folds
    drawn = draw(fold_of, seeds, seed=seed, replicates=1000)
    one = np.ones((seeds, cases))
    held = 0
    for _ in range(runs):
        own = random.exponential(1, cases) - 1 if outliers else random.normal(0, 1, cases)
        training = random.normal(0, luck, (seeds, folds))[:, fold_of]
        values = TRUE_DIFFERENCE + CASE_SD * own + training + random.normal(0, BOTH_SD, (seeds, cases))
        first, second = Ratios(values, one, False), Ratios(0 * one, one, False)
        found = difference(first, second, drawn, higher_is_better=True, decimals=3).estimate
        held += found.low <= TRUE_DIFFERENCE <= found.high
    return held / runs


if __name__ == "__main__":
    main()
