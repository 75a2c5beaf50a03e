"""Say which measures contestants are compared in, and read each out of their scores, case by case."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnunet_multiphase.evaluation.scores import CaseScore, LesionScore, Scores
from nnunet_multiphase.evaluation.sizes import SIZES, counted_by_size
from nnunet_multiphase.evaluation.statistics import (
    Difference,
    Estimate,
    Ratios,
    difference,
    draw,
    estimate,
    holm,
    paired,
)

Counts = tuple[float, float]
"""A case's part of a measure: what to sum up, and by what to divide (0: the case does not define it)."""


@dataclass(frozen=True)
class Measure:
    """Hold a measure.

    Attributes:
        key: Its name in tables.
        title, unit: For people.
        decimals: With how many it is shown.
        higher_is_better: Which way it goes.
        pooled: Whether it is a rate of all cases' lesions; else the mean of the cases' own values.
        counts: Of a case and its lesions.
    """

    key: str
    title: str
    unit: str
    decimals: int
    higher_is_better: bool
    pooled: bool
    counts: Callable[[CaseScore, Sequence[LesionScore]], Counts]


@dataclass(frozen=True)
class Standing:
    """Hold how a contestant does: measure key -> value, and -> difference to the one it is compared with.

    Attributes:
        values: Each with its interval.
        differences: Contestant minus the other; empty for the other itself.
    """

    values: dict[str, Estimate]
    differences: dict[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """Hold how contestants do on the same cases.

    Attributes:
        against: The contestant that the others are compared with.
        patients: What `Difference.by_case` goes over.
        seeds: Trainings that each case was predicted by.
        standings: Of each contestant.
    """

    against: str
    patients: tuple[str, ...]
    seeds: int
    standings: dict[str, Standing]


def _mean_of(value: Callable[[CaseScore], float]) -> Callable[[CaseScore, Sequence[LesionScore]], Counts]:
    def counts(case: CaseScore, lesions: Sequence[LesionScore]) -> Counts:
        own = value(case)
        return (0.0, 0.0) if math.isnan(own) else (own, 1.0)

    return counts


def _found_of(size: str) -> Callable[[CaseScore, Sequence[LesionScore]], Counts]:
    return lambda case, lesions: counted_by_size(lesions)[size]


def _all(case: CaseScore) -> int:
    return 2 * case.found + case.missed + case.false


SENSITIVITIES: tuple[Measure, ...] = tuple(
    Measure(
        f"sensitivity_{size.replace(' ', '_')}", f"Sensitivity, {size}", "", 2, True, True, _found_of(size)
    )
    for size in SIZES
)
MEASURES: tuple[Measure, ...] = (
    Measure("dice", "Dice", "", 3, True, False, _mean_of(lambda c: c.dice)),
    Measure("nsd", "NSD at 2 mm", "", 3, True, False, _mean_of(lambda c: c.nsd)),
    Measure("hd95_mm", "HD95", "mm", 1, False, False, _mean_of(lambda c: c.hd95_mm)),
    Measure(
        "volume_error_ml",
        "Volume error",
        "ml",
        2,
        False,
        False,
        _mean_of(lambda c: abs(c.volume_error_ml)),
    ),
    Measure(
        "sensitivity", "Lesion sensitivity", "", 2, True, True, lambda c, _: (c.found, c.found + c.missed)
    ),
    *SENSITIVITIES,
    Measure("precision", "Lesion precision", "", 2, True, True, lambda c, _: (c.found, c.found + c.false)),
    Measure("f1", "Lesion F1", "", 2, True, True, lambda c, _: (2 * c.found, _all(c))),
    Measure("false_per_case", "False lesions a case", "", 2, False, False, _mean_of(lambda c: c.false)),
    Measure(
        "panoptic_quality",
        "Panoptic quality",
        "",
        3,
        True,
        True,
        lambda c, lesions: (2 * math.fsum(lesion.iou for lesion in lesions), _all(c)),
    ),
)


def ratios(measure: Measure, scores: Sequence[Scores]) -> Ratios:
    """Read a measure out of a contestant's scores, one `Scores` of the same cases for each seed."""
    above, below = np.zeros((2, len(scores), len(scores[0].cases)))
    for i, of_seed in enumerate(scores):
        lesions: dict[str, list[LesionScore]] = {case.case: [] for case in of_seed.cases}
        for lesion in of_seed.lesions:
            lesions[lesion.case].append(lesion)
        for j, case in enumerate(of_seed.cases):
            above[i, j], below[i, j] = measure.counts(case, lesions[case.case])
    return Ratios(above, below, measure.pooled)


def of_patients(measure: Ratios, patients: Sequence[str]) -> Ratios:
    """Sum up a measure's cases by patient, sorted: what is drawn has to be independent.

    Args:
        measure: Of cases.
        patients: (cases,) whose each is.
    """
    _, place = np.unique(np.asarray(patients), return_inverse=True)
    whose = np.eye(place.max(initial=-1) + 1)[place]  # (cases, patients)
    above, below = (np.einsum("sc,cp->sp", part, whose) for part in (measure.above, measure.below))
    return Ratios(above, below, measure.pooled)


def compare_contestants(
    scores: Mapping[str, Sequence[Scores]],
    folds: Mapping[str, int],
    *,
    against: str,
    seed: int,
    patients: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare every contestant with one of them, in every measure.

    Args:
        scores: Contestant -> one `Scores` for each seed, of the same cases in the same order.
        folds: Case -> fold whose training predicted it.
        against: The contestant that the others are compared with.
        seed: Of the bootstrap.
        patients: Case -> patient, of those that are not their own.

    Returns:
        How each does; p-values are corrected for the number of contestants, measure by measure (Holm).

    Raises:
        ValueError: Contestants have other cases or another number of seeds, or a patient's cases are in several folds.
    """
    cases = [case.case for case in scores[against][0].cases]
    seeds = len(scores[against])
    for name, of_contestant in scores.items():
        if len(of_contestant) != seeds or any([c.case for c in s.cases] != cases for s in of_contestant):
            raise ValueError(f"{name} was not scored on the same cases with as many seeds as {against}")
    whose = [(patients or {}).get(case, case) for case in cases]
    fold_of: dict[str, int] = {}
    for case, patient in zip(cases, whose, strict=True):
        if fold_of.setdefault(patient, folds[case]) != folds[case]:
            raise ValueError(f"patient {patient} has cases in folds {fold_of[patient]} and {folds[case]}")
    drawn = draw([fold_of[patient] for patient in sorted(fold_of)], seeds, seed=seed)
    standings = {name: Standing({}, {}) for name in scores}
    for measure in MEASURES:
        read = {name: ratios(measure, of_contestant) for name, of_contestant in scores.items()}
        for name, own in read.items():
            standings[name].values[measure.key] = estimate(of_patients(own, whose), drawn)
        found = {}
        for name, own in read.items():
            if name == against:
                continue
            first, second = paired(own, read[against])
            found[name] = difference(
                of_patients(first, whose),
                of_patients(second, whose),
                drawn,
                higher_is_better=measure.higher_is_better,
                decimals=measure.decimals,
            )
        corrected = holm({name: one.p_value for name, one in found.items()})
        for name, one in found.items():
            standings[name].differences[measure.key] = replace(one, p_holm=corrected[name])
    return Comparison(against, tuple(sorted(fold_of)), seeds, standings)
