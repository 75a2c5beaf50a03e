"""Training, the loss's settings: the trainer's own, or those that the plans name."""

import math
from collections.abc import Mapping
from typing import Any

from nnunet_multiphase.errors import InputError

PLANS_KEY = "multiphase_loss"
NAMES = ("alpha", "gamma", "a", "b")


def loss_settings(plans: Mapping[str, Any], defaults: Mapping[str, float]) -> dict[str, float]:
    """Give alpha, gamma, a and b of the loss: what stands under "multiphase_loss" in the plans, else the defaults.

    Args:
        plans: nnU-Net's plans.
        defaults: The trainer's own values of all four.

    Returns:
        All four.

    Raises:
        InputError: The entry is not an object of numbers by these names.
    """
    given = plans.get(PLANS_KEY, {})
    if not isinstance(given, Mapping):
        raise InputError(
            f'plans: "{PLANS_KEY}" must be an object such as {{"alpha": 0.75}}, but is {given!r}'
        )
    for name, value in given.items():
        if name not in NAMES:
            raise InputError(f'plans: "{PLANS_KEY}" may set {", ".join(NAMES)}, but sets {name!r}')
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f'plans: "{PLANS_KEY}" must give {name} a number, but gives {value!r}')
    return {name: float(given.get(name, defaults[name])) for name in NAMES}
