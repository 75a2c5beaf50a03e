"""Training, which input channel is which phase, and what nnU-Net's batches do not say about a case's phases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnunet_multiphase.phase_record import named_phases, refuse_altered_phases, refuse_plans_of_other_phases
from nnunet_multiphase.phases import FILL_HU


@dataclass(frozen=True)
class PhaseChannels:
    """Say what setup_dataset.py wrote into dataset.json, channel by channel.

    Attributes:
        phases: Phase of each channel; a cascade's further channels are no phases.
        absent_values: What a filled phase is after normalisation, one number a channel.
        reference: Case -> channel of the phase the mask is drawn on.
        filled: Case -> channels that were filled because the phase is missing.
        doubtful: Case -> channels whose registration was not judged "ok".
        error_mm: Case -> channel -> what its registration may have left (mm, in 90 % of pairs), where that is known.
    """

    phases: tuple[str, ...]
    absent_values: tuple[float, ...]
    reference: Mapping[str, int]
    filled: Mapping[str, frozenset[int]] = field(default_factory=dict)
    doubtful: Mapping[str, frozenset[int]] = field(default_factory=dict)
    error_mm: Mapping[str, Mapping[int, float]] = field(default_factory=dict)


def read_phase_channels(
    dataset_json: Mapping[str, Any], plans: Mapping[str, Any], normalization: list[str]
) -> PhaseChannels | None:
    """Read the phases of a dataset.

    Args:
        dataset_json: nnU-Net's dataset.json.
        plans: nnU-Net's plans, for the intensities.
        normalization: Normalisation scheme of each channel in the configuration.

    Returns:
        The record, or None where the dataset was not made by setup_dataset.py (no `phases`, or no
        `reference_phase`) or is not normalised as CT, so that nothing is known about its phases.

    Raises:
        InputError: Its phases were changed by hand and fit the rest of it no more, or the plans are of other phases.
    """
    refuse_altered_phases(dataset_json)
    refuse_plans_of_other_phases(plans, dataset_json)
    phases = named_phases(dataset_json)
    references: Mapping[str, str] = dataset_json.get("reference_phase") or {}
    if not phases or not references or normalization[: len(phases)] != ["CTNormalization"] * len(phases):
        return None
    intensities = plans["foreground_intensity_properties_per_channel"]
    return PhaseChannels(
        phases,
        tuple(filled_value(intensities[str(channel)]) for channel in range(len(phases))),
        {case: phases.index(phase) for case, phase in references.items()},
        _channels_by_case(dataset_json.get("filled") or {}, phases),
        _channels_by_case(dataset_json.get("doubtful_registration") or {}, phases),
        {
            case: {phases.index(phase): float(mm) for phase, mm in errors.items()}
            for case, errors in (dataset_json.get("registration_error_mm") or {}).items()
        },
    )


def filled_value(intensities: Mapping[str, float]) -> float:
    """Compute what nnU-Net's CTNormalization makes of the fill value: clipped, minus mean, over std.

    Args:
        intensities: A channel's entry of the plans' foreground_intensity_properties_per_channel.
    """
    clipped = np.clip(FILL_HU, intensities["percentile_00_5"], intensities["percentile_99_5"])
    return float((clipped - intensities["mean"]) / max(intensities["std"], 1e-8))


def _channels_by_case(
    phases_by_case: Mapping[str, list[str]], phases: tuple[str, ...]
) -> dict[str, frozenset[int]]:
    return {case: frozenset(phases.index(p) for p in listed) for case, listed in phases_by_case.items()}
