"""Write what goes with a dataset's images: dataset.json, splits_final.json and quality.csv."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from nnunet_multiphase import __version__
from nnunet_multiphase.alignment.named_registration import name_of
from nnunet_multiphase.alignment.quality import PhaseQuality, is_doubtful, misplacement_mm, write_quality
from nnunet_multiphase.dataset.convert import CaseOutcome
from nnunet_multiphase.dataset.plan import DatasetPlan
from nnunet_multiphase.dataset.target_classes import TargetClasses
from nnunet_multiphase.split_record import SPLITS, Fold
from nnunet_multiphase.volumes.orientation import AXES
from nnunet_multiphase.whole_file import naming

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.named_registration import FindTransform
    from registration import RegistrationSettings


def write_records(
    folder: Path,
    name: str,
    plan: DatasetPlan,
    outcomes: Sequence[CaseOutcome],
    splits: list[Fold],
    settings: RegistrationSettings,
    targets: TargetClasses,
    find: FindTransform | str | None,
) -> None:
    """Write dataset.json, splits_final.json and quality.csv."""
    from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json

    channels = plan.channels
    kept = [outcome for outcome in outcomes if not outcome.failure]
    with naming(folder / "dataset.json"):
        generate_dataset_json(
            str(folder),
            # nnU-Net knows "CT" alone: any other name would silently get z-score normalisation.
            channel_names={str(channel): "CT" for channel in range(len(channels))},
            **targets.record(),
            num_training_cases=sum(outcome.split == "train" for outcome in kept),
            file_ending=".nii.gz",
            dataset_name=name,
            license="not stated",
            converted_by=f"nnunet-multiphase {__version__}",
            phases=list(channels),
            axes=AXES,
            reference_phase={outcome.case.name: outcome.case.reference for outcome in kept},
            filled={outcome.case.name: list(outcome.filled) for outcome in kept if outcome.filled},
            accepted={r.case: list(r.accepted) for r in plan.reports if r.accepted},
            # Training moves these phases more than the others.
            doubtful_registration=_doubtful(kept),
            # ... and each by what its own registration may have left.
            registration_error_mm=_errors_mm(kept),
            # The threads change nothing but the time.
            registration={"method": name_of(find)}
            if find is not None
            else {key: value for key, value in asdict(settings).items() if key != "threads"},
        )
    with naming(folder / SPLITS):
        (folder / SPLITS).write_text(json.dumps(splits, indent=4) + "\n", encoding="utf-8")
    rows = [row for outcome in outcomes for row in outcome.rows]
    for case in (*plan.skipped, *plan.without_mask):
        for phase in channels:
            status = "present" if phase in case.images else "missing"
            warning = (
                "no lesion mask: case left out"
                if not case.has_lesion_mask
                else "case left out"
                if status == "missing"
                else ""
            )
            rows.append(
                PhaseQuality(
                    case.name, case.patient, "skipped", case.reference, phase, status, warnings=warning
                )
            )
    write_quality(rows, folder / "quality.csv")


def _doubtful(outcomes: Sequence[CaseOutcome]) -> dict[str, list[str]]:
    """List, by case, the phases whose registration was not judged ok."""
    by_case = {o.case.name: [row.phase for row in o.rows if is_doubtful(row)] for o in outcomes}
    return {case: phases for case, phases in by_case.items() if phases}


def _errors_mm(outcomes: Sequence[CaseOutcome]) -> dict[str, dict[str, float]]:
    """Give, by case and phase, how far the phase may lie from its place; phases of which that is not known are left out."""
    by_case = {
        o.case.name: {row.phase: round(mm, 2) for row in o.rows if (mm := misplacement_mm(row)) is not None}
        for o in outcomes
    }
    return {case: phases for case, phases in by_case.items() if phases}
