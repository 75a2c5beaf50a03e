"""Refuse a dataset.json of setup_dataset.py whose phases somebody changed by hand until they fit nothing any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nnunet_multiphase.errors import InputError

BY_CASE = ("reference_phase", "filled", "doubtful_registration", "registration_error_mm")
"""What dataset.json tells of a case's phases, by case."""
REMEDY = "restore dataset.json, or make the dataset anew with setup_dataset.py --phases"


def channel_names(record: Mapping[str, Any]) -> Mapping[str, str]:
    """Give a dataset's channels, also under the key older datasets use; empty where it names none."""
    return record.get("channel_names") or record.get("modality") or {}


def refuse_altered_phases(record: Mapping[str, Any]) -> None:
    """Raise InputError where channels and phases of a dataset.json disagree; one without phases says nothing.

    Args:
        record: nnU-Net's dataset.json, with `phases` and what is told of them case by case.
    """
    phases = tuple(record.get("phases") or ())
    if not phases:
        return
    channels = channel_names(record) or phases
    if len(channels) != len(phases):
        raise InputError(
            f"dataset.json has {len(channels)} channels ({_shown(channels)}) and {len(phases)} phases ({_shown(phases)}): "
            f"expected one for each; {REMEDY}"
        )
    for key in BY_CASE:
        for case, named in (record.get(key) or {}).items():
            unknown = [
                phase for phase in ([named] if isinstance(named, str) else named) if phase not in phases
            ]
            if unknown:
                raise InputError(
                    f"dataset.json says in {key} that case {case} has {_shown(unknown)}, which is none of its phases "
                    f"{_shown(phases)}; {REMEDY}"
                )


def refuse_other_channels(record: Mapping[str, Any], schemes: Iterable[str]) -> None:
    """Raise InputError where a phase's channel has a name that nnU-Net takes for no CT, and says nothing.

    Args:
        record: As above.
        schemes: Names that choose a normalisation in nnU-Net, in small letters; any other gets z-scores.
    """
    odd = [
        f"{channel} ({name})"
        for channel, name in channel_names(record).items()
        if str(name).casefold() not in schemes
    ]
    if record.get("phases") and odd:
        raise InputError(
            f"dataset.json calls channel {', '.join(odd)}: nnU-Net clips and scales what is called CT, and would take "
            "z-scores of these; call every channel CT (`phases` says which is which)"
        )


def _shown(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))
