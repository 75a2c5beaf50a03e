"""The benchmark's page of a made-up benchmark: what it says, shows, and does not ask for; the same bytes again."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from browser import needs_browser, opened
from made_up import Skill, make_benchmark, tiny_volumes

from nnunet_multiphase.benchmark.results import evaluate_benchmark
from nnunet_multiphase.benchmark.words import luck_line, power_line, results_text
from nnunet_multiphase.report.benchmark_cases import disputed_cases, worst_cases
from nnunet_multiphase.report.benchmark_differences import STRIPS
from nnunet_multiphase.report.benchmark_results import write_benchmark_results

pytestmark = pytest.mark.slow

GOOD = Skill(border_mm=0.8, missed_mm=2, false=0.2, seed=1)
CAREFUL = replace(GOOD, false=0)
SKILLS = {"ours": GOOD, "a <copy>": GOOD, "worse": Skill(border_mm=3.5, missed_mm=14, false=3, seed=2)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    work = tmp_path_factory.mktemp("benchmark") / "work"
    make_benchmark(work, tiny_volumes(8), SKILLS, seeds=(0,))
    results = evaluate_benchmark(work)
    return work, results, write_benchmark_results(results, work).read_text(encoding="utf-8")


def section(page, title):
    return re.search(rf"<h2>{title}</h2>(.*?)</section>", page, re.S).group(1)


def test_the_page_is_the_same_to_the_byte_when_made_again_elsewhere(finished, tmp_path):
    work, _, page = finished
    assert str(work) not in page
    shutil.copytree(work, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("benchmark.html"))
    there = write_benchmark_results(evaluate_benchmark(tmp_path / "elsewhere"), tmp_path / "elsewhere")
    assert there.read_text(encoding="utf-8") == page


def test_a_worse_contestant_is_marked_and_a_copy_is_not(finished):
    rows = re.findall(r"<tr><th>(.+?)</th>(.*?)</tr>", section(finished[2], "Results").split("<tbody>")[1])
    marked = {name: cells.count('class="worse"') for name, cells in rows}
    assert marked.keys() == {"ours", "a &lt;copy&gt;", "worse"}
    assert marked["worse"] >= 5
    assert marked["ours"] == marked["a &lt;copy&gt;"] == 0


def test_the_terminal_says_the_same_in_words(finished):
    said = results_text(finished[1]).splitlines()
    (of_worse,) = [line for line in said if line.startswith("worse, Dice minus that of ours")]
    (of_copy,) = [line for line in said if line.startswith("a <copy>, Dice minus that of ours")]
    assert of_worse.endswith(": worse")
    assert of_copy.endswith("p = 1: no difference shown")


def test_each_patient_who_counts_has_a_dot_for_each_contestant_and_measure(finished):
    _, results, page = finished
    standings = results.parts["validation"].comparison.standings
    defined = [
        int(np.isfinite(standings[name].differences[key].by_case).sum())
        for name in ("a <copy>", "worse")
        for key in STRIPS
    ]
    assert min(defined) >= 6
    assert section(page, "Differences").count("<circle") == sum(defined)


def test_the_page_says_what_so_many_cases_could_have_shown(finished):
    # Case 7 has no lesion, and somebody found one there or nobody did.
    assert re.search(
        r"With a power of 80 % these [78] patients could have shown a difference in Dice of", finished[2]
    )


def test_patients_without_a_value_do_not_count_for_a_verdict(tmp_path):
    # Six patients, and the last of them has no lesion: five with a Dice.
    make_benchmark(tmp_path, tiny_volumes(6), {"ours": CAREFUL, "theirs": CAREFUL}, seeds=(0,))
    part = evaluate_benchmark(tmp_path).parts["validation"]
    assert (
        power_line(part, "ours") == "5 patients with a Dice are too few for a verdict: it takes at least 6."
    )


def test_a_copy_alone_says_nothing_of_what_could_be_shown(tmp_path):
    make_benchmark(tmp_path, tiny_volumes(7), {"ours": CAREFUL, "theirs": CAREFUL}, seeds=(0,))
    part = evaluate_benchmark(tmp_path).parts["validation"]
    assert power_line(part, "ours") == "No contestant differs from ours in Dice, in any of 6 patients."


def test_one_seed_is_said_to_see_no_luck_in_training(finished):
    _, results, page = finished
    part = results.parts["validation"]
    assert "see no luck in training" in page
    assert "see no luck in training" in results_text(results)
    assert luck_line(replace(part, comparison=replace(part.comparison, seeds=2))) == ""


def test_worst_cases_are_those_of_the_lowest_dice(finished):
    part = finished[1].parts["validation"]
    mean = {
        case: sum(
            s.dice for of in part.scores.values() for one in of.values() for s in one.cases if s.case == case
        )
        for case in part.cases[:-1]
    }
    expected = sorted(mean, key=mean.get)[:4]
    found = [case for case in worst_cases(part) if case != part.cases[-1]]
    assert found == expected[: len(found)]
    assert len(found) >= 3


def test_no_case_is_shown_twice(finished):
    part = finished[1].parts["validation"]
    worst = worst_cases(part)
    assert not set(worst) & set(disputed_cases(part, worst))


def test_nothing_is_disputed_where_nobody_differs(finished):
    part = finished[1].parts["validation"]
    alike = {name: part.scores[name] for name in ("ours", "a <copy>")}
    assert disputed_cases(replace(part, scores=alike), ()) == []


def test_every_contestant_s_prediction_is_drawn_upon_one_picture(finished):
    shown = section(finished[2], "Worst cases")
    assert shown.count("<image ") == shown.count("<article>") == 4
    assert shown.count("<use ") == 4 * 3
    assert shown.count('class="truth"') >= 3 * 3
    assert shown.count('class="prediction"') >= 3 * 2  # a missed lesion has no outline


def test_a_picture_that_is_gone_is_said_so(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "work")
    shutil.rmtree(tmp_path / "work" / "images")
    html = write_benchmark_results(finished[1], tmp_path / "work").read_text(encoding="utf-8")
    assert "image not found" in html
    assert 'class="truth"' in html


def test_a_picture_on_another_grid_is_not_drawn_upon(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "work")
    for path in (tmp_path / "work" / "images").iterdir():
        image = sitk.ReadImage(str(path))
        sitk.WriteImage(image[:20], str(path))
    html = write_benchmark_results(finished[1], tmp_path / "work").read_text(encoding="utf-8")
    assert html.count("image not found") == html.count("<article>") > 0


def test_a_contestant_alone_has_a_page_too(tmp_path):
    make_benchmark(tmp_path, tiny_volumes(2), {"ours": GOOD}, seeds=(0,))
    page = write_benchmark_results(evaluate_benchmark(tmp_path), tmp_path).read_text(encoding="utf-8")
    assert "ours is alone" in page


def test_it_says_that_it_is_no_medical_device(finished):
    assert "Not a medical device; for research." in finished[2]


@needs_browser
def test_the_page_opens_without_a_complaint_and_asks_for_nothing(finished, tmp_path):
    page = tmp_path / "benchmark.html"
    page.write_text(finished[2], encoding="utf-8")
    dom, console, asked = opened(Path(page), tmp_path)
    assert "Disputed cases" in dom
    assert console == []
    assert {url for url in asked if not url.startswith(("data:", "file:"))} == set()
