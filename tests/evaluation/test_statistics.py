"""Intervals, tests and power: against hand arithmetic, published tables, and simulated truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nnunet_multiphase.evaluation.statistics import (
    BETTER,
    NO_DIFFERENCE,
    TOO_FEW,
    WORSE,
    Ratios,
    difference,
    draw,
    estimate,
    holm,
    interval,
    signed_rank,
    smallest_difference,
)


def means(values):
    """Make a mean of (seeds, cases) values; nan is not defined."""
    values = np.atleast_2d(np.asarray(values, float))
    return Ratios(np.nan_to_num(values), (~np.isnan(values)).astype(float), pooled=False)


def compared(first, second, *, higher_is_better=True, decimals=3, folds=None, pooled=False):
    first, second = (m if isinstance(m, Ratios) else means(m) for m in (first, second))
    seeds, cases = first.below.shape
    drawn = draw(folds or [0] * cases, seeds, seed=0, replicates=1000)
    return difference(first, second, drawn, higher_is_better=higher_is_better, decimals=decimals)


def noise(shape=(1, 30), seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, shape)


def test_each_draw_has_as_many_cases_as_there_are():
    drawn = draw([0, 0, 1, 1, 1], 3, seed=0, replicates=50)
    assert drawn.shape == (50, 3, 5)
    np.testing.assert_allclose(drawn.sum(axis=(1, 2)), 5)


def test_a_training_is_drawn_for_all_cases_of_its_fold_at_once():
    drawn = draw([0, 0, 1, 1, 1], 3, seed=0, replicates=200)
    times = drawn.sum(axis=1)  # how often a case was drawn, whatever the training
    for first, second in ((0, 1), (2, 3), (3, 4)):
        both = (times[:, first] > 0) & (times[:, second] > 0)
        assert both.sum() > 20
        shares = [drawn[both, :, case] / times[both, None, case] for case in (first, second)]
        np.testing.assert_allclose(*shares)


def test_the_same_seed_draws_the_same():
    np.testing.assert_array_equal(draw([0, 1, 1], 2, seed=4), draw([0, 1, 1], 2, seed=4))
    assert (draw([0, 1, 1], 2, seed=4) != draw([0, 1, 1], 2, seed=5)).any()


def test_an_identical_copy_shows_no_difference():
    values = 0.7 + noise((3, 20))
    found = compared(values, values.copy())
    assert (found.estimate.value, found.estimate.low, found.estimate.high) == (0.0, 0.0, 0.0)
    assert (found.wins, found.ties, found.losses) == (0, 20, 0)
    assert (found.verdict, found.p_value) == (NO_DIFFERENCE, 1.0)


def test_a_contestant_that_is_worse_in_nearly_every_case_is_worse():
    values = 0.7 + noise()
    found = compared(values - 0.05 + noise(seed=1) / 5, values)
    assert found.verdict == WORSE
    assert found.estimate.high < 0
    assert found.p_value < 0.01


def test_where_lower_is_better_less_is_better():
    values = 9 + noise()
    found = compared(values - 0.5, values, higher_is_better=False, decimals=1)
    assert (found.verdict, found.wins) == (BETTER, 30)


def test_a_difference_within_the_noise_is_not_called_one():
    values = 0.7 + noise()
    found = compared(values + 0.002 + noise(seed=1), values)
    assert found.verdict == NO_DIFFERENCE


def test_five_cases_are_too_few_for_a_verdict():
    found = compared(np.full((1, 5), 0.9), np.full((1, 5), 0.1))
    assert found.verdict == TOO_FEW
    assert math.isnan(found.estimate.low)
    assert math.isnan(found.p_value)


def test_wins_and_losses_are_those_that_the_table_shows():
    first = means([[0.7000, 0.7004, 0.7006, 0.6994, 0.5, 0.9]])
    found = compared(first, np.full((1, 6), 0.7))
    assert (found.wins, found.ties, found.losses) == (2, 2, 2)


def test_a_pair_is_of_the_cases_that_both_define():
    first = np.full((1, 8), 0.8)
    second = np.full((1, 8), 0.5)
    first[0, 0], second[0, 1] = np.nan, np.nan
    second[0, 0] = 100.0
    found = compared(first, second)
    assert found.cases == 6
    assert found.estimate.value == pytest.approx(0.3)
    assert np.isnan(found.by_case[:2]).all()


def test_a_case_counts_where_every_seed_defines_it():
    first = np.full((2, 8), 0.8)
    first[1, 0] = np.nan
    found = compared(first, np.full((2, 8), 0.5))
    assert found.cases == 7
    assert np.isnan(found.by_case[0])


def test_a_rate_keeps_the_cases_that_one_alone_defines():
    # 4 of 6 against 2 of 2: the second has nothing in four of six cases, as where it predicts no lesion
    first = Ratios(np.array([[0.0, 0, 1, 1, 1, 1]]), np.ones((1, 6)), pooled=True)
    second = Ratios(np.array([[1.0, 1, 0, 0, 0, 0]]), np.array([[1.0, 1, 0, 0, 0, 0]]), pooled=True)
    found = compared(first, second)
    assert found.estimate.value == pytest.approx(4 / 6 - 1)
    assert found.cases == 6


def test_a_rate_weighs_cases_by_their_lesions():
    # 1 of 1 and 0 of 9: a tenth, not a half
    measure = Ratios(np.array([[1.0, 0.0]]), np.array([[1.0, 9.0]]), pooled=True)
    assert estimate(measure, draw([0, 0], 1, seed=0, replicates=10)).value == pytest.approx(0.1)


def test_seeds_are_averaged():
    found = compared([[0.6] * 6, [0.8] * 6], [[0.5] * 6, [0.7] * 6])
    assert found.estimate.value == pytest.approx(0.1)
    np.testing.assert_allclose(found.by_case, 0.1)


def test_luck_in_training_widens_the_interval():
    steady = 0.7 + noise((1, 30)) + np.zeros((4, 1))
    lucky = steady + np.array([[-0.08], [0.08], [-0.08], [0.08]])
    narrow, wide = (compared(v, np.full((4, 30), 0.7)).estimate for v in (steady, lucky))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


@pytest.mark.parametrize(("seeds", "folds", "luck"), [(1, 1, 0.0), (3, 5, 0.02)])
def test_nineteen_of_twenty_intervals_hold_the_truth(seeds, folds, luck):
    random, cases, runs = np.random.default_rng(0), 20, 300
    fold_of = np.arange(cases) % folds
    drawn = draw(fold_of, seeds, seed=1, replicates=800)
    held = 0
    for _ in range(runs):
        truth = random.normal(0.03, 0.1, cases)
        training = random.normal(0, luck, (seeds, folds))[:, fold_of]
        first = means(truth + training + random.normal(0, 0.05, (seeds, cases)))
        found = difference(first, means(np.zeros((seeds, cases))), drawn, higher_is_better=True, decimals=3)
        held += found.estimate.low <= 0.03 <= found.estimate.high
    # 95 % give or take 5 standard deviations of 300 throws
    assert 0.887 < held / runs < 0.9999


def test_a_large_sample_s_interval_is_the_normal_one():
    random = np.random.default_rng(0)
    low, high = interval(random.normal(3.0, 2.0, 200_000), 5000)
    # 1.96 SD; a percentile of so many draws moves by .012
    assert (low, high) == pytest.approx((3 - 3.92, 3 + 3.92), abs=0.06)


def test_the_interval_of_few_cases_is_as_wide_as_students():
    random = np.random.default_rng(0)
    # a bootstrap of 10 values has the SD that divides by 10, Student's divides by 9
    low, high = interval(random.normal(0, math.sqrt(0.9), 200_000), 10)
    assert high == pytest.approx(stats.t.ppf(0.975, 9), abs=0.03)
    assert low == pytest.approx(-high, abs=0.06)


def test_signed_rank_is_scipys():
    values = noise((1, 15), seed=3)[0] + 0.05
    assert signed_rank(values) == pytest.approx(stats.wilcoxon(values).pvalue)


def test_holms_corrections_are_those_counted_by_hand():
    # .01 * 4; .02 * 3; .03 * 2 = .06, as the one before; .5 * 1; nan does not count
    found = holm({"d": 0.5, "a": 0.01, "c": 0.03, "b": 0.02, "none": math.nan})
    assert math.isnan(found.pop("none"))
    assert found == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.5})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_makes_no_p_smaller_and_keeps_their_order(values):
    names = [str(i) for i in range(len(values))]
    found = holm(dict(zip(names, values, strict=True)))
    assert all(p <= found[name] <= 1 for name, p in zip(names, values, strict=True))
    ordered = sorted(names, key=lambda name: values[int(name)])
    assert [found[name] for name in ordered] == sorted(found.values())


# Sample sizes of a paired t-test, alpha .05 two-sided, power .8 (G*Power 3.1: 34 for d = .5, 199 for d = .2)
@pytest.mark.parametrize(("effect", "cases"), [(0.5, 34), (0.2, 199)])
def test_the_smallest_difference_agrees_with_tables_of_sample_size(effect, cases):
    assert smallest_difference(1.0, cases) <= effect < smallest_difference(1.0, cases - 1)


def test_the_smallest_difference_goes_with_the_spread_of_the_differences():
    values = noise((1, 34))
    sd = float(np.std(values, ddof=1))
    found = compared(0.7 + values, np.full((1, 34), 0.7))
    assert found.detectable == pytest.approx(0.495 * sd, rel=1e-3)  # .49503 for 34 cases


def test_nothing_that_varies_shows_no_smallest_difference():
    assert math.isnan(compared(np.full((1, 9), 0.7), np.full((1, 9), 0.7)).detectable)


def test_pairs_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="same seeds and cases"):
        difference(
            means(noise((1, 3))),
            means(noise((1, 4))),
            draw([0] * 3, 1, seed=0, replicates=5),
            higher_is_better=True,
            decimals=3,
        )
