"""Split cases into training, validation and test sets, by patient and by ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nnunet_multiphase.split_record import Fold


def choose_test_patients(patients: Sequence[str], *, test_fraction: float, seed: int) -> set[str]:
    """Draw the patients whose cases are kept for testing.

    Args:
        patients: One entry a case; repeats allowed.
        test_fraction: Share of the patients, 0 to below 1.
        seed: Of the draw.

    Returns:
        round(share x number) patients: at least one if the share is above 0 and there are three or more patients,
        and never so many that fewer than two are left to train and validate.
    """
    distinct = sorted(set(patients))
    count = round(test_fraction * len(distinct))
    if test_fraction > 0 and len(distinct) >= 3:
        count = max(count, 1)
    count = max(0, min(count, len(distinct) - 2))
    drawn = np.random.default_rng(seed).permutation(len(distinct))[:count]
    return {distinct[i] for i in drawn}


def make_folds(patient_by_case: Mapping[str, str], *, folds: int, seed: int) -> list[Fold]:
    """Deal the training patients into cross-validation folds.

    Args:
        patient_by_case: The training cases.
        folds: How many folds; fewer if there are fewer patients.
        seed: Of the shuffle.

    Returns:
        For each fold its training and validation cases, sorted. All cases of a patient are on one side. A single
        patient gives one fold that validates on what it trained on.
    """
    distinct = sorted(set(patient_by_case.values()))
    cases = sorted(patient_by_case)
    if len(distinct) < 2:
        return [{"train": cases, "val": cases}] if cases else []
    order = np.random.default_rng(seed).permutation(len(distinct))
    number = min(folds, len(distinct))
    # Every number-th of the shuffled patients: fold sizes differ by one patient at most.
    fold_of = {distinct[patient]: position % number for position, patient in enumerate(order)}
    return [
        {
            "train": [case for case in cases if fold_of[patient_by_case[case]] != fold],
            "val": [case for case in cases if fold_of[patient_by_case[case]] == fold],
        }
        for fold in range(number)
    ]
