"""Read what `predict` leaves beside its labels: who failed, which model answered, what its tables count as lesions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nnunet_multiphase.errors import first_of
from nnunet_multiphase.json_file import load_json

MEASURES = "_lesions.json"
NOT_PREDICTED = "not_predicted"
"""Folder beside the labels: a file a patient, so that runs side by side, or broken off, lose none."""
GRIDS = "grids"

UNLIKE = ("runtime",)
"""Of a model's record: what makes no other answer."""


def noted_failures(folder: Path) -> dict[str, str]:
    """List who could not be predicted and was not since; patient -> why. A spoilt note names its patient alone."""
    found = {}
    for path in sorted((folder / NOT_PREDICTED).glob("*.json")):
        try:
            content = load_json(path)
            found[str(content["case"])] = str(content["why"])
        except (OSError, ValueError, KeyError, TypeError):
            found[path.stem] = "failed in an earlier run"
    return found


def doubts_of_labels(labels: Path, cases: Iterable[str], counted: Sequence[int] | None) -> str:
    """Say what makes predictions no work of one model, or older than what was tried since; empty where nothing does.

    Args:
        labels: Folder of <case>.nii.gz; what `predict` knows of them lies there, or above its grids/<phase>.
        cases: Those that are scored.
        counted: Labels that are scored as lesions; None: the user says which.
    """
    folder = labels.parent.parent if labels.parent.name == GRIDS else labels
    cases = sorted(cases)
    failed = noted_failures(folder)
    stale = [case for case in cases if case in failed]
    found = []
    if stale:
        found.append(
            f"{first_of(stale)} could not be predicted in a later run: the labels there are an earlier run's; predict "
            f"anew, or take them away ({folder / NOT_PREDICTED} says why)"
        )
    made = {case: made_by(folder / f"{case}{MEASURES}") for case in cases}
    if apart := told_apart(made):
        found.append(f"the predictions were not all made alike, and means are of no one model: {apart}")
    if counted is not None:
        others = {case: known["lesion labels"] for case, known in made.items() if "lesion labels" in known}
        unlike = [case for case, text in others.items() if text != _text(sorted(counted))]
        if unlike:
            found.append(
                f"the table of {first_of(unlike)} counts the labels {others[unlike[0]]} as lesions, here "
                f"{_text(sorted(counted))} count; --prediction-lesion-labels says which"
            )
    return "; ".join(found)


def made_by(measures: Path) -> dict[str, str]:
    """Read from a patient's measures how they were made: property -> value as text; what is not known is left out."""
    try:
        return how_made(load_json(measures))
    except (OSError, ValueError):
        return {}


def how_made(content: object) -> dict[str, str]:
    """Tell it from the content of the measures, as `made_by` does."""
    if not isinstance(content, Mapping):
        return {}
    model, labels = content.get("model"), content.get("lesion_labels")
    known = {} if not isinstance(model, Mapping) else dict(model)
    told = {
        str(key).replace("_", " "): _text(value)
        for key, value in known.items()
        if key not in UNLIKE and value is not None
    }
    return told if labels is None else {**told, "lesion labels": _text(labels)}


def told_apart(made: Mapping[str, Mapping[str, str]]) -> str:
    """Say how patients were made otherwise than each other.

    Args:
        made: Patient -> property -> value, from `made_by`.

    Returns:
        Patients by what differs; empty where nothing that is known of them does.
    """
    properties = list(dict.fromkeys(key for known in made.values() for key in known))
    differing = [
        key for key in properties if len({known[key] for known in made.values() if key in known}) > 1
    ]
    groups: dict[str, list[str]] = {}
    for case, known in made.items():
        text = ", ".join(f"{key} {known[key]}" for key in differing if key in known)
        if text:
            groups.setdefault(text, []).append(case)
    return "; ".join(f"{first_of(cases)} by {text}" for text, cases in groups.items())


def _text(value: object) -> str:
    """Write a value as people do: a list's items apart, anything else short."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))[:100]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value[:100] if isinstance(value, str) else json.dumps(value)[:100]
