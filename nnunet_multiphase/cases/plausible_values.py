"""Judge whether a volume's values can be HU, by the bulk of its voxels: padding, metal and outliers do not count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnunet_multiphase.cases.plausibility import Finding, Sample

LEAST_AIR_HU = -1100.0
"""Below this there is only padding, which scanners write as one value such as -2000 or -3024."""
TISSUE_HU = (-250.0, 350.0)
"""Fat, soft tissue and enhanced vessels; any volume of a body holds some."""
DENSE_HU = -500.0
MOST_DENSE_HU = 600.0
"""A tenth of what is no air is never above this: it would be cortical bone."""
LEAST_RANGE_HU = 150.0
"""From fat at -100 HU to soft tissue at 50."""
LIGHTEST_AIR_HU = -880.0
DARKER_THAN_AIR_HU = LEAST_AIR_HU - 150.0
"""Noise of outer air goes no further."""
OFFSETS = (1024, -1024, 8192, 32768, -32768)
FEW = 1000
"""Fewer samples say nothing about shares and peaks."""


def find_implausible_values(sample: Sample) -> Finding | None:
    """Say why values cannot be HU.

    Air lies about -1000 HU, fat about -100, soft tissue from 0 to 150: where these lie tells an offset or a factor.
    Volumes without outer air, and with air masked to any value, are right.
    """
    values = _without_padding(sample.hu)
    low, high = (float(v) for v in np.quantile(values, (0.001, 0.999), method="nearest"))
    if len(values) < FEW:
        low, high = float(values.min()), float(values.max())
    given = _Values(values, low, high)
    for check in (_wrapped, _range):
        finding = check(given)
        if finding is not None:
            return finding
    air = _outer_air(sample)
    if air is not None and air > MOST_DENSE_HU and air > _middle(sample) + LEAST_RANGE_HU:
        return Finding(
            "hu-scale",
            f"holds about {air:.0f} where the outer air is, which is -1000 HU, and less in the body: the values are negated "
            "(dark and bright exchanged); export it again in HU",
        )
    for check in (_no_negatives, _too_high, _cut):
        finding = check(given)
        if finding is not None:
            return finding
    return _too_low(given, air)


@dataclass(frozen=True)
class _Values:
    """Hold a sample's values without padding, and the ends of all but a thousandth."""

    all: np.ndarray
    low: float
    high: float

    def __str__(self) -> str:
        """Begin a sentence."""
        return f"holds values from {self.low:g} to {self.high:g}"


def _wrapped(given: _Values) -> Finding | None:
    values = given.all
    share = float((values > 32767).mean())
    if share <= 0.01:
        return None
    return Finding(
        "hu-offset",
        f"holds values up to {given.high:g}, {100 * share:.0f} % of them above 32767: negative HU read as unsigned numbers, "
        "65536 too high; export it again as signed 16 bit",
    )


def _range(given: _Values) -> Finding | None:
    if given.high - given.low >= LEAST_RANGE_HU:
        return None
    return Finding("hu-scale", f"{given}: too little for HU, as of a normalised image; export it again in HU")


def _no_negatives(given: _Values) -> Finding | None:
    values = given.all
    if float((values < 0).mean()) > 0.001:
        return None
    if given.high <= 255.5:
        return Finding(
            "hu-window",
            f"{given}: a window of grey values, not HU (nothing is below 0); export it again in HU",
        )
    if float((values == values.min()).mean()) > 0.05 and float(np.quantile(values, 0.9)) < TISSUE_HU[1]:
        return Finding(
            "hu-window",
            f"{given}, many of them {values.min():g}: what is darker is cut off; export it again in HU, from -1024 on",
        )
    return Finding(
        "hu-offset",
        f"{given}, nothing below 0 where HU have fat and air: the rescale intercept (mostly -1024) is missing, or it is no "
        "CT; export it again in HU",
    )


def _cut(given: _Values) -> Finding | None:
    """Tell a window by the many voxels that lie at its very ends."""
    values = given.all
    if len(values) < FEW:
        return None
    bottom, top = float(values.min()), float(values.max())
    at_bottom, at_top = float((values == bottom).mean()), float((values == top).mean())
    # HU cut at -1000 or -900 have lost nothing; a volume masked with another value holds darker fat beside it.
    if bottom > -900 and at_bottom > 0.03:
        return Finding(
            "hu-window",
            f"holds values from {bottom:g} to {top:g}, {100 * at_bottom:.0f} % of them {bottom:g}: cut to a window of grey "
            "values, or shifted; export it again in HU, air about -1000",
        )
    if top < 300 and at_top > 0.003:
        return Finding(
            "hu-window",
            f"holds values from {bottom:g} to {top:g}, {100 * at_top:.1f} % of them {top:g}: cut to a window; export it "
            "again in HU, up to 1000 or more",
        )
    return None


def _too_high(given: _Values) -> Finding | None:
    """Tell an offset upwards, or a factor, by what is no air."""
    values = given.all
    dense = values[values > DENSE_HU]
    if len(dense) == 0 or float(np.quantile(dense, 0.9)) <= MOST_DENSE_HU:
        return None
    if float((values < DARKER_THAN_AIR_HU).mean()) > 0.05:
        return Finding(
            "hu-scale", f"{given}: spread too wide for HU; the rescale slope is lost; export it again in HU"
        )
    return Finding(
        "hu-offset",
        f"{given}, a tenth of the body above {np.quantile(dense, 0.9):.0f} HU: {_offset(values)}the rescale intercept "
        "(mostly -1024) is missing; export it again in HU",
    )


def _too_low(given: _Values, air: float | None) -> Finding | None:
    """Tell an offset downwards, or a smaller one either way, by where tissue and outer air lie."""
    values = given.all
    tissue = float(((values > TISSUE_HU[0]) & (values < TISSUE_HU[1])).mean())
    darker = float((values < DARKER_THAN_AIR_HU).mean())
    if darker > 0.05:
        return Finding(
            "hu-offset",
            f"{given}, {100 * darker:.0f} % of them darker than air: {_offset(values)}the rescale intercept (mostly -1024) "
            "was applied twice, or the slope is lost; export it again in HU",
        )
    if tissue < 0.015 and len(values) >= FEW:
        return Finding(
            "hu-offset",
            f"{given}, next to nothing between {TISSUE_HU[0]:.0f} and {TISSUE_HU[1]:.0f} HU where fat and soft tissue are: "
            f"{_offset(values)}the rescale intercept (mostly -1024) is wrong; export it again in HU",
        )
    if air is not None and (air < LEAST_AIR_HU or LIGHTEST_AIR_HU < air < LIGHTEST_AIR_HU + 500):
        return Finding(
            "hu-offset",
            f"holds about {air:.0f} where the outer air is, which is -1000 HU: rescale intercept or slope are wrong; export "
            "it again in HU",
        )
    return None


def _without_padding(hu: np.ndarray) -> np.ndarray:
    """Take away the one value, or two, below air that scanners and resampling write where nothing was seen."""
    values = hu.ravel()
    for _ in range(2):
        lowest = values.min()
        padding = values == lowest
        if lowest > LEAST_AIR_HU or padding.all() or float(padding.mean()) < 0.002:
            break
        values = values[~padding]
    return values


def _outer_air(sample: Sample) -> float | None:
    """Find the value that the volume's sides hold, where that is a peak as of air; None where they hold a body."""
    hu = sample.hu
    sides = np.concatenate([part.ravel() for part in (hu[:, 0], hu[:, -1], hu[:, :, 0], hu[:, :, -1])])
    values, counts = np.unique(sides, return_counts=True)
    # One value many times over is what air was masked or cut to, and may be any.
    noisy = sides[~np.isin(sides, values[counts > 0.1 * len(sides)])]
    if len(noisy) < FEW / 4:
        return None
    noisy = np.clip(noisy, -1e5, 1e5)
    bins, edges = np.histogram(noisy, np.arange(noisy.min() - 20, noisy.max() + 40, 20))
    top = int(np.argmax(np.convolve(bins, np.ones(3), "same")))
    peak = float(edges[top] + 10)
    near = int((np.abs(noisy - peak) < 60).sum())
    return peak if near > 0.2 * len(sides) else None


def _middle(sample: Sample) -> float:
    """Give the median of the volume's middle, where there is a body."""
    z, y, x = (slice(n // 3, max(n // 3 + 1, 2 * n // 3)) for n in sample.hu.shape)
    return float(np.median(sample.hu[z, y, x]))


def _offset(values: np.ndarray) -> str:
    """Say which common offset would bring the values to where tissue is, if one does."""
    there = {c: float(((values - c > TISSUE_HU[0]) & (values - c < TISSUE_HU[1])).mean()) for c in OFFSETS}
    best = max(there, key=lambda c: there[c])
    if there[best] < 0.15:
        return ""
    return f"they are about {abs(best)} too {'high' if best > 0 else 'low'}: "
