"""Notice images that were clipped and scaled by other plans, by the bounds that clipping leaves in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunet_multiphase.phases import FILL_HU

CASES_READ = 2
"""How many cases are looked at: each is read as a whole, a second or two at clinical size."""
TOLERANCE = 5e-3
"""Of a bound (and 1 at least), in standard deviations of the intensities: more than float16 loses."""
FLAT_SHARE = 5e-3
"""Of an image's voxels: so many hold the lowest value only where it was clipped there, or filled."""
SCHEME = "CTNormalization"


@dataclass(frozen=True)
class _Seen:
    """Hold what one channel of one case holds, in standard deviations."""

    case: str
    lowest: float
    highest: float
    flat: bool


def told_of_other_normalisation(
    plans: Mapping[str, Any],
    settings: Mapping[str, Any],
    cases: Sequence[str],
    load: Callable[[str], Any],
    phases: Sequence[str] = (),
) -> str:
    """Say which channel was clipped elsewhere than the plans say; empty where none was, or it cannot be told.

    Two signs are proof: a value beyond the bounds; and one lowest value of all cases, held by many voxels of each, that is
    none of the plans' (of wider bounds no value lies beyond). Narrowly different upper bounds are not noticed.

    Args:
        plans: The content of the plans file.
        settings: Of the configuration.
        cases: Of which the first and the last are read.
        load: Gives a case's images (C, Z, Y, X), as nnU-Net opens them.
        phases: Names of the channels, where they have some.
    """
    known = plans.get("foreground_intensity_properties_per_channel") or {}
    chosen = [cases[0], *cases[-1:]][:CASES_READ] if len(cases) > 1 else list(cases)
    images = {case: load(case) for case in dict.fromkeys(chosen)}
    overshoots = _may_overshoot(settings)
    for channel, scheme in enumerate(settings.get("normalization_schemes") or ()):
        of = known.get(str(channel))
        if scheme != SCHEME or of is None:
            continue
        scale = max(float(of["std"]), 1e-8)
        low, high = ((float(of[key]) - of["mean"]) / scale for key in ("percentile_00_5", "percentile_99_5"))
        seen = [found for case, image in images.items() if (found := _look(case, image[channel])) is not None]
        odd = next((s for s in seen if _beyond(s, low, high)), None) if not overshoots else None
        if odd is None and float(of["percentile_00_5"]) > FILL_HU and _clipped_elsewhere(seen, low):
            odd = seen[0]
        if odd is not None:
            name = phases[channel] if channel < len(phases) else f"channel {channel}"
            return (
                f"{odd.case}: {name} lies between {odd.lowest:.4g} and {odd.highest:.4g}, but the intensities in the plans "
                f"{plans.get('plans_name', '')} clip it to {low:.4g} to {high:.4g}, as they would in predictions"
            )
    return ""


def _look(case: str, image: Any) -> _Seen | None:
    """Read one channel; None where it holds one value throughout, as a missing phase does."""
    values = np.asarray(image[:])
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        return None
    return _Seen(case, lowest, highest, float(np.mean(values == values.min())) >= FLAT_SHARE)


def _beyond(seen: _Seen, low: float, high: float) -> bool:
    return seen.lowest < low - _tolerance(low) or seen.highest > high + _tolerance(high)


def _clipped_elsewhere(seen: Sequence[_Seen], low: float) -> bool:
    if len(seen) < 2 or not all(one.flat for one in seen):
        return False
    lowest = seen[0].lowest
    same = all(abs(one.lowest - lowest) <= _tolerance(lowest) / 10 for one in seen)
    return same and abs(lowest - low) > _tolerance(low)


def _tolerance(bound: float) -> float:
    return TOLERANCE * max(1.0, abs(bound))


def _may_overshoot(settings: Mapping[str, Any]) -> bool:
    """Tell whether resampling may leave the bounds: nnU-Net's splines along z are not clipped where z is resampled apart."""
    options = settings.get("resampling_fn_data_kwargs") or {}
    return options.get("force_separate_z") is not False and options.get("order_z", 0) > 1
