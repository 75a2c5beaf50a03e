"""Compare two models case by case: the paired differences and Wilcoxon's signed-rank test."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import wilcoxon

from nnunet_multiphase.evaluation.scores import Scores


@dataclass(frozen=True)
class PairedComparison:
    """Hold a paired comparison of one score, first model minus second.

    Attributes:
        score: field of CaseScore that was compared.
        cases: number of cases in which both models define it.
        median_difference: median over those cases; nan for none.
        p_value: two-sided Wilcoxon signed-rank test (Wilcoxon 1945, doi:10.2307/3001968); nan when no case
            differs. With fewer than 6 differing cases it cannot fall below .05, whatever the models.
    """

    score: str
    cases: int
    median_difference: float
    p_value: float


def compare_paired(first: Scores, second: Scores, *, score: str = "dice") -> PairedComparison:
    """Compare two models' scores of the same cases.

    Args:
        first, second: scores of the same cases by two models.
        score: a numeric field of CaseScore.

    Raises:
        ValueError: the two scored different cases.
    """
    a, b = ({c.case: float(getattr(c, score)) for c in scores.cases} for scores in (first, second))
    return compare_values(a, b, score=score)


def compare_values(
    first: Mapping[str, float], second: Mapping[str, float], *, score: str = "dice"
) -> PairedComparison:
    """Compare two models' values of one score, given by case; nan where a model has none.

    Raises:
        ValueError: the two scored different cases.
    """
    if first.keys() != second.keys():
        only_one = sorted(first.keys() ^ second.keys())
        raise ValueError(
            f"a paired comparison needs the same cases; {', '.join(only_one)} has one model's score"
        )
    differences = np.array([first[case] - second[case] for case in first], dtype=np.float64)
    differences = differences[~np.isnan(differences)]
    if not differences.size:
        return PairedComparison(score, 0, math.nan, math.nan)
    p_value = float(wilcoxon(differences).pvalue) if np.any(differences != 0) else math.nan
    return PairedComparison(score, int(differences.size), float(np.median(differences)), p_value)
