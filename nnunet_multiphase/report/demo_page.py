"""Lay out the demo's page: what ran, registration, training, predictions beside truth, scores, what to do next."""

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import SimpleITK as sitk
from markupsafe import Markup

from nnunet_multiphase.evaluation.scores import Scores
from nnunet_multiphase.evaluation.tables import CASE_HEADER, case_rows, shown, summary_lines
from nnunet_multiphase.html.page import Figure, Section, Table, Text, write_report
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.phantom.registration_error import RegistrationError
from nnunet_multiphase.phases import PHASE_TITLES
from nnunet_multiphase.prediction import CasePrediction
from nnunet_multiphase.report.figures import prediction_panel, training_curves
from nnunet_multiphase.report.patient_index import INDEX
from nnunet_multiphase.report.provenance import provenance_table
from nnunet_multiphase.table_cells import read_cell
from nnunet_multiphase.training.budget import TrainingRecord

OVERVIEWS = 2
QUALITY_COLUMNS = (
    "case",
    "phase",
    "status",
    "similarity_before",
    "similarity_after",
    "overlap",
    "shift_mm",
    "warnings",
)


@dataclass(frozen=True)
class DemoOutcome:
    """Everything the page shows."""

    dataset: Path
    record: TrainingRecord
    predictions: Sequence[CasePrediction]
    truth: Path
    scores: Scores
    scores_untrained: Scores
    registration: Sequence[RegistrationError]
    commands: Sequence[str]
    command: str
    seed: int
    seconds: float


def write_demo_page(path: Path, outcome: DemoOutcome) -> Path:
    """Write the page and return its path."""
    sections = [
        _result(outcome),
        _registration(outcome),
        _training(outcome),
        _predictions(outcome),
        _lesions(outcome),
        _quality(outcome),
        _provenance(outcome),
    ]
    return write_report(
        path, title="nnunet-multiphase: the whole chain on a synthetic cohort", sections=sections
    )


def _result(outcome: DemoOutcome) -> Section:
    trained, untrained = (s.summary() for s in (outcome.scores, outcome.scores_untrained))
    rows = [
        [name, shown(s["dice_mean"], 3), shown(s["lesion_sensitivity"]), shown(s["lesion_precision"]),
         shown(s["lesion_f1"]), shown(s["false_positives_per_case"])]
        for name, s in (("trained", trained), ("untrained (same network, initial weights)", untrained))
    ]  # fmt: skip
    return Section(
        "Result on test patients the network never saw",
        [
            Text(
                "Raw, unaligned phases of synthetic patients went in, and a liver mask on the reference phase, "
                "which the registration follows. The segmentation was scored on the grid of the phase the "
                "lesions are drawn on. A short training on a small phantom shows that the chain works, "
                "not how well it does on patients. Predicted without mirroring."
            ),
            Table(
                ("network", "Dice", "lesion sensitivity", "precision", "F1", "false positives per case"), rows
            ),
            Table(CASE_HEADER, case_rows(outcome.scores), caption="The trained network, case by case"),
            *(Text(line) for line in summary_lines(outcome.scores)),
        ],
    )


def _registration(outcome: DemoOutcome) -> Section:
    errors = outcome.registration
    before, after = [e.before_mm for e in errors], [e.after_mm for e in errors]
    rows = [
        ["headers alone", *(shown(f(before)) for f in (statistics.median, max))],
        ["registered", *(shown(f(after)) for f in (statistics.median, max))],
    ]
    pictures = sorted((outcome.dataset / "registration" / "overview").glob("*.png"))[:OVERVIEWS]
    return Section(
        "Registration",
        [
            Text(
                f"Distance in mm between where a liver point is and where it was put, mean over the liver, over "
                f"{len(errors)} moving phases; the phantom knows the truth."
            ),
            Table(("", "median mm", "worst mm"), rows),
            *(
                Figure(p, f"{p.stem}: each moving phase over the reference, before and after")
                for p in pictures
            ),
        ],
    )


def _training(outcome: DemoOutcome) -> Section:
    r = outcome.record
    return Section(
        "Training",
        [
            Text(
                f"{r.trainer}, {r.configuration}, fold {r.fold}: {len(r.train_losses)} epochs, "
                f"{r.steps} steps of {r.seconds_per_step:.2f} s, {r.parameters / 1e6:.2f} million weights, "
                f"{r.peak_memory_mb:.0f} MiB at most."
            ),
            Figure(
                training_curves({r.trainer: (r.train_losses, r.val_losses)}, y_label="focal + Dice loss"),
                "Loss over the epochs",
            ),
        ],
    )


def _predictions(outcome: DemoOutcome) -> Section:
    # `predict` wrote them, beside the labels.
    folder = outcome.predictions[0].segmentation.parent.name
    blocks: list[Markup | Figure] = [render("report/demo_patients.html", link=f"{quote(folder)}/{INDEX}")]
    for prediction in outcome.predictions:
        grid = prediction.aligned.images[prediction.aligned.reference]
        truth, found = (
            sitk.Resample(sitk.ReadImage(str(p)), grid, sitk.Transform(), sitk.sitkNearestNeighbor)
            for p in (outcome.truth / f"{prediction.case}.nii.gz", prediction.segmentation)
        )
        title = f"{prediction.case}, drawn on {PHASE_TITLES[prediction.aligned.reference]}"
        picture = prediction_panel(prediction.aligned.images, truth, found, title=title)
        blocks.append(Figure(picture, f"{prediction.case}: truth and prediction on every registered phase"))
    return Section("Predictions beside the truth", blocks)


def _lesions(outcome: DemoOutcome) -> Section:
    phases = [p for p in PHASE_TITLES if any(p in c.aligned.images for c in outcome.predictions)]
    rows = [
        [c.case, str(lesion.id), shown(lesion.volume_ml), shown(lesion.axial.mm, 1)]
        + [shown(lesion.lesion[p].mean_hu if p in lesion.lesion else float("nan"), 0) for p in phases]
        for c in outcome.predictions
        for lesion in c.measures.lesions
    ]
    header = ("case", "lesion", "volume ml", "diameter mm", *(f"HU {p}" for p in phases))
    return Section(
        "Predicted lesions, measured", [Table(header, rows)] if rows else [Text("None was predicted.")]
    )


def _quality(outcome: DemoOutcome) -> Section:
    with (outcome.dataset / "quality.csv").open(newline="", encoding="utf-8") as stream:
        rows = [[read_cell(row[c]) for c in QUALITY_COLUMNS] for row in csv.DictReader(stream)]
    return Section("Registration quality, phase by phase (quality.csv)", [Table(QUALITY_COLUMNS, rows)])


def _provenance(outcome: DemoOutcome) -> Section:
    minutes = f"{outcome.seconds / 60:.1f} minutes for everything but this page"
    table = provenance_table(
        command=outcome.command, seed=outcome.seed, device=outcome.record.device, more={"time": minutes}
    )
    return Section("How it was made", [table, Text("\n".join(outcome.commands), code=True)])
