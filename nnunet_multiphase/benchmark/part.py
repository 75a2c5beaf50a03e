"""Take the part of a benchmark that is to be scored when nothing is trained, and refuse what the folder does not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnunet_multiphase.benchmark.contestants import OTHER_NAMES
from nnunet_multiphase.benchmark.layout import PLAN, Plan
from nnunet_multiphase.benchmark.settings import SETTINGS
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_object


def part_of(
    work: Path,
    plan: Plan,
    *,
    contestants: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    folds: Sequence[int] | None = None,
) -> Plan:
    """Keep of a plan what is asked for.

    Args:
        work: The benchmark's folder, for the message.
        plan: Its plan.
        contestants: Names, the first is what the others are compared with; None: all.
        seeds: None: all.
        folds: None: all; cases of the others are not scored, test cases by the networks of these alone.

    Raises:
        InputError: The plan lacks one of them.
    """
    if contestants is not None:
        typed = [name if name in plan.contestants else OTHER_NAMES.get(name, name) for name in contestants]
        contestants = _known(work, "--contestants", typed, plan.contestants)
        plan = replace(plan, contestants=tuple(contestants))
    if seeds is not None:
        _known(work, "--seeds", seeds, plan.seeds)
        plan = replace(plan, seeds=tuple(seed for seed in plan.seeds if seed in seeds))
    if folds is not None:
        _known(work, "--folds", folds, plan.folds)
        kept = [(f, of) for f, of in zip(plan.folds, plan.validation_cases, strict=True) if f in folds]
        plan = replace(plan, folds=tuple(f for f, _ in kept), validation_cases=tuple(of for _, of in kept))
    return plan


def refuse_other_benchmark(
    work: Path, plan: Plan, *, dataset: str | None, raw: Path | None, settings: Mapping[str, Any]
) -> None:
    """Refuse the command of another benchmark: what was trained otherwise would pass for what is asked for.

    Args:
        work: The benchmark's folder.
        plan: Its plan.
        dataset: As typed after -d, if it was.
        raw: The folder of the raw cases, if it was given.
        settings: Field of the plan -> what was typed for it; what was not typed is left out.

    Raises:
        InputError: The folder was begun with something else.
    """
    if dataset is not None and not _is_dataset(dataset, plan.dataset):
        raise _begun_otherwise(work, "dataset", plan.dataset, dataset)
    if raw is not None and (work / SETTINGS).is_file():
        made_of = load_object(work / SETTINGS, "restore it").get("raw cases")
        if made_of is None or Path(made_of).resolve() != raw.resolve():
            there = "none, but a dataset that was given with -d" if made_of is None else made_of
            raise _begun_otherwise(work, "folder of raw cases", there, raw)
    for name, typed in settings.items():
        there = getattr(plan, name)
        if typed != there:
            raise _begun_otherwise(work, name.replace("_", " "), there, typed)


def _known(work: Path, option: str, asked: Sequence[Any], there: Sequence[Any]) -> list[Any]:
    lacking = [one for one in asked if one not in there]
    if lacking:
        raise InputError(
            f"{option} {' '.join(map(str, lacking))}: not in {work / PLAN}, which has {', '.join(map(str, there))}; name "
            "some of these, or let the benchmark go on without --evaluate-only"
        )
    return list(dict.fromkeys(asked))


def _is_dataset(typed: str, name: str) -> bool:
    """Tell whether a number, or a whole name, is that of a dataset."""
    number = re.match(r"Dataset(\d+)_", name)
    return typed == name or (number is not None and typed.isdecimal() and int(typed) == int(number[1]))


def _begun_otherwise(work: Path, what: str, there: object, typed: object) -> InputError:
    return InputError(
        f"{work} was begun with another {what} ({there}, now {typed}), and --evaluate-only trains nothing; leave that "
        "out, or name the folder of the benchmark you mean"
    )
