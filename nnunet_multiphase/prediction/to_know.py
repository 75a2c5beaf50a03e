"""Say what a reader of a patient's page or DICOM report has to know before the numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nnunet_multiphase.alignment.quality import shown_by
from nnunet_multiphase.phases import PHASE_TITLES
from nnunet_multiphase.prediction.coverage import coverage_shares
from nnunet_multiphase.prediction.write import CasePrediction

if TYPE_CHECKING:
    from registration import RegistrationResult

WORTH_SAYING = 0.005
"""Of the volume: less is nothing in percent."""


@dataclass(frozen=True)
class Warning:
    """Hold one thing to know: `failed` and `check` as the registration judges, `note` for the rest."""

    kind: Literal["failed", "check", "note"]
    about: str
    text: str


def warnings_of(prediction: CasePrediction) -> list[Warning]:
    """List what a reader has to know, the worst first."""
    found = [*_registration(prediction), *_accepted(prediction), *_where(prediction)]
    found += [Warning("check", "Before you read on", f"{text}.") for text in prediction.remarks]
    if prediction.filled:
        about = ", ".join(PHASE_TITLES.get(phase, phase) for phase in prediction.filled)
        text = "the model was shown air instead; expect a less certain result."
        found.append(Warning("check", f"Lacking: {about}", text))
    order = ("failed", "check", "note")
    return sorted(found, key=lambda warning: order.index(warning.kind))


def _registration(prediction: CasePrediction) -> list[Warning]:
    """Tell what the figures of each phase's registration give reason to look at."""
    found = []
    results = prediction.aligned.results
    for line in prediction.warnings:
        phase, _, text = line.partition(": ")
        kind: Literal["failed", "check"] = "check"
        if phase in results and results[phase].verdict != "ok":
            kind = "failed" if results[phase].verdict == "failed" else "check"
            text += f". {_error(results[phase])}"
        found.append(Warning(kind, f"{PHASE_TITLES.get(phase, phase)} phase".capitalize(), f"{text}."))
    regions = {result.region for result in results.values()}
    if "body" in regions:
        why = (
            "the mask could not be fitted"
            if prediction.measures.liver_source == "mask"
            else "no liver was found"
        )
        text = f"{why}; the registration followed the whole body, and the liver may be off by the breath."
        found.append(Warning("check", "Liver", text))
    elif "liver" in regions:
        text = "found without a mask, and only roughly: the registration followed that."
        found.append(Warning("note", "Liver", text))
    return found


def _error(result: RegistrationResult) -> str:
    """Tell how far off a phase may be; nan is of another registration than ours, which did not measure it."""
    known = not math.isnan(result.expected_error_mm)
    if result.verdict == "failed":
        within = f", within {result.expected_error_mm:.0f} mm" if known else ""
        text = f"Nobody knows where it lies{within}: nothing was measured on it, and what is outlined on it may lie"
        return f"{text} elsewhere"
    if not known:
        return "Nobody measured how far off it may be"
    return f"In nine of ten such registrations the mean error is below {result.expected_error_mm:.1f} mm"


def _accepted(prediction: CasePrediction) -> list[Warning]:
    """Tell what is implausible of the input and was overruled."""
    named = f"case {prediction.case}"
    return [
        Warning("check", "Accepted although implausible", text.removeprefix(named).lstrip(",: "))
        for text in prediction.accepted
    ]


def _where(prediction: CasePrediction) -> list[Warning]:
    """Tell where was looked, and with what."""
    aligned, found = prediction.aligned, []
    window = prediction.window
    if window is not None:
        which = "was found" if window.found else "was drawn"
        text = f"only about the liver that {which}, in {100 * window.share:.0f} % of the volume; all else is background."
        found.append(Warning("note", "Where was looked", text))
    outside, partly = coverage_shares(aligned)
    if outside >= WORTH_SAYING:
        text = (
            f"{100 * outside:.0f} % of the {PHASE_TITLES.get(aligned.reference, aligned.reference)} volume lies beyond what "
            f"{shown_by(aligned)} show: no lesion is found there."
        )
        found.append(Warning("note", "Not looked at", text))
    if partly >= WORTH_SAYING:
        text = f"{100 * partly:.0f} % was looked at without the phases that have no data there."
        found.append(Warning("note", "Partly covered", text))
    return found
