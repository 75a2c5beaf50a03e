"""Lay out one patient's result: what to know first, each lesion on every phase, the table, and all slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from markupsafe import Markup

from nnunet_multiphase.html.page import Figure, Section, Text, write_report
from nnunet_multiphase.html.sorted_table import count
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.measurement.record import PatientMeasures
from nnunet_multiphase.models.identity import Identity
from nnunet_multiphase.phases import PHASE_TITLES, PHASES
from nnunet_multiphase.prediction.prepare import PreparedCase
from nnunet_multiphase.prediction.segmented import SegmentedCase
from nnunet_multiphase.prediction.to_know import warnings_of
from nnunet_multiphase.prediction.write import CasePrediction
from nnunet_multiphase.report.patient_lesions import MOST_CARDS, key_slice, lesion_card, lesion_table
from nnunet_multiphase.report.slice_viewer import slice_viewer
from nnunet_multiphase.report.slices import (
    numbered,
    outlines,
    path_of,
    pictures,
    region_to_show,
    slices_to_show,
)

if TYPE_CHECKING:
    from registration import RegistrationResult

NOTE = "For research only, not a medical device."
SOURCES = {
    "mask": "the mask that came with the case",
    "model": "what the model calls liver",
    "found": "what the registration took for it, roughly",
}
REGISTRATION = (
    "The reference is magenta, the moving phase green; where they agree the sum is grey. Left by the headers, right after "
    "registration; yellow is the prediction."
)


def write_patient_page(
    prediction: CasePrediction,
    prepared: PreparedCase,
    found: SegmentedCase,
    path: Path,
    *,
    lesion_labels: Sequence[int] = (1,),
) -> Path:
    """Write a patient's page, whole or not at all; the same input makes the same bytes.

    Args:
        prediction: As written; its registration's picture lies beside the segmentation, in registration/.
        prepared: What was segmented.
        found: How.
        path: The .html file.
        lesion_labels: Labels that are lesion.

    Returns:
        The path.
    """
    measures, grid = prediction.measures, found.labels
    images = prepared.aligned.images
    volumes = {p: sitk.GetArrayViewFromImage(images[p]) for p in PHASES if p in images}
    numbers = numbered(found.labels, lesion_labels)
    first_slice = prepared.aligned.box[0][2] + 1
    captions = {phase: _caption(phase, prediction) for phase in volumes}
    sections = [
        Section("Warnings", [render("report/patient_warnings.html", warnings=warnings_of(prediction))]),
        Section("In short", [_summary(measures, prediction.model)]),
    ]
    if measures.lesions:
        left = len(measures.lesions) - MOST_CARDS
        more = f"The {MOST_CARDS} largest; {count(left, 'lesion')} more in the table."
        cards = [
            lesion_card(lesion, volumes, numbers, grid, first_slice=first_slice, captions=captions)
            for lesion in measures.lesions[:MOST_CARDS]
        ]
        table = lesion_table(measures.lesions, list(volumes))
        sections += [
            Section("Lesions", [*([Text(more)] if left > 0 else []), *cards]),
            Section("Table", [table]),
        ]
    sections.append(Section("Registration", _registration(prediction)))
    viewer = _viewer(measures, prepared, found, volumes, numbers, first_slice, captions)
    sections.append(Section("Slices", [viewer], on_screen=True))
    return write_report(
        path,
        title=f"{prediction.case}: liver lesions on {count(len(volumes), 'phase')}",
        lead=NOTE,
        sections=sections,
        styles=("report/patient_page.css",),
        script="report/slice_viewer.js",
    )


def _summary(measures: PatientMeasures, model: Identity | None) -> Markup:
    """Say number, burden and reference phase, and which model found it."""
    some, share = bool(measures.lesions), measures.burden_percent
    return render(
        "report/patient_summary.html",
        found=count(len(measures.lesions), "lesion") if some else "No lesion found",
        burden=f"{'at least ' * measures.is_cut_off}{measures.burden_ml:.2f} ml" if some else "",
        share=f"{share:.1f} %" if some and share is not None else "",
        liver=f"{measures.liver_ml:.0f} ml" if measures.liver_ml is not None else "",
        reference=PHASE_TITLES.get(measures.reference, measures.reference),
        source=SOURCES[measures.liver_source] if measures.liver_source is not None else "",
        hu=", ".join(f"{phase} {region.mean_hu:.0f} HU" for phase, region in measures.liver.items()),
        model=model.told() if model is not None else "",
    )


def _registration(prediction: CasePrediction) -> list[Text | Figure]:
    """Show the phases before and after registration, as prediction drew them."""
    drawn = prediction.segmentation.parent / "registration" / f"{prediction.case}.png"
    if not prediction.aligned.results:
        return [Text("There is one phase only: nothing was registered.")]
    verdicts = "; ".join(
        f"{PHASE_TITLES.get(phase, phase)}: {result.verdict}{_expected_error(result)}"
        for phase, result in prediction.aligned.results.items()
    )
    if not drawn.is_file():
        return [
            Text(f"{verdicts}. No picture was drawn: matplotlib is not installed; compare the slices below.")
        ]
    alt = f"Each phase over the reference before and after registration. {verdicts}."
    return [Text(f"{verdicts}."), Figure(drawn, REGISTRATION, alt)]


def _expected_error(result: RegistrationResult) -> str:
    """Say how far off a phase may be; nothing where it is a failed one, or another registration did not measure it."""
    if result.verdict == "failed" or math.isnan(result.expected_error_mm):
        return ""
    return f", expected error {result.expected_error_mm:.1f} mm"


def _caption(phase: str, prediction: CasePrediction) -> str:
    """Name a phase wherever it is shown, with what is doubtful of its place (Markup)."""
    result = prediction.aligned.results.get(phase)
    name = PHASE_TITLES.get(phase, phase)
    if result is None or result.verdict == "ok":
        return name
    doubt = Markup('{} <b class="{}">registration {}</b>')
    return doubt.format(name, result.verdict, result.verdict)


def _viewer(
    measures: PatientMeasures,
    prepared: PreparedCase,
    found: SegmentedCase,
    volumes: dict[str, np.ndarray],
    numbers: np.ndarray,
    first_slice: int,
    captions: dict[str, str],
) -> Markup:
    """Cut the slices about the liver."""
    grid, spacing = found.labels, found.labels.GetSpacing()
    box = region_to_show(prepared, grid, liver_labelled=measures.liver_source == "model")
    keys = {lesion.id: key_slice(lesion, grid) for lesion in measures.lesions[:MOST_CARDS]}
    slices = slices_to_show(box, list(keys.values()))
    plane = (*box[0][:2], *box[1][:2])
    drawn = pictures(list(volumes.values()), box, slices, spacing)
    total = prepared.aligned.full_size[2]
    names = []
    for z in slices:
        height = grid.TransformContinuousIndexToPhysicalPoint(
            [box[0][0] + box[1][0] / 2, box[0][1] + box[1][1] / 2, float(z)]
        )[2]
        names.append(f"slice {first_slice + z} of {total} from the feet, z {height:.1f} mm")
    return slice_viewer(
        dict(zip(volumes, drawn, strict=True)),
        [[(line.lesion, path_of(line, plane, spacing)) for line in outlines(numbers[z])] for z in slices],
        names,
        {lesion: slices.index(z) for lesion, z in keys.items()},
        (box[1][0] * spacing[0], box[1][1] * spacing[1]),
        captions,
    )
