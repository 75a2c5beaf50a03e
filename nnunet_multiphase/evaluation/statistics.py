"""Say how sure a difference between two contestants is: bootstrap interval, Wilcoxon's test, wins, and what could be seen.

Every measure is a ratio of two sums over cases: a mean is the sum of its values by the number of cases that have one, a
rate such as sensitivity is the found lesions by all lesions. So lesions are never drawn apart from their patient. Where
patients have several cases, "case" here is all that a patient has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, norm, t, wilcoxon

LEAST_CASES = 6
"""With fewer, Wilcoxon's p cannot fall below .05, and a bootstrap of so few says nothing either."""
REPLICATES = 4000
"""The bounds of an interval then move by about a thirtieth of its width from seed to seed."""
CONFIDENCE = 0.95
POWER = 0.8
DIGITS = 12
"""Sums over cases are rounded to so many decimals: 0.3 - 0.2 - 0.1 is no difference."""

BETTER, WORSE, NO_DIFFERENCE, TOO_FEW = "better", "worse", "no difference shown", "too few cases"


@dataclass(frozen=True)
class Ratios:
    """Hold what a contestant's measure is the ratio of.

    Attributes:
        above, below: (seeds, cases) numerators and denominators; `below` 0 where a case does not define the measure.
        pooled: Whether it is a rate of lesions, not a mean over cases.
    """

    above: np.ndarray
    below: np.ndarray
    pooled: bool


@dataclass(frozen=True)
class Estimate:
    """Hold a value with its interval; nan where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Hold a paired difference, first contestant minus second.

    Attributes:
        estimate: Of all cases and seeds, with its interval.
        cases: Cases that count.
        wins, ties, losses: Cases in which the first is better, as good, worse; means over seeds, as good when they are
            less apart than half of the last digit shown.
        p_value: Two-sided Wilcoxon signed-rank test of the cases' differences, means over seeds; 1 when none differs, nan
            for too few cases.
        p_holm: The same, corrected for the number of contestants; nan until somebody knows all of them.
        detectable: The smallest true difference that so many cases would show with a power of 80 %.
        verdict: BETTER or WORSE where the interval excludes 0, NO_DIFFERENCE, or TOO_FEW.
        by_case: (cases,) differences, means over seeds; nan where a case does not count.
    """

    estimate: Estimate
    cases: int
    wins: int
    ties: int
    losses: int
    p_value: float
    p_holm: float
    detectable: float
    verdict: str
    by_case: np.ndarray


def draw(folds: Sequence[int], seeds: int, *, seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """Draw cases with replacement, and trainings within them.

    One training's luck falls on all cases that it predicts, so seeds are drawn once for each fold, not for each case.

    Args:
        folds: (cases,) which fold's training predicted the case.
        seeds: Trainings of each fold.
        seed: Of the draws.
        replicates: How often.

    Returns:
        (replicates, seeds, cases): how often a case with a training was drawn, over the number of seeds.
    """
    random = np.random.default_rng(seed)
    cases = len(folds)
    of_case = random.multinomial(cases, np.full(cases, 1 / cases), size=replicates)  # (replicates, cases)
    names, place = np.unique(np.asarray(folds), return_inverse=True)
    of_fold = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=(replicates, len(names)))
    return of_case[:, None, :] * of_fold.transpose(0, 2, 1)[:, :, place] / seeds


def estimate(measure: Ratios, drawn: np.ndarray) -> Estimate:
    """Give one contestant's value and its interval; `drawn` as of `draw`."""
    counting = measure.below.sum(axis=0) > 0
    value = float(_ratio(measure, np.ones((1, *measure.below.shape)))[0])
    low, high = interval(_ratio(measure, drawn), int(counting.sum()))
    return Estimate(value, low, high)


def difference(
    first: Ratios, second: Ratios, drawn: np.ndarray, *, higher_is_better: bool, decimals: int
) -> Difference:
    """Compare two contestants in one measure.

    Args:
        first, second: The same measure of the same seeds and cases.
        drawn: As of `draw`.
        higher_is_better: Which way the measure goes.
        decimals: With how many it is shown.
    """
    if first.below.shape != second.below.shape:
        raise ValueError(
            f"a pair needs the same seeds and cases, found {first.below.shape} and {second.below.shape}"
        )
    first, second = paired(first, second)
    counting = (first.below.sum(axis=0) > 0) | (second.below.sum(axis=0) > 0)
    cases = int(counting.sum())
    everything = np.ones((1, *first.below.shape))
    value = float(_rounded(_ratio(first, everything) - _ratio(second, everything))[0])
    low, high = interval(_rounded(_ratio(first, drawn) - _ratio(second, drawn)), cases)
    by_case = _rounded(_by_case(first) - _by_case(second))
    defined = by_case[~np.isnan(by_case)]
    gain = defined if higher_is_better else -defined
    tie = 0.5 * 10.0**-decimals
    return Difference(
        estimate=Estimate(value, low, high),
        cases=cases,
        wins=int((gain >= tie).sum()),
        ties=int((abs(gain) < tie).sum()),
        losses=int((gain <= -tie).sum()),
        p_value=signed_rank(defined),
        p_holm=math.nan,
        detectable=smallest_difference(_spread(first, second, counting), cases),
        verdict=_verdict(low, high, higher_is_better),
        by_case=by_case,
    )


def paired(first: Ratios, second: Ratios) -> tuple[Ratios, Ratios]:
    """Keep of two means the cases that both contestants define with every seed; rates of lesions stay."""
    if first.pooled:
        return first, second
    both = ((first.below > 0) & (second.below > 0)).all(axis=0)
    one, other = (Ratios(r.above * both, r.below * both, False) for r in (first, second))
    return one, other


def interval(replicates: np.ndarray, cases: int) -> tuple[float, float]:
    """Give a bootstrap's expanded percentile interval of 95 %; nan for fewer than LEAST_CASES.

    A percentile interval of n cases is too narrow, as a normal distribution of variance 1 / n is beside Student's of
    1 / (n - 1); its percentiles are moved outwards by that (Hesterberg, The American Statistician 2015,
    doi:10.1080/00031305.2015.1089789).

    Args:
        replicates: What the draws gave; nan where one had no case that counts.
        cases: Cases drawn from.
    """
    kept = replicates[~np.isnan(replicates)]
    if cases < LEAST_CASES or not kept.size:
        return math.nan, math.nan
    tail = float(norm.cdf(math.sqrt(cases / (cases - 1)) * t.ppf((1 - CONFIDENCE) / 2, cases - 1)))
    low, high = np.quantile(kept, [tail, 1 - tail])
    return float(low), float(high)


def signed_rank(differences: np.ndarray) -> float:
    """Test whether differences lie about 0 (Wilcoxon 1945, doi:10.2307/3001968): two-sided p.

    Returns:
        1 when none differs from 0; nan for fewer than LEAST_CASES.
    """
    if len(differences) < LEAST_CASES:
        return math.nan
    return float(wilcoxon(differences).pvalue) if np.any(differences != 0) else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Correct p-values for their number, step by step (Holm, Scandinavian Journal of Statistics 1979, jstor 4615733).

    Returns:
        The corrected ones under the same names; nan stays, and does not count.
    """
    ordered = sorted((p, name) for name, p in p_values.items() if not math.isnan(p))
    corrected = dict(p_values)
    so_far = 0.0
    for rank, (p, name) in enumerate(ordered):
        so_far = max(so_far, min(1.0, (len(ordered) - rank) * p))
        corrected[name] = so_far
    return corrected


def smallest_difference(
    sd: float, cases: int, *, power: float = POWER, alpha: float = 1 - CONFIDENCE
) -> float:
    """Find the smallest true mean difference that a two-sided paired t-test of so many cases shows with some power.

    Args:
        sd: Standard deviation of the cases' differences.
        cases: How many.
        power: Share of studies that would show it.
        alpha: Share that would show one where there is none.

    Returns:
        In the differences' unit; nan for fewer than LEAST_CASES or where nothing varies.
    """
    if cases < LEAST_CASES or not sd > 0:
        return math.nan
    freedom = cases - 1
    bound = t.ppf(1 - alpha / 2, freedom)

    def lacking(shift: float) -> float:
        # Without the other tail: it adds less than a millionth, and scipy's is nan there.
        return float(nct.sf(bound, freedom, shift)) - power

    return float(brentq(lacking, 0.0, 10.0)) * sd / math.sqrt(cases)


def _ratio(measure: Ratios, weights: np.ndarray) -> np.ndarray:
    """Sum up with (replicates, seeds, cases) weights; nan where no case counts."""
    # einsum adds in one order, whatever the number of threads; a matrix product does not.
    above, below = (np.einsum("rsc,sc->r", weights, part) for part in (measure.above, measure.below))
    return _rounded(np.divide(above, below, out=np.full(len(below), math.nan), where=below > 0))


def _by_case(measure: Ratios) -> np.ndarray:
    """Average each case's own ratio over the seeds that define it; nan where none does."""
    defined = measure.below > 0
    ratios = np.divide(measure.above, measure.below, out=np.zeros(defined.shape), where=defined)
    count = defined.sum(axis=0)
    return np.divide(ratios.sum(axis=0), count, out=np.full(count.shape, math.nan), where=count > 0)


def _spread(first: Ratios, second: Ratios, counting: np.ndarray) -> float:
    """Give the SD over cases of what each adds to the difference: of a mean, of the cases' differences themselves."""
    if counting.sum() < 2:
        return math.nan
    added = np.zeros(int(counting.sum()))
    for sign, measure in ((1, first), (-1, second)):
        above, below = (part.mean(axis=0)[counting] for part in (measure.above, measure.below))
        if not below.sum() > 0:
            return math.nan
        added += sign * (above - above.sum() / below.sum() * below) / below.mean()
    return float(np.std(_rounded(added), ddof=1))


def _verdict(low: float, high: float, higher_is_better: bool) -> str:
    if math.isnan(low):
        return TOO_FEW
    if low <= 0 <= high:
        return NO_DIFFERENCE
    return BETTER if (low > 0) == higher_is_better else WORSE


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values, DIGITS) + 0.0  # + 0.0: no negative zero
