"""Find a registration by its name: ours, or one that another distribution adds (docs/extending.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict, cast

from nnunet_multiphase.errors import InputError

if TYPE_CHECKING:
    from registration import RegistrationResult, RegistrationSettings

FindTransform = Callable[..., "RegistrationResult"]
"""Brings a moving volume to a reference as `registration.register` does, with its arguments."""

MODELS = ("rigid", "deformable", "auto")
"""How ours may move a phase."""


class HowToRegister(TypedDict):
    """Arguments of `align_phases` and of what calls it."""

    settings: RegistrationSettings
    find: str | None


def how_to_register(name: str, seed: int = 0) -> HowToRegister:
    """Say how phases are registered by a registration of that name.

    Args:
        name: One of MODELS, or what another distribution adds.
        seed: Of the registration.

    Raises:
        InputError: There is none of that name.
    """
    from registration import RegistrationSettings

    if name in MODELS:
        return {"settings": RegistrationSettings(seed=seed, model=name), "find": None}  # type: ignore[arg-type]
    finder(name)
    return {"settings": RegistrationSettings(seed=seed), "find": name}


def finder(find: FindTransform | str) -> FindTransform:
    """Give the function of that name; a function stays itself.

    Raises:
        InputError: There is none of that name.
    """
    if not isinstance(find, str):
        return find
    from nnunet_multiphase.extensions import REGISTRATIONS

    there = added_names()
    if find not in there:
        raise InputError(
            f"no registration {find}: expected {', '.join((*MODELS, *there))}, or the name of one that an installed package "
            f"adds to {REGISTRATIONS} (docs/extending.md)"
        )
    return cast(FindTransform, _added()[find])


def added_names() -> tuple[str, ...]:
    """Name what other distributions add, in order."""
    return tuple(_added())


def name_of(find: FindTransform | str) -> str:
    """Name another registration than ours."""
    return find if isinstance(find, str) else find.__name__


def _added() -> dict[str, object]:
    # importlib.metadata takes 30 ms, and whoever asks for --help or for ours needs it not.
    from nnunet_multiphase.extensions import REGISTRATIONS, added

    return added(REGISTRATIONS, frozenset(MODELS))
