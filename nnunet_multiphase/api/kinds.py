"""Refuse arguments of another kind than a public function takes, before they are taken for something else."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnunet_multiphase.errors import InputError

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.named_registration import FindTransform


def refuse_other_flags(**flags: object) -> None:
    """Refuse what is neither True nor False: the text "no" counts as true in Python."""
    for name, given in flags.items():
        if not isinstance(given, bool | np.bool_):
            raise InputError(f"{name} must be True or False, but is {given!r}")


def refuse_other_numbers(*, whole: bool = True, **numbers: object) -> None:
    """Refuse what is no number, texts and True and False among it (True would count as 1)."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    for name, given in numbers.items():
        if isinstance(given, bool) or not isinstance(given, kinds):
            raise InputError(f"{name} must be a {'whole ' if whole else ''}number, but is {given!r}")


def refuse_other_texts(**texts: object) -> None:
    """Refuse what is no text."""
    for name, given in texts.items():
        if not isinstance(given, str):
            raise InputError(f"{name} must be a text, but is {given!r}")


def refuse_other_paths(**paths: object) -> None:
    """Refuse what is no path."""
    for name, given in paths.items():
        if not isinstance(given, str | os.PathLike):
            raise InputError(f"{name} must be a path, as a text or a pathlib.Path, but is {given!r}")


def listed_names(phases: object) -> tuple[str, ...]:
    """Give names in their order; a single text would be taken letter by letter, a set has no order."""
    if isinstance(phases, str | set | frozenset | Mapping) or not isinstance(phases, Iterable):
        raise InputError(f"phases {phases!r}: expected a list of them, such as ['art', 'pv']")
    given = [*phases]
    refuse_other_texts(**{f"phases[{n}]": phase for n, phase in enumerate(given)})
    return tuple(map(str, given))


def refuse_other_records(name: str, given: object, kind: type) -> None:
    """Refuse what is no record of a kind."""
    if not isinstance(given, kind):
        raise InputError(f"{name} must be {kind.__name__}, but is {given!r}")


def refuse_other_choices(given: object, choices: Collection[str], name: str) -> None:
    """Refuse what is none of the words that an argument takes."""
    if given not in choices:
        raise InputError(f"{name} {given!r}: expected one of {', '.join(choices)}")


def refuse_no_function(**functions: object) -> None:
    """Refuse what can be called by nobody."""
    for name, given in functions.items():
        if not callable(given):
            raise InputError(f"{name} must be a function, but is {given!r}")


def refuse_other_finders(find: FindTransform | str | None) -> None:
    """Refuse what registers nothing, and the names of our own ways, which are settings."""
    from nnunet_multiphase.alignment.named_registration import MODELS

    if isinstance(find, str) and find in MODELS:
        raise InputError(
            f"find {find!r} is our own registration: say settings=RegistrationSettings(model={find!r}) instead"
        )
    if find is not None and not isinstance(find, str):
        refuse_no_function(find=find)
        if not hasattr(find, "__name__"):
            raise InputError(
                f"find must be a function of a module, whose name tells which it was, but is {find!r}"
            )


def refuse_no_model(predictor: object) -> None:
    """Refuse what was not loaded, such as the path of a model."""
    if not hasattr(predictor, "record"):
        raise InputError(f"the predictor is {predictor!r}: expected what load_predictor(...) gives")


def is_dataset(model: object) -> bool:
    """Tell a dataset's number or whole name from the path of a model; where there is such a path, that is meant.

    Raises:
        InputError: It is none of these.
    """
    if isinstance(model, bool) or not isinstance(model, int | np.integer | str | os.PathLike):
        raise InputError(f"model {model!r}: expected a path, or the number or whole name of a dataset")
    if isinstance(model, str):
        named = re.fullmatch(r"[0-9]+|Dataset\d{3,}_[^/\\]+", model)
        return named is not None and not Path(model).exists()
    return isinstance(model, int | np.integer)
