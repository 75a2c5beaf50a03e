"""Compare the cases and classes of a training that is gone on with to those it began with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nnunet_multiphase.errors import InputError, first_of
from nnunet_multiphase.split_record import Fold

SPLIT = "multiphase_split"
"""Among nnU-Net's `init_args`: the cases that the training learns from and is validated on."""


def refuse_known_validation_cases(name: str, before: Fold | None, now: Fold) -> None:
    """Refuse to go on where cases that were trained on would be validated.

    Args:
        name: What the split is called.
        before: That of the checkpoint; None: it does not say.
        now: That of this training.

    Raises:
        InputError: It names them.
    """
    told = told_of_known_validation_cases(before, now["val"])
    if told:
        raise InputError(f"{name}: {told}; put back the split, or train the fold anew without --c")


def told_of_known_validation_cases(before: Fold | None, validated: Collection[str]) -> str:
    """Say which cases are validated though the network was trained on them; empty where none is."""
    known = sorted(set(validated) & set(before["train"])) if before else []
    if not known:
        return ""
    return (
        f"the split has changed since the checkpoint: it has learnt from {first_of(known)}, which would be validated "
        "now, and look better than new cases do"
    )


def told_of_changed_split(before: Fold | None, now: Fold) -> str:
    """Say how many cases came and went since the checkpoint; empty where none did, or it does not say."""
    if not before:
        return ""
    told = [
        f"{len(cases)} {what} ({first_of(sorted(cases))})"
        for what, cases in (
            ("more to learn from", set(now["train"]) - set(before["train"])),
            ("fewer to learn from", set(before["train"]) - set(now["train"])),
            ("more to validate", set(now["val"]) - set(before["val"])),
            ("fewer to validate", set(before["val"]) - set(now["val"])),
        )
        if cases
    ]
    if not told:
        return ""
    return (
        f"the split has changed since the checkpoint: {', '.join(told)}; losses before and after it, which choose "
        "checkpoint_best, are not of the same cases"
    )


def told_of_changed_record(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what dataset.json tells otherwise than at the checkpoint: classes' names, and cases' reference phases.

    Args:
        before: The dataset.json of the checkpoint's `init_args`.
        now: That of today.
    """
    told = []
    names = [{str(value): name for name, value in (of.get("labels") or {}).items()} for of in (before, now)]
    renamed = [
        f"{names[0][v]} is {names[1][v]} now" for v in names[0] if names[1].get(v, names[0][v]) != names[0][v]
    ]
    if renamed:
        told.append(f"classes have other names than at the checkpoint: {', '.join(renamed)}")
    then, here = (of.get("reference_phase") or {} for of in (before, now))
    moved = sorted(case for case in then if here.get(case, then[case]) != then[case])
    if moved:
        told.append(
            f"{len(moved)} of {len(then)} cases have another reference phase than at the checkpoint: {first_of(moved)}"
        )
    return told
