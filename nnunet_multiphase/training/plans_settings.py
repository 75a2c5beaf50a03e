"""Training, the settings that can be changed without code: the trainer's own, or those that the plans name."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nnunet_multiphase.errors import InputError

SHARES = ("alpha", "phase_dropout", "misalignment")
"""Settings from 0 to 1; all others are at least 0."""

SETTINGS: dict[str, tuple[str, ...]] = {
    "multiphase_loss": ("alpha", "gamma", "a", "b"),
    "multiphase_training": (
        "learning_rate",
        "phase_dropout",
        "misalignment",
        "misalignment_ok_mm",
        "misalignment_doubtful_mm",
    ),
}
"""Entry of the plans -> attributes of the trainer that it may set."""


def read_settings(plans: Mapping[str, Any], defaults: object) -> dict[str, dict[str, float]]:
    """Give all settings, by the entry of the plans that may hold them.

    Args:
        plans: nnU-Net's plans.
        defaults: Object (the trainer) whose attributes hold where the plans name nothing.

    Returns:
        For each entry of SETTINGS all its settings.

    Raises:
        InputError: An entry is not an object of numbers by these names, is misspelt, or stands where nobody reads it.
    """
    _refuse_unread(plans)
    return {entry: _read_entry(plans, entry, names, defaults) for entry, names in SETTINGS.items()}


def _refuse_unread(plans: Mapping[str, Any]) -> None:
    """Refuse entries that look like ours and would be passed over: the training would take its defaults in silence."""
    for place, key in _keys_like_ours(plans, ()):
        if place:
            raise InputError(
                f'plans: "{key}" stands in {", ".join(place)}, where nobody reads it; '
                f"{' and '.join(SETTINGS)} belong to the top level of the plans, beside plans_name"
            )
        if key not in SETTINGS:
            raise InputError(f'plans: "{key}" is not known; expected {", ".join(SETTINGS)}, or no such entry')


def _keys_like_ours(content: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give every key that begins with "multiphase", however it is written, and the keys that lead there."""
    for key, value in content.items() if isinstance(content, Mapping) else ():
        is_name = place == ("configurations",)  # a user's own configuration may be called as he likes
        if not is_name and re.sub("[ _-]", "", str(key)).lower().startswith("multiphase"):
            yield place, str(key)
        else:
            yield from _keys_like_ours(value, (*place, str(key)))


def _read_entry(
    plans: Mapping[str, Any], entry: str, names: tuple[str, ...], defaults: object
) -> dict[str, float]:
    given = plans.get(entry, {})
    if not isinstance(given, Mapping):
        raise InputError(
            f'plans: "{entry}" must be an object such as {{"{names[0]}": 0.75}}, but is {given!r}'
        )
    for name, value in given.items():
        if name not in names:
            raise InputError(f'plans: "{entry}" may set {", ".join(names)}, but sets {name!r}')
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f'plans: "{entry}" must give {name} a number, but gives {value!r}')
        if value < 0 or (name in SHARES and value > 1):
            allowed = "from 0 to 1" if name in SHARES else "of 0 or more"
            raise InputError(f'plans: "{entry}" must give {name} a number {allowed}, but gives {value!r}')
    return {name: float(given.get(name, getattr(defaults, name))) for name in names}
