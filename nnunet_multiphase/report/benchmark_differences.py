"""Lay out how contestants differ from the one they are compared with: a dot a patient, intervals, and the table."""

from __future__ import annotations

import math

from markupsafe import Markup

from nnunet_multiphase.benchmark.results import Part, Results
from nnunet_multiphase.benchmark.words import BY_KEY, MAIN, interval_text, luck_line, power_line, signed
from nnunet_multiphase.evaluation.measures import Measure, Standing
from nnunet_multiphase.evaluation.statistics import BETTER, LEAST_CASES, WORSE, Difference
from nnunet_multiphase.evaluation.tables import shown
from nnunet_multiphase.html.page import Text
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.report.benchmark_plots import Plot, StripRow, plots, strip_plot

STRIPS = ("dice", "nsd", "hd95_mm", "volume_error_ml", "sensitivity", "false_per_case")

HOW_SURE = (
    "Intervals are of 95 %: a bootstrap that draws patients, and the trainings that predicted them; of a difference it is "
    f"paired; of fewer than {LEAST_CASES} patients there is none. A contestant is called better or worse only where the "
    "interval of the difference excludes 0. That is not corrected for the number of contestants; p is (Wilcoxon's "
    "signed-rank test, Holm's correction, measure by measure). Won, level and lost count patients, means over trainings; "
    "level is less than half of the last digit shown. The last column of numbers is the smallest true difference that so "
    "many patients show in 80 % of studies (paired t-test, two-sided, 5 %), by the spread between patients. Luck in training"
    " comes on top, and two or three trainings show less of it than there is. The interval is about the mean, the test about"
    " which way most patients go: where few patients make the mean, they may not agree."
)


def differences(results: Results, part: Part) -> list[Markup | Text]:
    """Lay out the differences of a part's contestants, with what they could have been."""
    others = {n: s for n, s in part.comparison.standings.items() if n != results.against}
    if not others:
        return [Text(f"{results.against} is alone.")]
    groups = [(_named(measure), _rows(others, measure)) for measure in MAIN]
    return [
        *(Text(line) for line in (luck_line(part), power_line(part, results.against)) if line),
        plots([_strip(results, others, BY_KEY[key]) for key in STRIPS]),
        render("report/benchmark_differences.html", against=results.against, groups=groups),
        Text(HOW_SURE),
    ]


def _strip(results: Results, others: dict[str, Standing], measure: Measure) -> Plot:
    rows = []
    for name, standing in others.items():
        found = standing.differences[measure.key]
        interval = interval_text(found.estimate, measure.decimals, _minus)
        said = _minus(found.estimate.value, measure.decimals) + (f" ({interval})" if interval else "")
        rows.append(
            StripRow(
                name,
                [float(v) for v in found.by_case],
                found.estimate.value,
                found.estimate.low,
                found.estimate.high,
                kind_of(found),
                said + {BETTER: " better", WORSE: " worse"}.get(found.verdict, ""),
            )
        )
    ends = (
        ("\u2190 worse", "better \u2192") if measure.higher_is_better else ("\u2190 better", "worse \u2192")
    )
    label = f"Paired differences in {measure.title}: " + "; ".join(f"{r.name} {r.said}" for r in rows)
    note = f"minus {results.against}; a dot a patient"
    return Plot(_named(measure), strip_plot(rows, label=label, ends=ends), note)


def _rows(others: dict[str, Standing], measure: Measure) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, standing in others.items():
        found = standing.differences[measure.key]
        p = "-" if math.isnan(found.p_holm) else ("<.001" if found.p_holm < 0.001 else f"{found.p_holm:.3f}")
        cells = (
            _minus(found.estimate.value, measure.decimals),
            interval_text(found.estimate, measure.decimals, _minus),
            *map(str, (found.wins, found.ties, found.losses)),
            p,
            shown(found.detectable, measure.decimals),
        )
        rows.append({"name": name, "cells": cells, "kind": kind_of(found), "verdict": found.verdict})
    return rows


def _named(measure: Measure) -> str:
    return measure.title + (f" ({measure.unit})" if measure.unit else "")


def kind_of(found: Difference) -> str:
    """Give the class that colours a difference."""
    return {BETTER: "better", WORSE: "worse"}.get(found.verdict, "")


def _minus(value: float, decimals: int) -> str:
    """Format a difference with a minus that is as wide as a plus."""
    text = signed(value, decimals)
    return text if text == "-" else text.replace("-", "\u2212")
