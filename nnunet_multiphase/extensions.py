"""Find what other distributions add: presets, measures of lesions and registrations, by their entry points.

    [project.entry-points."nnunet_multiphase.presets"]
    our-hospital = "our_package:LAYOUT"

Whoever can install a distribution can run any program anyway, so what is found is loaded without being asked for.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from nnunet_multiphase.errors import InputError

PRESETS = "nnunet_multiphase.presets"
"""Name of a preset -> `cases.layout.Layout`."""
LESION_MEASURES = "nnunet_multiphase.lesion_measures"
"""Name of a column -> function of a lesion, as `measurement.further.FurtherMeasure` says."""
REGISTRATIONS = "nnunet_multiphase.registrations"
"""Name of a registration -> function with the arguments and the result of `registration.register`."""


@cache
def added(group: str, taken: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Load what is added to a group, by name, in the names' order.

    Args:
        group: One of the above.
        taken: Names that are ours.

    Raises:
        InputError: One cannot be loaded, two have one name, or one has a name of ours.
    """
    found: dict[str, Any] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        origin = point.dist.name if point.dist is not None else point.value
        if point.name in taken or point.name in found:
            raise InputError(
                f"{origin} adds {point.name} to {group}, a name that is taken: rename or uninstall it"
            )
        try:
            found[point.name] = point.load()
        except Exception as error:  # another's program may raise anything
            raise InputError(
                f"{origin} adds {point.name} to {group}, but {point.value} cannot be loaded ({error}): mend or uninstall it"
            ) from error
    return found
