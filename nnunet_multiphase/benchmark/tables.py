"""Write what a benchmark found as tables: results.csv, cases.csv, lesions.csv, results.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from nnunet_multiphase.benchmark.results import Results
from nnunet_multiphase.evaluation.measures import MEASURES
from nnunet_multiphase.evaluation.statistics import Difference
from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.table_cells import csv_cell, write_csv

TABLES = ("results.csv", "cases.csv", "lesions.csv", "results.json")


def write_results(results: Results, work: Path | str) -> list[Path]:
    """Write results.csv, cases.csv, lesions.csv and results.json beside the plan."""
    work = Path(work)
    header, rows = results_table(results)
    tables = {"results.csv": (header, rows)}
    for name, kind in (("cases.csv", "cases"), ("lesions.csv", "lesions")):
        scored = [
            (part.name, training, row)
            for part in results.parts.values()
            for of_contestant in part.scores.values()
            for training, scores in of_contestant.items()
            for row in getattr(scores, kind)
        ]
        records = [
            {
                "part": part,
                "contestant": one.contestant,
                "seed": one.seed,
                "fold": one.fold,
                **asdict(row),
            }
            for part, one, row in scored
        ]
        if records:
            cells = [[csv_cell(value) for value in record.values()] for record in records]
            tables[name] = (list(records[0]), cells)
        else:
            (work / name).unlink(missing_ok=True)  # of an earlier run: without any lesion there is no table
    written = [write_csv(work / name, *table) for name, table in tables.items()]
    return [*written, write_json(work / "results.json", as_json(results))]


def results_table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Lay out one row for each part, measure and contestant: value and difference with their intervals."""
    header = [
        *("part", "measure", "contestant", "value", "value_low", "value_high", "against"),
        *("difference", "difference_low", "difference_high", "cases", "wins", "ties", "losses"),
        *("p_wilcoxon", "p_holm", "smallest_difference_shown", "verdict"),
    ]
    rows = []
    for part in results.parts.values():
        for measure in MEASURES:
            for name, standing in part.comparison.standings.items():
                value = standing.values[measure.key]
                row: list[object] = [part.name, measure.key, name, value.value, value.low, value.high]
                found = standing.differences.get(measure.key)
                if found is None:
                    row += [""] * (len(header) - len(row))
                else:
                    of = found.estimate
                    row += [results.against, of.value, of.low, of.high, found.cases]
                    row += [found.wins, found.ties, found.losses, found.p_value, found.p_holm]
                    row += [found.detectable, found.verdict]
                rows.append([csv_cell(cell) for cell in row])
    return header, rows


def as_json(results: Results) -> dict[str, object]:
    """Lay out the results as a record."""
    parts: dict[str, object] = {}
    for part in results.parts.values():
        parts[part.name] = {
            "cases": list(part.cases),
            "patients": len(part.comparison.patients),
            "contestants": {
                name: {
                    measure.key: {
                        **asdict(standing.values[measure.key]),
                        **_difference(standing.differences.get(measure.key)),
                    }
                    for measure in MEASURES
                }
                for name, standing in part.comparison.standings.items()
            },
        }
    return {
        "dataset": results.plan.dataset,
        "against": results.against,
        "contestants": list(results.contestants),
        "seeds": list(results.seeds),
        "unfinished": [str(one) for one in results.unfinished],
        "parts": parts,
        "costs": {
            name: {str(one.folder): asdict(cost) for one, cost in of_contestant.items()}
            for name, of_contestant in results.costs.items()
        },
    }


def _difference(found: Difference | None) -> Mapping[str, object]:
    if found is None:
        return {}
    record = asdict(found)
    del record["by_case"]
    return {"difference": {**record.pop("estimate"), **record}}
