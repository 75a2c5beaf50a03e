"""Step 4b: join the evidence of a study's volumes with the order they were acquired in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnunet_multiphase.dicom.kind import kind_of
from nnunet_multiphase.dicom.no_hu import is_no_scan
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.evidence import (
    OF_DESCRIPTION_SHARED,
    Enhancement,
    Evidence,
    against_brightness,
    enhancement_evidence,
    tag_evidence,
)
from nnunet_multiphase.dicom_import.examinations import ONE_SESSION_S
from nnunet_multiphase.dicom_import.study_signs import Signs, signs_of
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.words.descriptions import NO_OWN_WORDS, OwnWords

CLEAR = 0.6
"""Tags that make a phase less probable than this are silent: the voxels are asked too."""

MOST = 0.99  # no evidence here is certain

_SAME_ACQUISITION_S = 5.0
_ALLOWED = 0.25


@dataclass(frozen=True)
class PhaseGuess:
    """Which phase a volume probably shows."""

    phase: str
    confidence: float  # 0..1, the phase's probability given everything known
    why: str
    conflict: str = ""  # evidence that speaks for another phase
    named: bool = False  # the series' own description names it
    by_voxels: bool = False  # tags leave it open, or no more than the protocol names it
    worded: bool = False  # a text names it, be it the protocol's
    open_words: str = ""  # words that leave it open
    remark: str = ""  # the voxels can hardly be of the phase that the description names


def guess_phases(
    volumes: Sequence[Volume],
    measure: Callable[[Volume], Enhancement | None],
    own: OwnWords = NO_OWN_WORDS,
) -> list[PhaseGuess]:
    """Guess the phase of every volume of one study.

    A hidden Markov chain over the volumes in the order of their acquisition times: phases come in the order of
    PHASES, two reconstructions of one acquisition are one phase, and the time between two acquisitions counts.

    Args:
        volumes: The CT volumes of one study that can be used.
        measure: Gives a volume's `enhancement_hu`.
        own: The user's own words.

    Returns:
        One guess a volume, in their order.
    """
    evidence, levels = [], []
    for volume, signs in zip(volumes, signs_of(volumes, own), strict=True):
        levels.append(measure(volume))
        evidence.append(_evidence(volume, signs, levels[-1], own))
    alone = np.array([_normalised(known) for known in evidence]).reshape(-1, len(PHASES))
    starts = [volume.start_s for volume in volumes]
    if _one_time_for_all(volumes) and len({row.argmax() for row in alone if row.max() >= CLEAR}) > 1:
        starts = [None] * len(volumes)  # written by a de-identification, not by a scanner
    joint = _with_order(alone, starts)
    return [_guess(*parts) for parts in zip(alone, joint, evidence, levels, strict=True)]


def guess_study(
    volumes: Sequence[Volume],
    measure: Callable[[Volume], Enhancement | None],
    own: OwnWords = NO_OWN_WORDS,
) -> list[PhaseGuess]:
    """Guess the phases of a study so that images made of others, and maps, do not sway what the plain ones are taken for.

    Args:
        volumes: As `guess_phases` takes them.
        measure: As there.
        own: As there.

    Returns:
        One guess a volume, in their order.
    """
    together = guess_phases(volumes, measure, own)
    plain = [
        volume for volume in volumes if not kind_of(volume, own).doubts and not is_no_scan(volume.doubts)
    ]
    if len(plain) == len(volumes):
        return together
    of_plain = dict(zip((volume.key for volume in plain), guess_phases(plain, measure, own), strict=True))
    return [of_plain.get(volume.key, guess) for volume, guess in zip(volumes, together, strict=True)]


def _evidence(volume: Volume, signs: Signs, level: Enhancement | None, own: OwnWords) -> list[Evidence]:
    """Gather what speaks for a volume's phase; the voxels where no tag of its own is clear."""
    known = tag_evidence(volume, signs, own)
    if level is None:
        return known
    if signs.description_shared:  # it names one of several phases at most
        known = tag_evidence(volume, signs, own, certainty=OF_DESCRIPTION_SHARED)
    elif _normalised([part for part in known if not part.of_protocol]).max() >= CLEAR:
        return known
    return [*known, enhancement_evidence(*level)]


def transition(gap_s: float) -> np.ndarray:
    """Give the probabilities of the next volume's phase (columns) by this one's (rows), `gap_s` later; (4, 4)."""
    if gap_s > ONE_SESSION_S:  # what was scanned hours or months before says nothing of this phase
        return np.full((4, 4), 0.25)
    if gap_s < _SAME_ACQUISITION_S:
        return np.full((4, 4), 0.01) + 0.96 * np.eye(4)
    soon, late = (1.0, 0.15) if gap_s < 90 else (0.15, 1.0)
    nc_art_pv_dl = np.array(
        [
            [0.10, 1.00, 0.50, 0.20],
            [0.02, 0.10, soon, 0.7 * late],
            [0.02, 0.02, 0.10, 1.0 if gap_s >= 40 else 0.15],
            [0.02, 0.02, 0.02, 0.30],
        ]
    )
    return np.asarray(nc_art_pv_dl / nc_art_pv_dl.sum(axis=1, keepdims=True))


def _one_time_for_all(volumes: Sequence[Volume]) -> bool:
    slices = [part for volume in volumes for part in volume.slices]
    return len({part.acquired_s for part in slices}) == 1 and len({part.content_s for part in slices}) == 1


def _with_order(alone: np.ndarray, starts: Sequence[float | None]) -> np.ndarray:
    """Run forward and backward through the volumes with a time (Rabiner 1989, doi:10.1109/5.18626)."""
    timed = sorted((start, i) for i, start in enumerate(starts) if start is not None)
    chain = [i for _, i in timed]
    steps = [transition(b[0] - a[0]) for a, b in pairwise(timed)]
    joint = alone.copy()
    forward, backward = [np.ones(4)] * len(chain), [np.ones(4)] * len(chain)
    for n in range(1, len(chain)):
        message = (forward[n - 1] * alone[chain[n - 1]]) @ steps[n - 1]
        forward[n] = message / message.sum()
    for n in reversed(range(len(chain) - 1)):
        message = steps[n] @ (backward[n + 1] * alone[chain[n + 1]])
        backward[n] = message / message.sum()
    for n, i in enumerate(chain):
        product = forward[n] * alone[i] * backward[n]
        joint[i] = product / product.sum()
    return joint


def _normalised(evidence: Sequence[Evidence]) -> np.ndarray:
    product = np.prod([(1.0, 1.0, 1.0, 1.0), *(known.weights for known in evidence)], axis=0)
    return np.asarray(product / product.sum())


def _guess(
    alone: np.ndarray, joint: np.ndarray, evidence: Sequence[Evidence], level: Enhancement | None
) -> PhaseGuess:
    best = int(np.argmax(joint))
    phase = PHASES[best]
    named = any(known.named and known.favourite == phase for known in evidence)
    worded = named or any(known.of_protocol and known.favourite == phase for known in evidence)
    against = [
        known.why
        for known in evidence
        if known.favourite not in (None, phase)
        # A text's phase that the voxels would allow as well: bright and less bright livers are portal venous.
        and not (worded and known.by_voxels and known.weights[best] >= _ALLOWED)
    ]
    reasons = [known.why for known in evidence if known.why not in against]
    if joint[best] - alone[best] > 0.1 or int(np.argmax(alone)) != best:
        reasons.append("order and times of the study's series")
    return PhaseGuess(
        phase,
        round(min(float(joint[best]), MOST), 2),
        "; ".join(reasons) or "nothing speaks for a phase",
        "; ".join(against),
        named,
        any(known.by_voxels for known in evidence),
        worded,
        "; ".join(known.why for known in evidence if known.open),
        against_brightness(phase, level) if named and level is not None and not against else "",
    )
