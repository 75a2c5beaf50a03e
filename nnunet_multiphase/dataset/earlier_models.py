"""Name the models in nnUNet_results that do not fit the dataset which comes under their name: nnU-Net would not notice."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_multiphase.dataset.destination import Destination
from nnunet_multiphase.dataset.plan import DatasetPlan
from nnunet_multiphase.dataset.target_classes import TargetClasses
from nnunet_multiphase.errors import first_of
from nnunet_multiphase.json_file import load_json


def told_of_earlier_models(destination: Destination, plan: DatasetPlan, targets: TargetClasses) -> list[str]:
    """Say which models were trained on other phases, labels or cases than the dataset that is about to be put in its place.

    Args:
        destination: The dataset's; an earlier edition that is there still is asked for its training cases.
        plan: What the new one is to hold.
        targets: What its labels are to be.

    Returns:
        A sentence for each model that does not fit; none where nnUNet_results is unset or holds none.
    """
    results = os.environ.get("nnUNet_results")
    folder = Path(os.path.abspath(results)) / destination.name if results else None
    if folder is None or not folder.is_dir():
        return []
    labels = targets.record()["labels"]
    test = {case.name for case in plan.cases if plan.split(case) == "test"}
    told = []
    for model in sorted(folder.glob("*__*__*")):
        record = _record(model)
        clauses = [
            *_other_channels(record, plan.channels, labels),
            *_seen_cases(model, record, destination.raw, test),
        ]
        if clauses:
            told.append(
                f"{model} was trained on an earlier edition of {destination.name}, and nnU-Net would not notice: "
                f"{'; '.join(clauses)}; move it away or train anew, or choose another --dataset-id for the new dataset"
            )
    return told


def _record(folder: Path) -> dict[str, Any]:
    """Read a folder's dataset.json; empty where it has none that says anything."""
    try:
        record = load_json(folder / "dataset.json")
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _other_channels(
    record: Mapping[str, Any], channels: Sequence[str], labels: Mapping[str, Any]
) -> list[str]:
    """Say how a model's channels and labels differ."""
    clauses = []
    phases = record.get("phases")
    if isinstance(phases, list) and phases != list(channels):
        its = ", ".join(map(str, phases))
        clauses.append(f"its channels are {its}, those of the new dataset {', '.join(channels)}")
    known = record.get("labels")
    if isinstance(known, dict) and known != dict(labels):
        its, new = (", ".join(f"{name} {n}" for name, n in of.items()) for of in (known, labels))
        clauses.append(f"its labels are {its}, those of the new dataset {new}")
    return clauses


def _seen_cases(model: Path, record: Mapping[str, Any], raw: Path, test: Collection[str]) -> list[str]:
    """Say which test cases a model was, or may have been, trained on."""
    cases = record.get("reference_phase")
    if not isinstance(cases, dict):
        return []
    again = sorted(set(cases) & set(test))
    # A validation case of one fold is a training case of the others.
    seen = {path.name.removesuffix(".nii.gz") for path in model.glob("fold_*/validation/*.nii.gz")}
    if _record(raw) == record:  # its own edition: that knows
        seen |= {path.name.removesuffix(".nii.gz") for path in (raw / "labelsTr").glob("*.nii.gz")}
        again = [case for case in again if case in seen]
    if not again:
        return []
    surely = set(again) <= seen or record.get("numTraining") == len(cases)
    shown = first_of(again)
    if surely:
        return [f"it was trained on what is for testing now ({shown}), so that its scores there say nothing"]
    return [f"it may have been trained on what is for testing now ({shown})"]
