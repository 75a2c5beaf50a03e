"""Refuse a dataset.json of setup_dataset.py whose phases somebody changed by hand until they fit nothing any more."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from nnunet_multiphase.errors import InputError

BY_CASE = ("reference_phase", "filled", "doubtful_registration", "registration_error_mm")
"""What dataset.json tells of a case's phases, by case."""
REMEDY = "restore dataset.json, or make the dataset anew with setup_dataset.py --phases"


def channel_names(record: Mapping[str, Any]) -> Mapping[str, str]:
    """Give a dataset's channels, also under the key older datasets use; empty where it names none."""
    return record.get("channel_names") or record.get("modality") or {}


def refuse_altered_phases(record: Mapping[str, Any]) -> None:
    """Raise InputError where what a dataset.json says of its phases cannot be followed; one without phases says nothing.

    Args:
        record: nnU-Net's dataset.json, with `phases` and what is told of them case by case.
    """
    phases = named_phases(record)
    if not phases:
        return
    channels = channel_names(record) or phases
    if len(channels) != len(phases):
        raise InputError(
            f"dataset.json has {len(channels)} channels ({_shown(channels)}) and {len(phases)} phases ({_shown(phases)}): "
            f"expected one for each; {REMEDY}"
        )
    for key in BY_CASE:
        for case, named in _by_case(record, key).items():
            unknown = [phase for phase in _phases_told(key, case, named) if phase not in phases]
            if unknown:
                raise InputError(
                    f"dataset.json says in {key} that case {case} has {_shown(unknown)}, which is none of its phases "
                    f"{_shown(phases)}; {REMEDY}"
                )
    references = _by_case(record, "reference_phase")
    for case, filled in _by_case(record, "filled").items():
        if references.get(case) in filled:
            raise InputError(
                f"dataset.json says that the reference of case {case}, {references[case]}, is filled, that is, missing: "
                f"expected the phase that its mask is drawn on; {REMEDY}"
            )


def named_phases(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the phases of a dataset's channels, in order; empty where it names none.

    Args:
        record: nnU-Net's dataset.json, or plans of ours.

    Raises:
        InputError: They are no list of names, or one is named twice.
    """
    phases = record.get("phases")
    if phases is None:
        return ()
    if not isinstance(phases, list | tuple) or not all(isinstance(phase, str) for phase in phases):
        raise InputError(
            f"dataset.json has {_brief(phases)} for phases: expected a list of names, one a channel; {REMEDY}"
        )
    twice = [phase for phase in dict.fromkeys(phases) if phases.count(phase) > 1]
    if twice:
        raise InputError(
            f"dataset.json names the phase {twice[0]} twice ({_shown(phases)}): expected each once; {REMEDY}"
        )
    return tuple(phases)


def refuse_plans_of_other_phases(plans: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Raise InputError where plans were made for other phases than a dataset has, or for another order of them.

    They normalise by channel, so that one phase would be clipped and scaled by the intensities of another. Plans of
    earlier versions do not say their phases; of these the number alone is compared.

    Args:
        plans: nnU-Net's plans.
        record: Its dataset.json.
    """
    phases, planned = named_phases(record), tuple(plans.get("phases") or ())
    name = plans.get("plans_name", "")
    remedy = (
        f"plan and preprocess this dataset itself (nnUNetv2_plan_and_preprocess -pl "
        f"{plans.get('experiment_planner_used', 'MultiPhaseSCAMPlanner')})"
    )
    if planned and planned != phases:
        has = (
            f"dataset.json has {_shown(phases)}"
            if phases
            else "dataset.json does not say which it has (`phases`)"
        )
        raise InputError(
            f"the plans {name} were made for the phases {_shown(planned)}, in this order, but {has}: each would be clipped "
            f"and scaled by the intensities of another; {remedy}, or name the plans' phases with setup_dataset.py --phases"
        )
    measured = plans.get("foreground_intensity_properties_per_channel") or phases
    if phases and len(measured) != len(phases):
        raise InputError(
            f"the plans {name} hold the intensities of {len(measured)} channels, but dataset.json has {len(phases)} phases "
            f"({_shown(phases)}): they were made for another dataset; {remedy}"
        )


def told_of_unknown_cases(record: Mapping[str, Any], cases: Collection[str]) -> str:
    """Say which cases a dataset.json gives no reference phase for; empty where it knows all, or speaks of none.

    Args:
        record: As above.
        cases: Training cases.

    Raises:
        InputError: It knows none of them: they have other names now.
    """
    references = _by_case(record, "reference_phase") if named_phases(record) else {}
    unknown = sorted(case for case in cases if case not in references)
    if not references or not unknown:
        return ""
    if len(unknown) == len(cases):
        raise InputError(
            f"dataset.json gives a reference phase for {min(references)} and others, but for none of the {len(cases)} "
            f"training cases, such as {unknown[0]}: none of their phases could be left out or moved in training; name the "
            "cases in reference_phase as their files are named, or make the dataset anew with setup_dataset.py"
        )
    return (
        f"{len(unknown)} of {len(cases)} training cases have no reference phase in dataset.json, such as {unknown[0]}: none "
        "of their phases is left out or moved in training; add them to reference_phase, and phases they lack to filled"
    )


def refuse_other_fill(record: Mapping[str, Any], constant: Mapping[str, Sequence[int]]) -> None:
    """Raise InputError where the phases that a dataset.json calls filled are not those that hold one value.

    Training gives a filled phase its constant back after augmentation, so that the network sees it as in prediction. One
    that is not listed would be shown as noise; one that is listed but holds an image would never be seen.

    Args:
        record: As above.
        constant: Training case -> channels whose images hold one value throughout.
    """
    phases = named_phases(record)
    references, listed = (_by_case(record, key) for key in ("reference_phase", "filled"))
    if not phases or not references:
        return
    for case, channels in sorted(constant.items()):
        found = {phases[channel] for channel in channels if channel < len(phases)}
        told = set(listed.get(case, ()))
        if references.get(case) in found:
            raise InputError(
                f"case {case}: its reference phase {references[case]} holds one value throughout: expected the image that "
                "its mask is drawn on; restore it, or take the case out of the dataset"
            )
        for phase in (phase for phase in phases if phase in found - told):
            raise InputError(
                f"case {case}: phase {phase} holds one value throughout, but dataset.json does not list it in filled, so "
                f'that training would show noise in its place; add "{case}": ["{phase}"] there, or restore the image'
            )
        for phase in (phase for phase in phases if phase in told - found):
            raise InputError(
                f"case {case}: dataset.json lists phase {phase} in filled, that is, missing, but its image holds several "
                "values, which training would not show; take it out of filled, or restore the image"
            )


def _by_case(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give what a dataset.json tells under a key, by case."""
    told = record.get(key)
    if told is None:
        return {}
    if not isinstance(told, Mapping):
        raise InputError(f"dataset.json has {_brief(told)} for {key}: expected a record by case; {REMEDY}")
    return told


def _phases_told(key: str, case: str, told: Any) -> Iterable[str]:
    """Give the phases that a dataset.json names of a case under a key, once they are told in the form that it takes."""
    if key == "reference_phase":
        expected, fits = "one phase", isinstance(told, str)
    elif key == "registration_error_mm":
        expected = "a length of 0 mm or more by phase"
        fits = isinstance(told, Mapping) and all(map(_is_length, told.values()))
    else:
        expected = "a list of phases"
        fits = isinstance(told, list | tuple) and all(isinstance(phase, str) for phase in told)
    if not fits:
        raise InputError(
            f"dataset.json has {_brief(told)} in {key} of case {case}: expected {expected}; {REMEDY}"
        )
    return [told] if isinstance(told, str) else told


def _is_length(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    )


def _brief(value: Any) -> str:
    return repr(value)[:60]


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
