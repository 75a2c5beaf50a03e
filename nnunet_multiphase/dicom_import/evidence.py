"""Step 4a: what tags and voxels of one volume say about its phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.study_signs import Signs, injection_delay_s
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.words.delays import seconds_named
from nnunet_multiphase.words.descriptions import (
    NO_OWN_WORDS,
    OwnWords,
    agent_said,
    arterial_timing,
    contrast_named,
    phases_named,
)
from nnunet_multiphase.words.phase_words import VENOUS_WORDS
from nnunet_multiphase.words.region_letters import TWO_READINGS

Weights = tuple[float, float, float, float]

# Seconds after the injection began -> how well (nc, art, pv, dl) explain it. The usual delays are 25-40 s, 60-80 s
# and 3-5 min; what lies between them is left open.
_DELAYS: tuple[tuple[float, Weights], ...] = (
    (5, (0.90, 0.05, 0.03, 0.02)),
    (18, (0.20, 0.70, 0.08, 0.02)),
    (45, (0.02, 0.92, 0.05, 0.01)),
    (60, (0.02, 0.45, 0.50, 0.03)),
    (100, (0.02, 0.05, 0.88, 0.05)),
    (140, (0.02, 0.02, 0.50, 0.46)),
    (901, (0.02, 0.01, 0.07, 0.90)),
)

_LATE_ARTERIAL_S = 28.0
_LATE_VENOUS_S = 150.0
_AGAINST = 0.1  # a delay speaks against a phase to which it gives no more

OF_DESCRIPTION, OF_DESCRIPTION_SHARED, OF_FRAMES, OF_PROTOCOL = 0.92, 0.58, 0.80, 0.70
"""How certain a phase is that a text names alone; a protocol is often that of the whole study."""

# Organs are dark before and early after the injection, and only then spleen, kidneys and vessels outshine them; later
# the vessels fade with the organs. Flatter than the tags: tubes, doses and hearts differ. In made-up phases of a real CT
# the brightest tissue had 62 to 83 HU before the injection and 153 to 162 early after it.
_DARK_ORGANS_HU = 82
_NOTHING_BRIGHT_HU, _BRIGHT_HU = 85, 105
_PORTAL_HU, _LATE_HU = 106, 104  # between them the voxels do not decide
_BRIGHT_VESSELS_HU = 150
# What a named phase can hardly be: few livers without contrast have more than 95 HU (amiodarone, iron), and a fatty one
# with contrast lies among bright vessels and a bright spleen; in the arterial phase these may be little else.
_ENHANCED_HU, _UNENHANCED_HU = 95, 75
_UNENHANCED_VESSELS_HU, _NOTHING_AT_ALL_HU = 80, 70
_PLAIN: Weights = (0.80, 0.08, 0.05, 0.07)
_EARLY: Weights = (0.08, 0.78, 0.08, 0.06)
_PORTAL: Weights = (0.03, 0.07, 0.60, 0.30)
_LATE: Weights = (0.04, 0.10, 0.30, 0.56)
_PLAIN_OR_EARLY: Weights = (0.42, 0.42, 0.08, 0.08)
_PORTAL_OR_LATE: Weights = (0.04, 0.08, 0.44, 0.44)

# "C+A" is arterial, or chest and abdomen; so near to nothing that the voxels decide.
_DOUBTFUL: dict[str, Weights] = {"art": (0.14, 0.46, 0.26, 0.14), "pv": (0.14, 0.16, 0.46, 0.24)}
_LATE_AP_WORD = "late AP"
_LATE_AP: Weights = (0.06, 0.47, 0.09, 0.38)  # late arterial, or abdomen and pelvis late

BLOCK_MM = 2.5
_EVEN_HU = 18.0
_BONE_HU = 200
_LEAST_TISSUE_ML = 20.0


@dataclass(frozen=True)
class Evidence:
    """One observation: how well each phase of PHASES explains it, and how to put it to the user."""

    weights: Weights
    why: str
    named: bool = False  # by a word or a delay in the series' own description, or by the frames' own tag
    by_voxels: bool = False
    of_protocol: bool = False
    open: bool = False  # words of two readings, or of two phases

    @property
    def favourite(self) -> str | None:
        """The phase it speaks for alone; None if it leaves several open."""
        return PHASES[int(np.argmax(self.weights))] if max(self.weights) > 0.5 * sum(self.weights) else None


def tag_evidence(
    volume: Volume,
    signs: Signs,
    own: OwnWords = NO_OWN_WORDS,
    *,
    certainty: float = OF_DESCRIPTION,
) -> list[Evidence]:
    """Read descriptions, delays and contrast agent.

    Args:
        volume: Of a CT series.
        signs: What the rest of the study says of these tags.
        own: The user's own words.
        certainty: Of a phase that its description names alone.

    Returns:
        What was found, the most telling first; descriptions are quoted by the keyword alone.
    """
    found = [
        replace(known, named=True)
        for known in text_evidence(volume.description, "description", certainty, own, coded=signs.coded)
    ]
    found += [
        replace(known, named=True)
        for known in text_evidence(volume.agent_phase, "ContrastBolusAgentPhase", OF_FRAMES, own)
    ]
    if not signs.no_start:
        found += _delay_evidence(volume)
    if not signs.protocol_shared:
        found += [
            replace(known, of_protocol=True)
            for known in text_evidence(volume.protocol, "protocol", OF_PROTOCOL, own, coded=signs.coded)
        ]
    agents = {agent_said(part.agent) for part in volume.slices}
    if False in agents:
        found.append(Evidence((0.85, 0.05, 0.05, 0.05), "contrast agent: none"))
    elif True in agents and not signs.all_have_agent:
        found.append(Evidence((0.10, 0.30, 0.30, 0.30), "a contrast agent is named"))
    elif True in agents:
        found.append(Evidence((0.22, 0.26, 0.26, 0.26), "a contrast agent is named, as in all series"))
    elif signs.others_have_agent:
        found.append(Evidence((0.70, 0.10, 0.10, 0.10), "no contrast agent here, but in other series"))
    return found


def text_evidence(
    text: str, where: str, certainty: float, own: OwnWords = NO_OWN_WORDS, *, coded: bool = False
) -> list[Evidence]:
    """Read a text.

    Args:
        text: A description or protocol name.
        where: What to call it.
        certainty: Of a phase that it names alone.
        own: The user's own words.
        coded: C+A and its like stand for phases, not for regions.

    Returns:
        What it says of the phase: words, then a delay.
    """
    named = phases_named(text, own)
    delay = seconds_named(text, arterial="art" in named)
    if delay is not None and named.get("dl", "").startswith("delay"):
        del named["dl"]  # "delay 70 s" names a delay, not the phase
    found = []
    if len(named) == 1:
        phase, word = next(iter(named.items()))
        if word in TWO_READINGS and not coded:
            found.append(
                Evidence(_DOUBTFUL[phase], f"{where}: '{word}', a phase or regions of the body", open=True)
            )
        elif word == _LATE_AP_WORD:
            found.append(
                Evidence(_LATE_AP, f"{where}: '{word}', late arterial, or abdomen and pelvis late", open=True)
            )
        elif delay is not None and (both := _word_and_delay(phase, word, delay, where, certainty)):
            return [both]
        else:
            found.append(Evidence(_one(phase, certainty, (1 - certainty) / 3), f"{where}: '{word}'"))
    elif 1 < len(named) < len(PHASES):
        words = ", ".join(f"'{word}'" for word in named.values())
        found.append(Evidence(_some(*named), f"{where} names several: {words}", open=True))
    elif not named and (contrast := contrast_named(text, own)):
        found.append(Evidence((0.04, 0.32, 0.32, 0.32), f"{where}: '{contrast}'"))
    if delay is not None:
        found.append(Evidence(_at_delay(delay[0]) or _one("pv", 0.25, 0.25), f"{where}: '{delay[1]}'"))
    return found


def _word_and_delay(
    phase: str, word: str, delay: tuple[float, str], where: str, certainty: float
) -> Evidence | None:
    """Read a word and a delay that name two phases as one; None where they agree."""
    weights = _at_delay(delay[0])
    if weights is None or max(weights) <= 0.5 or weights[PHASES.index(phase)] > _AGAINST:
        return None
    if word in VENOUS_WORDS and delay[0] >= _LATE_VENOUS_S:  # "venous 3 min": veins are bright late as well
        return Evidence(_one("dl", certainty, (1 - certainty) / 3), f"{where}: '{word}', '{delay[1]}'")
    of_delay = PHASES[int(np.argmax(weights))]
    return Evidence(_some(phase, of_delay), f"{where} says two: '{word}' and '{delay[1]}'", open=True)


class Enhancement(NamedTuple):
    """How bright a volume is, in HU."""

    organs_hu: float  # the liver, or what is most like it
    bright_hu: float  # vessels, spleen, kidneys
    of_liver: bool = False  # the liver was found


def enhancement_evidence(organs_hu: float, bright_hu: float, of_liver: bool = False) -> Evidence:
    """Judge an `Enhancement`."""
    if organs_hu < _DARK_ORGANS_HU:
        weights = _EARLY if bright_hu >= _BRIGHT_HU else _PLAIN_OR_EARLY
        weights = _PLAIN if bright_hu <= _NOTHING_BRIGHT_HU else weights
    else:
        level = organs_hu + max(0.0, bright_hu - _BRIGHT_VESSELS_HU) / 2
        weights = _PORTAL if level >= _PORTAL_HU else _LATE if level <= _LATE_HU else _PORTAL_OR_LATE
    what = "liver" if of_liver else "organs"
    why = f"{what} about {organs_hu:.0f} HU, brightest soft tissue {bright_hu:.0f} HU"
    return Evidence(weights, why, by_voxels=True)


def against_brightness(phase: str, level: Enhancement) -> str:
    """Say where a volume's brightness can hardly be that of the phase its description names; empty where it may be."""
    if phase == "nc":
        wrong = level.of_liver and level.organs_hu > _ENHANCED_HU
    else:
        limit = _UNENHANCED_VESSELS_HU if phase != "art" and level.of_liver else _NOTHING_AT_ALL_HU
        wrong = level.organs_hu < _UNENHANCED_HU and level.bright_hu < limit
    if not wrong:
        return ""
    what = "liver has" if level.of_liver else "organs have"
    expected = "without" if phase == "nc" else "with"
    return (
        f"it is called {phase}, but the {what} about {level.organs_hu:.0f} HU and the brightest soft tissue "
        f"{level.bright_hu:.0f} HU, where a scan {expected} contrast was expected: look at it, and set phase in the series "
        "table if it is another"
    )


def enhancement_hu(hu: np.ndarray, spacing_mm: Sequence[float]) -> Enhancement | None:
    """Measure how bright the soft tissue is: its 80th percentile (liver) and its 98th (vessels, spleen, kidneys).

    Args:
        hu: (z, y, x).
        spacing_mm: (x, y, z).

    Returns:
        Both in HU; None where there is too little even soft tissue outside the bones.
    """
    blocks = [max(1, round(BLOCK_MM / step)) for step in spacing_mm[::-1]]
    shape = [n // block for n, block in zip(hu.shape, blocks, strict=True)]
    cut = hu[tuple(slice(n * block) for n, block in zip(shape, blocks, strict=True))].astype(np.float32)
    coarse = cut.reshape(shape[0], blocks[0], shape[1], blocks[1], shape[2], blocks[2]).mean(axis=(1, 3, 5))
    mean = ndimage.uniform_filter(coarse, (1, 3, 3))
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(coarse**2, (1, 3, 3)) - mean**2, 0))
    tissue = mean[(spread < _EVEN_HU) & (mean > 20) & (mean < 250) & ~_bones(coarse)]
    block_ml = float(np.prod([step * n for step, n in zip(spacing_mm[::-1], blocks, strict=True)])) / 1000
    if tissue.size * block_ml < _LEAST_TISSUE_ML:
        return None
    organs, bright = np.percentile(tissue, (80, 98))
    return Enhancement(float(organs), float(bright))


def _bones(coarse_hu: np.ndarray) -> np.ndarray:
    """Mark what is hard, and what hard rims enclose slice by slice: marrow is as bright as an organ with contrast."""
    margin = ((0, 0), (3, 3), (3, 3))
    rims = ndimage.binary_closing(np.pad(coarse_hu > _BONE_HU, margin), np.ones((1, 5, 5)))
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in rims[:, 3:-3, 3:-3]])
    return np.asarray(ndimage.binary_dilation(filled, np.ones((1, 3, 3))))


def _delay_evidence(volume: Volume) -> list[Evidence]:
    delay = injection_delay_s(volume)
    weights = None if delay is None else _at_delay(delay)
    if delay is None or weights is None:
        return []
    when = f"{delay:.0f} s after" if delay >= 0 else f"{-delay:.0f} s before"
    return [Evidence(weights, f"acquired {when} the injection began")]


def arterial_lateness(volume: Volume) -> int:
    """Tell a late (1) from an early (-1) arterial volume by words or delay; 0 where they say nothing."""
    if timing := arterial_timing(volume.description):
        return timing
    named = seconds_named(volume.description, arterial=True)
    delay = named[0] if named else injection_delay_s(volume)
    if delay is None or not 10 <= delay <= 60:
        return 0
    return 1 if delay >= _LATE_ARTERIAL_S else -1


def _at_delay(delay_s: float) -> Weights | None:
    """Look up a delay; None outside an hour before to 15 minutes after: another injection's."""
    if delay_s < -3600:
        return None
    return next((weights for limit, weights in _DELAYS if delay_s < limit), None)


def _one(phase: str, high: float, low: float) -> Weights:
    weights = [high if name == phase else low for name in PHASES]
    return weights[0], weights[1], weights[2], weights[3]


def _some(*phases: str) -> Weights:
    """Leave it open which of several phases it is."""
    high, low = 0.9 / len(phases), 0.1 / (len(PHASES) - len(phases))
    weights = [high if name in phases else low for name in PHASES]
    return weights[0], weights[1], weights[2], weights[3]
