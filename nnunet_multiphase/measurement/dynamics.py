"""Say how a lesion's attenuation changes over the phases, in the terms of LI-RADS v2018.

LI-RADS (Chernyak et al., Radiology 2018, doi:10.1148/radiol.2018181494) judges enhancement by eye, in whole or in part of
a lesion. Here means over the whole lesion are compared with the liver within 10 mm around it, and a difference counts from
10 HU on, our choice: so what holds for a part of a lesion alone may be missed, and no category follows from it. Percentage
washout is that of Korobkin et al. (AJR 1998, doi:10.2214/ajr.170.3.9490968), from the arterial phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nnunet_multiphase.measurement.record import Attenuation

PLAIN_HU = 10.0
"""A difference of means from which on one is brighter than the other."""
ENHANCED_HU = 60.0
"""Soft tissue has less without contrast agent; what has more on some phase took it up."""
LATE = ("dl", "pv")
"""Where washout is looked for, the later first."""


@dataclass(frozen=True)
class Dynamics:
    """Hold how a lesion enhances; fields as in `LesionMeasures`."""

    enhancement_hu: Mapping[str, float]
    absolute_washout_percent: float | None
    relative_washout_percent: float | None
    arterial_hyperenhancement: bool | None
    washout: bool | None


def dynamics(lesion: Mapping[str, Attenuation], around: Mapping[str, Attenuation]) -> Dynamics:
    """Compare a lesion over the phases, and with the liver around it.

    Args:
        lesion: phase -> its attenuation.
        around: phase -> that of the liver around it.

    Returns:
        None for what some phase is lacking for; no percentage where the lesion hardly enhances (less than 10 HU).
    """
    hu = {phase: region.mean_hu for phase, region in lesion.items()}
    enhancement = (
        {phase: value - hu["nc"] for phase, value in hu.items() if phase != "nc"} if "nc" in hu else {}
    )
    late = next((phase for phase in LATE if phase in hu), None)
    absolute = relative = None
    if late and "art" in hu:
        lost = hu["art"] - hu[late]
        if enhancement.get("art", 0.0) >= PLAIN_HU:
            absolute = 100 * lost / enhancement["art"]
        if hu["art"] >= PLAIN_HU:
            relative = 100 * lost / hu["art"]
    contrast = {phase: hu[phase] - around[phase].mean_hu for phase in hu if phase in around}
    return Dynamics(enhancement, absolute, relative, _hyperenhancement(contrast), _washout(hu, contrast))


def _hyperenhancement(contrast: Mapping[str, float]) -> bool | None:
    """Tell whether the lesion enhances more than the liver: brighter than it, and that by contrast agent."""
    if "art" not in contrast:
        return None
    return contrast["art"] >= PLAIN_HU and contrast["art"] - contrast.get("nc", 0.0) >= PLAIN_HU


def _washout(hu: Mapping[str, float], contrast: Mapping[str, float]) -> bool | None:
    """Tell whether it becomes darker than the liver on a late phase, compared with the arterial one.

    Only what takes up contrast agent can lose it: a cyst, beside which the liver brightens, has no washout.
    """
    late = [contrast[phase] for phase in LATE if phase in contrast]
    if "art" not in contrast or not late:
        return None
    darker = any(value <= -PLAIN_HU and value <= contrast["art"] - PLAIN_HU for value in late)
    return _enhances(hu) if darker else False


def _enhances(hu: Mapping[str, float]) -> bool | None:
    """Tell whether a lesion takes up contrast agent at all; None where that cannot be told without `nc`."""
    most = max(value for phase, value in hu.items() if phase != "nc")
    if "nc" in hu:
        return most - hu["nc"] >= PLAIN_HU
    return True if most >= ENHANCED_HU else None
