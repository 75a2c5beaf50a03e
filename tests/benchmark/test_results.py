"""A made-up benchmark judged: who is better, who is as good, what is missing, and the same bytes again."""

import csv
import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from made_up import Skill, make_benchmark, tiny_volumes

from nnunet_multiphase.benchmark.layout import Plan, Training, prediction_file, truth_file, write_plan
from nnunet_multiphase.benchmark.results import evaluate_benchmark
from nnunet_multiphase.benchmark.tables import TABLES, write_results
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.folders import evaluate_pairs
from nnunet_multiphase.evaluation.statistics import NO_DIFFERENCE, WORSE

pytestmark = pytest.mark.slow

GOOD = Skill(border_mm=0.8, missed_mm=2, false=0.2, seed=1)
SKILLS = {"ours": GOOD, "copy": GOOD, "worse": Skill(border_mm=3.5, missed_mm=14, false=3, seed=2)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    work = tmp_path_factory.mktemp("benchmark") / "work"
    plan = make_benchmark(work, tiny_volumes(15), SKILLS, seeds=(0,), test=7)
    return work, plan, evaluate_benchmark(work, run=remembered)


SCORED = {}


def remembered(function, items):
    """Score each training once."""
    for i, training in enumerate(items):
        if training not in SCORED:
            SCORED[training] = function(training)
        yield i, SCORED[training]


@pytest.fixture
def copied(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "work")
    return tmp_path / "work"


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_worse_contestant_is_reported_as_worse(finished, part):
    found = finished[2].parts[part].comparison.standings["worse"].differences
    assert {key: found[key].verdict for key in ("dice", "nsd", "false_per_case")} == {
        "dice": WORSE,
        "nsd": WORSE,
        "false_per_case": WORSE,
    }


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_copy_is_reported_as_no_different(finished, part):
    found = finished[2].parts[part].comparison.standings["copy"].differences
    for key in ("dice", "nsd", "sensitivity", "f1", "panoptic_quality"):
        assert (found[key].verdict, found[key].losses) == (NO_DIFFERENCE, 0)


def test_each_validation_case_is_scored_as_its_own_fold_predicted_it(finished):
    work, plan, results = finished
    for fold, cases in zip(plan.folds, plan.validation_cases, strict=True):
        training = Training("worse", 0, fold)
        scores = results.parts["validation"].scores["worse"][training]
        assert [case.case for case in scores.cases] == sorted(cases)
        for case in scores.cases[:2]:
            pair = {case.case: (prediction_file(work, training, case.case), truth_file(work, case.case))}
            assert evaluate_pairs(pair).cases[0].dice == pytest.approx(case.dice, nan_ok=True)


def test_the_value_is_the_mean_over_cases_and_seeds(finished):
    _, _, results = finished
    part = results.parts["test"]
    dice = [case.dice for scores in part.scores["worse"].values() for case in scores.cases]
    value = part.comparison.standings["worse"].values["dice"].value
    assert value == pytest.approx(np.nanmean(dice))


def test_the_tables_are_the_same_to_the_byte_when_made_again(finished, tmp_path):
    work, _, results = finished
    written = [path.read_bytes() for path in write_results(results, tmp_path / "one")]

    def backwards(function, items):
        return ((i, function(items[i])) for i in reversed(range(len(items))))

    # As worker processes may give them back, and the trainings scored elsewhere.
    again = write_results(evaluate_benchmark(work, run=backwards), tmp_path / "two")
    assert written == [path.read_bytes() for path in again]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(TABLES)


def test_the_tables_hold_what_was_found(finished, tmp_path):
    _, _, results = finished
    write_results(results, tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = {(r["part"], r["measure"], r["contestant"]): r for r in csv.DictReader(file)}
    assert rows["validation", "dice", "worse"]["verdict"] == "worse"
    assert rows["validation", "dice", "ours"]["verdict"] == ""
    with (tmp_path / "cases.csv").open(newline="") as file:
        cases = list(csv.DictReader(file))
    # 8 validation cases by their own fold's training, 7 test cases by that of either fold
    assert len(cases) == 3 * (8 + 7 * 2)
    record = json.loads((tmp_path / "results.json").read_text())
    said = record["parts"]["test"]["contestants"]["worse"]["dice"]
    found = results.parts["test"].comparison.standings["worse"]
    assert said["value"] == found.values["dice"].value
    assert said["difference"]["verdict"] == "worse"


def test_any_finished_contestant_can_be_compared_with(finished):
    results = evaluate_benchmark(finished[0], against="worse", run=remembered)
    standings = results.parts["validation"].comparison.standings
    assert standings["ours"].differences["dice"].verdict == "better"
    assert standings["worse"].differences == {}


def test_an_unknown_contestant_to_compare_with_is_named(finished):
    with pytest.raises(InputError, match=r"theirs cannot be compared with: .*ours, copy, worse"):
        evaluate_benchmark(finished[0], against="theirs")


def test_what_is_not_finished_is_left_out_and_named(tmp_path):
    make_benchmark(tmp_path, tiny_volumes(2), SKILLS)
    for missing in (Training("worse", 0, 1), Training("worse", 1, 0), Training("copy", 1, 0)):
        (tmp_path / missing.cost).unlink()
    results = evaluate_benchmark(tmp_path)
    assert (results.contestants, results.seeds) == (("ours", "copy"), (0,))
    assert Training("worse", 0, 1) in results.unfinished
    assert len(results.unfinished) == 4 + 2 + 2  # all of worse, and seed 1 of the others


def test_nothing_finished_is_said(copied):
    for cost in copied.rglob("cost.json"):
        cost.unlink()
    with pytest.raises(InputError, match="no contestant is finished"):
        evaluate_benchmark(copied)


def test_a_missing_prediction_is_named(copied, finished):
    case = finished[1].test_cases[0]
    prediction_file(copied, Training("copy", 0, 1), case).unlink()
    with pytest.raises(InputError, match=rf"case {case}: .*copy, seed 0, fold 1 should have predicted"):
        evaluate_benchmark(copied)


def test_a_prediction_on_another_grid_names_who_made_it(copied, finished):
    case = finished[1].test_cases[0]
    path = prediction_file(copied, Training("copy", 0, 1), case)
    image = sitk.ReadImage(str(path))
    image.SetSpacing((9.0, 9.0, 9.0))
    sitk.WriteImage(image, str(path))

    def that_one(function, items):
        return ((i, function(item)) for i, item in enumerate(items) if item == Training("copy", 0, 1))

    with pytest.raises(InputError, match=rf"copy, seed 0, fold 1: case {case}: .* one grid"):
        evaluate_benchmark(copied, run=that_one)


def test_a_patient_s_cases_are_drawn_together(copied, finished):
    plan = finished[1]
    (one, other, *_), _ = plan.validation_cases
    write_plan(copied, Plan(**{**vars(plan), "patients": {one: "p", other: "p"}}))
    comparison = evaluate_benchmark(copied, run=remembered).parts["validation"].comparison
    assert len(comparison.patients) == 7
    assert "p" in comparison.patients
    assert len(comparison.standings["worse"].differences["dice"].by_case) == 7


def test_a_patient_in_two_folds_is_refused(copied, finished):
    plan = finished[1]
    one, other = (cases[0] for cases in plan.validation_cases)
    write_plan(copied, Plan(**{**vars(plan), "patients": {one: "p", other: "p"}}))
    with pytest.raises(InputError, match="patient p has validation cases in folds 0 and 1"):
        evaluate_benchmark(copied)
