"""Tell a prediction in a few lines."""

from __future__ import annotations

from collections.abc import Collection

from nnunet_multiphase.alignment.quality import shown_by
from nnunet_multiphase.measurement.record import LesionMeasures, PatientMeasures
from nnunet_multiphase.prediction.coverage import coverage_shares
from nnunet_multiphase.prediction.write import CasePrediction

MOST_TOLD = 12
"""Lesions, from the largest on."""


def prediction_summary(prediction: CasePrediction) -> str:
    """Tell the result in a few lines for the terminal."""
    aligned = prediction.aligned
    measures = prediction.measures
    lines = [
        f"{prediction.case}: {_number(measures)} -> {prediction.segmentation} (research only, no medical device)"
    ]
    lines += [_told(lesion) for lesion in measures.lesions[:MOST_TOLD]]
    if len(measures.lesions) > MOST_TOLD:
        lines.append(f"  ... and {len(measures.lesions) - MOST_TOLD} more: {prediction.lesion_csv}")
    if aligned.results:
        regions = {result.region for result in aligned.results.values()}
        lines.append(f"  registered to {aligned.reference} on {_fitted(regions, measures)}")
    lines += [f"  {text}" for text in prediction.remarks]
    lines += [f"  accepted: {text}" for text in prediction.accepted]
    lines += [f"  look at the registration of {warning}" for warning in prediction.warnings]
    if prediction.filled:
        lines.append(
            f"  without {', '.join(prediction.filled)}: filled with air, expect a less certain result"
        )
    window = prediction.window
    if window is not None:
        which = "found" if window.found else "drawn"
        lines.append(
            f"  looked about the liver that was {which}, in {100 * window.share:.0f} % of the volume: all else is "
            "background (--everywhere looks there, too)"
        )
    outside, partly = coverage_shares(aligned)
    if outside >= 0.005:
        lines.append(
            f"  {100 * outside:.0f} % of the {aligned.reference} volume lies beyond what {shown_by(aligned)} show: "
            "not looked at, background"
        )
    if partly >= 0.005:
        lines.append(f"  {100 * partly:.0f} % was looked at without the phases that have no data there")
    return "\n".join(lines)


def failed_phases(prediction: CasePrediction) -> list[str]:
    """List the phases whose registration judged itself failed."""
    results = prediction.aligned.results
    return [phase for phase, result in results.items() if result.verdict == "failed"]


def _number(measures: PatientMeasures) -> str:
    """Tell how many lesions there are and how much of the liver they are."""
    text = f"{len(measures.lesions)} lesion(s)"
    if measures.lesions:
        text += f", {'at least ' if measures.is_cut_off else ''}{measures.burden_ml:.2f} ml"
    if measures.burden_percent is not None:
        text += f", {measures.burden_percent:.1f} % of the liver"
    return text


def _told(lesion: LesionMeasures) -> str:
    """Tell one lesion in a line."""
    text = f"  lesion {lesion.id}: {lesion.volume_ml:.2f} ml, {lesion.axial.mm:.1f} x {lesion.perpendicular.mm:.1f} mm"
    if lesion.lesion:
        text += ", mean HU " + ", ".join(
            f"{phase} {region.mean_hu:.0f}" for phase, region in lesion.lesion.items()
        )
    for what, holds in (("hyperenhancement", lesion.arterial_hyperenhancement), ("washout", lesion.washout)):
        text += f", {what}" if holds else ""
    text += ", cut off" if lesion.cut_off else ""
    return text if lesion.confidence is None else f"{text}, confidence {lesion.confidence:.2f}"


def _fitted(regions: Collection[str], measures: PatientMeasures) -> str:
    """Say what the registration held on to, by the least certain of the phases."""
    if "body" in regions:
        why = (
            "the liver mask could not be fitted" if measures.liver_source == "mask" else "no liver was found"
        )
        return f"the whole body, where {why}: the liver may be off"
    return "the liver, found without a mask" if "liver" in regions else "the liver mask"
