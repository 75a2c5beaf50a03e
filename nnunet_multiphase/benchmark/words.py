"""Say in words and tables what a benchmark found, for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

from nnunet_multiphase.benchmark.layout import Cost
from nnunet_multiphase.benchmark.results import Part, Results
from nnunet_multiphase.evaluation.measures import MEASURES, SENSITIVITIES, Measure
from nnunet_multiphase.evaluation.statistics import LEAST_CASES, Difference, Estimate
from nnunet_multiphase.evaluation.tables import shown, text_table

MAIN: tuple[Measure, ...] = tuple(measure for measure in MEASURES if measure not in SENSITIVITIES)
BY_KEY = {measure.key: measure for measure in MEASURES}


def signed(value: float, decimals: int) -> str:
    """Format a difference, its sign always there; a dash where it is undefined."""
    if math.isnan(value):
        return "-"
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text


def interval_text(of: Estimate, decimals: int, form: Callable[[float, int], str] = shown) -> str:
    """Format an interval; empty where there is none."""
    if math.isnan(of.low):
        return ""
    return f"{form(of.low, decimals)} to {form(of.high, decimals)}"


def counted(part: Part) -> str:
    """Say how many cases, patients and trainings a part has."""
    cases, patients = len(part.cases), len(part.comparison.patients)
    said = f"{cases} {part.name} case{'s' if cases != 1 else ''}"
    if patients != cases:
        said += f" of {patients} patients"
    trainings = part.comparison.seeds
    return f"{said}, each predicted by {trainings} training{'s' if trainings != 1 else ''} of a contestant"


def verdict_line(name: str, against: str, measure: Measure, found: Difference) -> str:
    """Say a difference in a sentence."""
    p = "" if math.isnan(found.p_holm) else f", p = {found.p_holm:.2g}"
    interval = interval_text(found.estimate, measure.decimals, signed)
    return (
        f"{name}, {measure.title} minus that of {against}: {signed(found.estimate.value, measure.decimals)}"
        + (f" ({interval}), " if interval else ", ")
        + f"{found.wins} won, {found.ties} level, {found.losses} lost{p}: {found.verdict}"
    )


def power_line(part: Part, against: str, measure: Measure = MEASURES[0]) -> str:
    """Say which differences so many cases could have shown."""
    found = [
        standing.differences[measure.key]
        for name, standing in part.comparison.standings.items()
        if name != against
    ]
    patients = max((one.cases for one in found), default=0)
    if patients < LEAST_CASES:
        return (
            f"{patients} {'patients' if patients != 1 else 'patient'} with a {measure.title} "
            f"{'are' if patients != 1 else 'is'} too few for a verdict: it takes at least {LEAST_CASES}."
        )
    known = [one.detectable for one in found if not math.isnan(one.detectable)]
    if not known:
        return f"No contestant differs from {against} in {measure.title}, in any of {patients} patients."
    low, high = shown(min(known), measure.decimals), shown(max(known), measure.decimals)
    span = low if low == high else f"{low} to {high}, by contestant"
    return (
        f"With a power of 80 % these {patients} patients could have shown a difference in {measure.title} of {span}; "
        "of a smaller one they say nothing."
    )


def luck_line(part: Part) -> str:
    """Warn of what one training cannot show; empty where there are several."""
    if part.comparison.seeds > 1:
        return ""
    return (
        "With one seed the intervals see no luck in training: they tell these trainings apart, not the methods behind them. "
        "Give several --seeds for that."
    )


def value_table(part: Part) -> tuple[list[str], list[list[str]]]:
    """Lay out a row a contestant with its main measures."""
    header = [part.name, *(m.title + (f" ({m.unit})" if m.unit else "") for m in MAIN)]
    rows = [
        [name, *(shown(standing.values[m.key].value, m.decimals) for m in MAIN)]
        for name, standing in part.comparison.standings.items()
    ]
    return header, rows


def _span(numbers: list[int]) -> str:
    return "-".join(map(str, sorted({min(numbers), max(numbers)})))


COST_COLUMNS: tuple[tuple[str, Callable[[list[Cost]], str]], ...] = (
    ("parameters (million)", lambda costs: shown(fmean(c.parameters for c in costs) / 1e6, 3)),
    ("GMAC a patch", lambda costs: shown(fmean(c.gmac for c in costs), 1)),
    ("patch (voxels)", lambda costs: "x".join(map(str, costs[0].patch))),
    ("s a step", lambda costs: shown(fmean(c.seconds_per_step for c in costs), 3)),
    ("s a case", lambda costs: shown(fmean(c.seconds_per_case for c in costs), 1)),
    ("peak memory (MiB)", lambda costs: shown(max(c.peak_memory_mib for c in costs), 0)),
    ("epochs", lambda costs: _span([c.epochs for c in costs])),
    ("min a training", lambda costs: shown(fmean(c.seconds for c in costs) / 60, 1)),
)


def cost_table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Lay out a row a contestant with what it cost."""
    header = ["", *(title for title, _ in COST_COLUMNS)]
    rows = [
        [name, *(column(list(costs.values())) for _, column in COST_COLUMNS)]
        for name, costs in results.costs.items()
    ]
    return header, rows


def results_text(results: Results) -> str:
    """Lay out what was found for the terminal."""
    lines: list[str] = []
    for part in results.parts.values():
        lines += [text_table(*value_table(part)), "", counted(part)]
        lines += [
            verdict_line(name, results.against, MEASURES[0], standing.differences["dice"])
            for name, standing in part.comparison.standings.items()
            if name != results.against
        ]
        lines += [line for line in (power_line(part, results.against), luck_line(part)) if line]
        lines.append("")
    lines.append(text_table(*cost_table(results)))
    if results.unfinished:
        lines += ["", unfinished_line(results)]
    return "\n".join(lines)


def unfinished_line(results: Results) -> str:
    """Name what is not in."""
    names = [str(one) for one in results.unfinished]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"Not in: {'; '.join(names[:4])}{more}."
