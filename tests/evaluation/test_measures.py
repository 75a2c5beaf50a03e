"""Measures out of scores: a contestant made worse is worse, a copy is not; what each measure sums up."""

import math
from dataclasses import replace

import numpy as np
import pytest

from nnunet_multiphase.evaluation.measures import MEASURES, compare_contestants, ratios
from nnunet_multiphase.evaluation.scores import CaseScore, LesionScore, Scores
from nnunet_multiphase.evaluation.statistics import NO_DIFFERENCE, TOO_FEW, WORSE

BY_KEY = {measure.key: measure for measure in MEASURES}


def case(name, dice=0.8, found=1, missed=0, false=0):
    nan = math.nan
    return CaseScore(name, dice, dice, 5.0, 1.0, 2.0, -1.0, 1.0, found, missed, false, nan, nan, nan, nan)


def lesion(name, outcome, diameter_mm, iou=0.0):
    return LesionScore(name, outcome, iou, 1.0, 1.0, diameter_mm, diameter_mm)


def scores(shift=0.0, *, seed=0, cases=12, missing=()):
    random = np.random.default_rng(seed)
    dice = np.clip(random.normal(0.75, 0.05, cases) + shift, 0, 1)
    names = [f"case_{i:02d}" for i in range(cases)]
    of_cases = [
        case(n, float(d), found=int(n not in missing), missed=int(n in missing))
        for n, d in zip(names, dice, strict=True)
    ]
    lesions = [
        lesion(n, "missed" if n in missing else "found", 15.0, 0.0 if n in missing else 0.6) for n in names
    ]
    return Scores(of_cases, lesions, 0.1)


def read(key, *, of=None, lesions=()):
    found = ratios(BY_KEY[key], [Scores([of or case("a")], list(lesions), 0.1)])
    return float(found.above[0, 0]), float(found.below[0, 0])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sensitivity", (3, 4)),
        ("precision", (3, 5)),
        ("f1", (6, 9)),
        ("false_per_case", (2, 1)),
        ("volume_error_ml", (1, 1)),  # absolute
    ],
)
def test_a_rate_sums_up_lesions(key, expected):
    assert read(key, of=case("a", found=3, missed=1, false=2)) == expected


def test_panoptic_quality_sums_up_overlaps():
    rows = [lesion("a", "found", 12, 0.5), lesion("a", "missed", 30)]
    assert read("panoptic_quality", of=case("a", found=1, missed=1, false=0), lesions=rows) == (1.0, 3)


def test_sensitivity_by_size_counts_the_lesions_of_that_size():
    rows = [lesion("a", "found", 12, 0.5), lesion("a", "missed", 12), lesion("a", "missed", 30)]
    assert read("sensitivity_10_to_20_mm", lesions=rows) == (1, 2)
    assert read("sensitivity_over_20_mm", lesions=rows) == (0, 1)
    assert read("sensitivity_under_10_mm", lesions=rows) == (0, 0)


def test_an_undefined_score_does_not_count():
    assert read("dice", of=replace(case("a"), dice=math.nan)) == (0, 0)


def test_lesions_stay_with_their_case():
    of_two = Scores([case("a"), case("b")], [lesion("b", "found", 30, 0.5)], 0.1)
    assert ratios(BY_KEY["sensitivity_over_20_mm"], [of_two]).below.tolist() == [[0, 1]]


@pytest.fixture(scope="module")
def standings():
    ours = [scores(seed=seed) for seed in (1, 2)]
    worse = [scores(-0.06, seed=seed) for seed in (1, 2)]
    blind = [scores(seed=seed, missing=[f"case_{i:02d}" for i in range(9)]) for seed in (1, 2)]
    folds = {f"case_{i:02d}": i % 3 for i in range(12)}
    contestants = {"ours": ours, "copy": ours, "worse": worse, "blind": blind}
    return compare_contestants(contestants, folds, against="ours", seed=0).standings


def test_a_worse_contestant_is_worse_where_it_is(standings):
    found = standings["worse"].differences
    assert found["dice"].verdict == WORSE
    assert found["dice"].estimate.value == pytest.approx(-0.06, abs=1e-9)
    assert found["sensitivity"].verdict == NO_DIFFERENCE


def test_a_copy_differs_in_nothing(standings):
    differences = standings["copy"].differences
    assert differences["dice"].verdict == differences["sensitivity"].verdict == NO_DIFFERENCE
    defined = {key: found.estimate.value for key, found in differences.items() if found.cases}
    assert defined == dict.fromkeys(defined, 0.0)
    assert len(defined) > 8


def test_a_contestant_that_misses_lesions_is_less_sensitive(standings):
    found = standings["blind"].differences["sensitivity"]
    assert (found.verdict, found.losses, found.ties) == (WORSE, 9, 3)
    assert standings["blind"].values["sensitivity"].value == pytest.approx(0.25)


def test_p_values_are_corrected_for_the_number_of_contestants(standings):
    found = [standings[name].differences["dice"] for name in ("copy", "worse", "blind")]
    # The worse one's p is the smallest of three, so Holm takes it times three.
    assert found[1].p_holm == pytest.approx(3 * found[1].p_value)


FOLDS = {f"case_{i:02d}": 0 for i in range(12)}


def test_a_patient_s_cases_are_one():
    patients = {f"case_{i:02d}": f"p{i // 4}" for i in range(12)}
    ours, worse = [scores()], [scores(-0.06)]
    found = compare_contestants(
        {"ours": ours, "worse": worse}, FOLDS, against="ours", seed=0, patients=patients
    )
    assert found.patients == ("p0", "p1", "p2")
    one = found.standings["worse"].differences["dice"]
    assert one.estimate.value == pytest.approx(-0.06, abs=1e-9)
    assert (one.cases, one.losses, one.verdict) == (3, 3, TOO_FEW)


def test_a_patient_in_two_folds_is_refused():
    with pytest.raises(ValueError, match="patient p has cases in folds 0 and 1"):
        compare_contestants(
            {"a": [scores()]},
            FOLDS | {"case_01": 1},
            against="a",
            seed=0,
            patients={"case_00": "p", "case_01": "p"},
        )


def test_other_cases_are_refused():
    with pytest.raises(ValueError, match="b was not scored on the same cases"):
        compare_contestants(
            {"a": [scores()], "b": [scores(cases=11)]},
            FOLDS,
            against="a",
            seed=0,
        )
