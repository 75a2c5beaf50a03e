"""Lay out the benchmark's page: what was run, the one table, curves, predictions of both models."""

import json
import math
import os
from pathlib import Path

import SimpleITK as sitk

from nnunet_multiphase.benchmark.run import BenchmarkResult
from nnunet_multiphase.evaluation.case_files import find_images
from nnunet_multiphase.evaluation.lesions import lesion_image
from nnunet_multiphase.evaluation.tables import CASE_HEADER, case_rows, shown
from nnunet_multiphase.label_classes import classes_of_record
from nnunet_multiphase.report.figures import prediction_panel, training_curves
from nnunet_multiphase.report.page import Figure, Section, Table, Text, write_report
from nnunet_multiphase.report.provenance import provenance_table

PICTURED_CASES = 3

MEASURES = (
    "Validation cases are predicted by the network that did not train on them, test cases by all folds' networks "
    "together. Multiply-adds and seconds are of one network, without deep supervision's extra heads; inference "
    "is from raw files to the written segmentation. Peak memory is what the GPU held, or on a CPU what the whole "
    "process did."
)


def write_benchmark_page(
    path: Path | str, result: BenchmarkResult, *, output: Path | str, command: str
) -> Path:
    """Write the page.

    Args:
        path: the .html file.
        result: what run_benchmark returned.
        output: the benchmark's folder, with the predictions.
        command: as it was typed.
    """
    settings = result.settings
    budget = (
        f"{settings.epochs} epochs of {settings.iterations} steps for each model"
        if settings.seconds is None
        else f"as many epochs of {settings.iterations} steps as fit into {settings.seconds:g} s"
    )
    about = {
        "dataset": f"{result.dataset}, {settings.configuration}, folds {', '.join(map(str, settings.folds))}",
        "budget": budget,
        "prediction": "final checkpoint, " + ("mirrored" if settings.mirroring else "not mirrored"),
    }
    run = provenance_table(command=command, seed=settings.seed, device=settings.device, more=about)
    header, rows = result.table()
    curves = {
        f"{m.model.name}, fold {t['fold']}": (_numbers(t["train_losses"]), _numbers(t["val_losses"]))
        for t_index in range(len(settings.folds))
        for m in result.models
        for t in [m.trainings[t_index]]
    }
    sections = [
        Section("What was run", [run]),
        Section("Comparison", [Table(header, rows, MEASURES), *map(Text, comparison_lines(result))]),
        Section(
            "Training",
            [
                Figure(training_curves(dict(list(curves.items())[i : i + 2])), "")
                for i in range(0, len(curves), 2)
            ]
            + [
                Text(
                    "The two models minimise different losses: compare a curve with itself, not with the other."
                )
            ],
        ),
        Section("Predictions", _pictures(result, Path(output))),
        *(
            Section(f"Cases of {m.model.name}, {part}", [Table(CASE_HEADER, case_rows(scores))])
            for m in result.models
            for part, scores in m.scores.items()
        ),
    ]
    return write_report(path, title=f"Benchmark on {result.dataset}", sections=sections)


def comparison_lines(result: BenchmarkResult) -> list[str]:
    """Say the paired differences in Dice in words."""
    first, second = (m.model.name for m in reversed(result.models))
    return [
        f"Dice on {part}, {first} minus {second}: median {shown(c.median_difference, 3)} over {c.cases} cases, "
        + ("no test possible" if math.isnan(c.p_value) else f"Wilcoxon p = {c.p_value:.3g}")
        for part, c in result.comparisons.items()
    ]


def _pictures(result: BenchmarkResult, output: Path) -> list[Figure]:
    """Show the first cases of the test part, or of the validation where there is none, by every model."""
    part = "test" if "test" in result.models[0].scores else "validation"
    suffix = "Ts" if part == "test" else "Tr"
    raw = Path(os.environ["nnUNet_raw"]) / result.dataset
    record = json.loads((raw / "dataset.json").read_text())
    phases, lesion_labels = record.get("phases"), classes_of_record(record, raw / "dataset.json").lesion
    truths = find_images(raw / f"labels{suffix}")
    figures = []
    for case in [score.case for score in result.models[0].scores[part].cases][:PICTURED_CASES]:
        files = sorted((raw / f"images{suffix}").glob(f"{case}_????.*"))
        names = phases or [f"channel {i}" for i in range(len(files))]
        images = {name: sitk.ReadImage(str(file)) for name, file in zip(names, files, strict=True)}
        for m in result.models:
            predictions = find_images(output / "predictions" / m.model.trainer / part)
            panel = prediction_panel(
                images,
                lesion_image(sitk.ReadImage(str(truths[case])), lesion_labels),
                lesion_image(sitk.ReadImage(str(predictions[case])), lesion_labels),
                title=f"{m.model.name}: {case}",
            )
            figures.append(
                Figure(panel, "", alt=f"{part} case {case}, truth and prediction of {m.model.name}")
            )
    return figures


def _numbers(values: list[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
