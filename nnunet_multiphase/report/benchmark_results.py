"""Lay out the benchmark's page: who is better, by how much, how sure that is, what it costs, and where it fails."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from markupsafe import Markup

from nnunet_multiphase.benchmark.results import Part, Results
from nnunet_multiphase.benchmark.words import (
    MAIN,
    cost_table,
    counted,
    interval_text,
    unfinished_line,
)
from nnunet_multiphase.evaluation.measures import SENSITIVITIES, Measure, Standing
from nnunet_multiphase.evaluation.sizes import SIZES, counted_by_size
from nnunet_multiphase.evaluation.statistics import BETTER, LEAST_CASES, WORSE, Estimate
from nnunet_multiphase.evaluation.tables import shown
from nnunet_multiphase.html.page import Section, Table, Text, write_report
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.report.benchmark_cases import KEY, case_pictures, disputed_cases, worst_cases
from nnunet_multiphase.report.benchmark_differences import differences, kind_of
from nnunet_multiphase.report.benchmark_plots import (
    PlanePoint,
    Plot,
    StripRow,
    loss_curves,
    plane,
    plots,
    strip_plot,
)
from nnunet_multiphase.report.provenance import provenance_table

PAGE = "benchmark.html"
NOT_A_DEVICE = "Not a medical device; for research."

MEASURED = (
    "Dice, NSD (share of both surfaces within 2 mm of the other), HD95 and volume error (absolute) are means over cases. "
    "Where nothing is and nothing was found Dice and NSD are undefined, and HD95 is so where either side is empty; such a "
    "case is out of that mean, for both of a pair. Lesions are matched one to one from an overlap (IoU) of 0.1 on; "
    "sensitivity, precision, F1 and panoptic quality pool the lesions of all cases."
)
SIZES_ARE = (
    "Sizes are longest axial diameters in the truth. Marks have the colour of the paired difference; where fewer than "
    f"{LEAST_CASES} patients have such a lesion there is no interval."
)
OUTLINES_ARE = (
    "Outlines are of the first training that predicted the case; without one, nothing is in this slice."
)


def write_benchmark_results(results: Results, work: Path | str) -> Path:
    """Write WORK/benchmark.html; the same bytes for the same files.

    Args:
        results: What `evaluate_benchmark` found in `work`.
        work: The benchmark's folder.
    """
    work = Path(work)
    sections = []
    many = len(results.parts) > 1
    for part in results.parts.values():
        behind = f", {part.name} cases" if many else ""
        sections += [
            Section(f"Results{behind}", _standings(results, part)),
            Section(f"Differences{behind}", differences(results, part)),
            Section(f"Sensitivity by size{behind}", _by_size(part)),
        ]
    sections.append(Section("Cost", _cost(results)))
    if curves := _curves(results):
        sections.append(Section("Training", curves))
    for part in results.parts.values():
        behind = f", {part.name} cases" if many else ""
        worst = worst_cases(part)
        disputed = disputed_cases(part, worst)
        shown_cases = [
            (f"Worst cases{behind}", worst, "The lowest Dice, mean over contestants and trainings. "),
            (
                f"Disputed cases{behind}",
                disputed,
                "Of the others those in which contestants' Dice lie furthest apart. ",
            ),
        ]
        for title, cases, what in shown_cases:
            if cases:
                text = Text(what + OUTLINES_ARE)
                pictures = [case_pictures(results, part, case, work) for case in cases]
                sections.append(Section(title, [text, KEY, *pictures]))
    sections.append(Section("What was run", _about(results)))
    return write_report(
        work / PAGE,
        title=f"Benchmark on {results.plan.dataset}",
        lead=NOT_A_DEVICE,
        sections=sections,
        styles=("report/patient_page.css", "report/benchmark_results.css"),
    )


def _about(results: Results) -> list[Markup | Table | Text]:
    plan = results.plan
    what = {
        "contestants": ", ".join(results.contestants) + f"; compared with {results.against}",
        "cases": "; ".join(counted(part) for part in results.parts.values()),
        "folds": ", ".join(map(str, plan.folds)),
        "budget": f"{plan.budget} for each training, {plan.iterations} steps an epoch",
        "prediction": f"{plan.configuration}, {'mirrored' if plan.mirroring else 'not mirrored'}, windows every "
        f"{plan.step_size:g} patches",
    }
    run = provenance_table(
        command="nnunet-multiphase benchmark --evaluate-only",
        seed=results.seeds[0],
        device=plan.device,
        more=what,
    )
    # The predictions decide the page, not the machine that looks at them, nor the command that did.
    known = [row for row in run.rows if row[0] not in ("command", "machine", "seed")]
    rows = [*known, ["seeds", ", ".join(map(str, results.seeds))], ["device", plan.device]]
    return [Table(run.header, rows), *([Text(unfinished_line(results))] if results.unfinished else [])]


def _standings(results: Results, part: Part) -> list[Markup | Table | Text]:
    standings = part.comparison.standings
    table = render(
        "report/benchmark_standings.html",
        counted=counted(part).capitalize(),
        against=results.against,
        measures=MAIN,
        rows=[(name, [_value(standing, m) for m in MAIN]) for name, standing in standings.items()],
    )
    return [table, Text(MEASURED)]


def _value(standing: Standing, measure: Measure) -> dict[str, str]:
    estimate = standing.values[measure.key]
    found = standing.differences.get(measure.key)
    kind = "" if found is None else kind_of(found)
    return {
        "kind": kind,
        "sign": {"better": "\u25b2", "worse": "\u25bc"}.get(kind, ""),
        "value": shown(estimate.value, measure.decimals),
        "interval": interval_text(estimate, measure.decimals),
    }


def _by_size(part: Part) -> list[Markup | Table | Text]:
    of_one = next(iter(part.scores.values()))
    seen: dict[str, int] = dict.fromkeys(SIZES, 0)
    counted_cases: set[str] = set()
    for scores in of_one.values():
        new = [row for row in scores.lesions if row.case not in counted_cases]
        counted_cases |= {case.case for case in scores.cases}
        for size, (_, total) in counted_by_size(new).items():
            seen[size] += total
    figures = []
    for size, measure in zip(SIZES, SENSITIVITIES, strict=True):
        rows = []
        for name, standing in part.comparison.standings.items():
            value = standing.values[measure.key]
            found = standing.differences.get(measure.key)
            interval = interval_text(value, 2)
            said = shown(value.value, 2) + (f" ({interval})" if interval else "")
            kind = "" if found is None else kind_of(found)
            verdict = "" if found is None else {BETTER: " better", WORSE: " worse"}.get(found.verdict, "")
            rows.append(StripRow(name, (), value.value, value.low, value.high, kind, said + verdict))
        label = f"Sensitivity for lesions {size}: " + "; ".join(f"{r.name} {r.said}" for r in rows)
        plot = strip_plot(rows, label=label, zero=False, limits=(0.0, 1.0)) if seen[size] else Markup()
        lesions = f"{seen[size]} lesion{'s' if seen[size] != 1 else ''} in the truth"
        figures.append(Plot(size[0].upper() + size[1:], plot, lesions))
    return [Text(SIZES_ARE), plots(figures)]


def _cost(results: Results) -> list[Markup | Table | Text]:
    part = next(iter(results.parts.values()))
    numbered = {name: str(i) for i, name in enumerate(results.contestants, 1)}
    header, rows = cost_table(results)
    table = Table(
        ["", "contestant", *header[1:]],
        [[numbered[row[0]], *row] for row in rows],
        "Means over trainings; memory is the largest. Multiply-adds and parameters are without deep supervision's extra "
        "heads; seconds a case are from raw files to the written segmentation, with one training's network.",
    )
    planes = []
    for title, unit, of in (
        ("Prediction", "s a case", "seconds_per_case"),
        ("Computation", "GMAC a patch", "gmac"),
        ("Size", "parameters (million)", "parameters"),
    ):
        scale = 1e6 if of == "parameters" else 1.0
        points = []
        for name, costs in results.costs.items():
            dice: Estimate = part.comparison.standings[name].values["dice"]
            x = fmean(getattr(cost, of) for cost in costs.values()) / scale
            points.append(PlanePoint(numbered[name], x, dice.value, dice.low, dice.high))
        label = f"Dice against {unit}: " + "; ".join(
            f"{name} {shown(p.x, 2)}, {shown(p.y, 3)}" for name, p in zip(results.costs, points, strict=True)
        )
        drawn = plane(points, label=label, x_title=unit, y_title=f"Dice, {part.name} cases")
        if drawn:
            planes.append(Plot(title, drawn))
    numbers = [(number, name) for name, number in numbered.items()]
    return [plots(planes), render("report/benchmark_numbers.html", numbers=numbers), table]


def _curves(results: Results) -> list[Markup | Table | Text]:
    figures = []
    for name, costs in results.costs.items():
        trained = [cost.train_losses for cost in costs.values()]
        validated = [cost.val_losses for cost in costs.values()]
        drawn = loss_curves(trained, validated, label=f"Losses of {name}")
        if drawn:
            figures.append(Plot(name, drawn))
    if not figures:
        return []
    return [
        Text(
            "Validation loss, a line a training, and dashed the training loss. Contestants may minimise different losses: "
            "compare a curve with itself. One that still falls at its end wants a larger budget."
        ),
        plots(figures, small=True),
    ]
