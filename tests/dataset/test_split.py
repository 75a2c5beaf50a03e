"""The split: by patient, by ratio, the same for the same seed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nnunet_multiphase.dataset.split import choose_test_patients, make_folds

COHORT = {f"case_{i:02d}": f"patient_{i // 2}" for i in range(20)}  # ten patients, two cases each


@given(
    owners=st.lists(st.integers(0, 9), min_size=2, max_size=25),
    folds=st.integers(2, 7),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_no_patient_is_on_both_sides(owners: list[int], folds: int, seed: int) -> None:
    cases = {f"case_{i:02d}": f"patient_{owner}" for i, owner in enumerate(owners)}
    if len(set(owners)) < 2:
        return
    for fold in make_folds(cases, folds=folds, seed=seed):
        assert not {cases[c] for c in fold["train"]} & {cases[c] for c in fold["val"]}


@given(
    owners=st.lists(st.integers(0, 9), min_size=2, max_size=25),
    folds=st.integers(2, 7),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_every_case_is_validated_once(owners: list[int], folds: int, seed: int) -> None:
    cases = {f"case_{i:02d}": f"patient_{owner}" for i, owner in enumerate(owners)}
    made = make_folds(cases, folds=folds, seed=seed)
    assert sorted(c for fold in made for c in fold["val"]) == sorted(cases)
    assert all(fold["val"] and fold["train"] for fold in made)


def test_test_set_is_the_wanted_share_of_the_patients() -> None:
    # 0.3 x 10 patients
    assert len(choose_test_patients(list(COHORT.values()), test_fraction=0.3, seed=0)) == 3


def test_no_test_set_for_share_zero() -> None:
    assert choose_test_patients(list(COHORT.values()), test_fraction=0.0, seed=0) == set()


def test_small_share_of_a_small_cohort_still_tests_one_patient() -> None:
    assert len(choose_test_patients(["a", "b", "c", "d"], test_fraction=0.1, seed=0)) == 1


def test_two_patients_are_left_to_train_and_validate() -> None:
    assert len(choose_test_patients(["a", "b", "c", "d"], test_fraction=0.9, seed=0)) == 2


def test_same_seed_gives_the_same_split() -> None:
    assert make_folds(COHORT, folds=5, seed=3) == make_folds(COHORT, folds=5, seed=3)


def test_order_of_the_cases_does_not_matter() -> None:
    backwards = dict(reversed(COHORT.items()))
    assert make_folds(backwards, folds=5, seed=3) == make_folds(COHORT, folds=5, seed=3)
    assert choose_test_patients(list(backwards.values()), test_fraction=0.3, seed=3) == choose_test_patients(
        list(COHORT.values()), test_fraction=0.3, seed=3
    )


def test_seeds_give_different_splits() -> None:
    draws = {
        frozenset(choose_test_patients(list(COHORT.values()), test_fraction=0.3, seed=seed))
        for seed in range(10)
    }
    # 120 possible sets of three in ten: ten equal draws would mean that the seed is not used.
    assert len(draws) > 1


def test_fewer_folds_than_wanted_for_few_patients() -> None:
    assert len(make_folds({"a": "1", "b": "2", "c": "3"}, folds=5, seed=0)) == 3
