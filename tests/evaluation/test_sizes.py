"""Lesions by their size in the truth."""

import math

import pytest

from nnunet_multiphase.evaluation.scores import LesionScore
from nnunet_multiphase.evaluation.sizes import SIZES, counted_by_size, size_of


def lesion(outcome, diameter_mm):
    return LesionScore("x", outcome, 0.5, 1.0, 1.0, diameter_mm, 15.0)


@pytest.mark.parametrize(
    ("diameter_mm", "group"), [(0.8, 0), (9.9, 0), (10.0, 1), (9.9999999, 1), (20.0, 1), (20.1, 2), (120, 2)]
)
def test_both_bounds_belong_to_the_middle(diameter_mm, group):
    assert size_of(diameter_mm) == SIZES[group]


def test_lesions_are_counted_by_their_true_size_and_false_ones_are_not():
    rows = [
        lesion("found", 8),
        lesion("missed", 9),
        lesion("found", 12),
        lesion("missed", 30),
        lesion("false", math.nan),
    ]
    assert counted_by_size(rows) == dict(zip(SIZES, [(1, 2), (1, 1), (0, 1)], strict=True))


def test_no_lesion_is_none_of_each_size():
    assert counted_by_size([]) == dict.fromkeys(SIZES, (0, 0))
