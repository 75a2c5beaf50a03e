"""Step 4a: what the tags of one volume are worth beside those of the study's other volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.one_scan import is_same_acquisition, overlap
from nnunet_multiphase.words.descriptions import NO_OWN_WORDS, OwnWords, agent_said, phases_named
from nnunet_multiphase.words.region_letters import TWO_READINGS, letters_stand_for_phases

ANOTHER_PHASE_S = 20.0
"""Early and late arterial lie closer, all other phases further apart."""

_SAME_DELAY_S = 2.0


@dataclass(frozen=True)
class Signs:
    """What the rest of its study says of one volume's tags.

    Attributes:
        others_have_agent: Another volume names a contrast agent.
        all_have_agent: So do all, of several phases: it is the study's agent.
        protocol_shared: Its protocol's name stands for other phases as well, and so for none.
        description_shared: So does its description, which names one.
        no_start: Its ContrastBolusStartTime is no injection's: it follows the volume's own time.
        coded: The study's descriptions use C+A, C+V, C+D for phases, so that no regions are meant.
    """

    others_have_agent: bool = False
    all_have_agent: bool = False
    protocol_shared: bool = False
    description_shared: bool = False
    no_start: bool = False
    coded: bool = False


def signs_of(volumes: Sequence[Volume], own: OwnWords = NO_OWN_WORDS) -> list[Signs]:
    """Compare the tags of a study's volumes.

    Args:
        volumes: The CT volumes of one study that can be used.
        own: The user's own words.

    Returns:
        One a volume, in their order.
    """
    with_agent = {volume.key for volume in volumes if any(agent_said(part.agent) for part in volume.slices)}
    named = {volume.key: _phase_named(volume, own) for volume in volumes}
    coded = letters_stand_for_phases(volume.description for volume in volumes)
    one_time = len({volume.start_s for volume in volumes}) == 1  # written by a de-identification, perhaps
    found = []
    for volume in volumes:
        others = [other for other in volumes if _may_be_another_phase(volume, other, one_time=one_time)]
        of_protocol = [other for other in others if other.protocol == volume.protocol]
        found.append(
            Signs(
                others_have_agent=bool(with_agent - {volume.key}),
                all_have_agent=bool(others) and len(with_agent) == len(volumes),
                # What its neighbours are called themselves leaves the protocol's phase to this one.
                protocol_shared=bool(of_protocol)
                and (bool(named[volume.key]) or not all(named[other.key] for other in of_protocol)),
                description_shared=bool(named[volume.key])
                and any(
                    other.description == volume.description
                    and (_apart_s(volume, other) or 0) >= ANOTHER_PHASE_S
                    for other in others
                ),
                no_start=_follows_its_own_time(volume, others),
                coded=coded,
            )
        )
    return found


def injection_delay_s(volume: Volume) -> float | None:
    """Give the seconds from the injection's begin to a volume's first slice by their tags; None if a tag is missing."""
    starts = _contrast_starts_s(volume)
    if not starts or volume.start_s is None:
        return None
    # Only times of day can be compared; the shorter way round midnight.
    return _round_midnight_s(volume.start_s - min(starts))


def _phase_named(volume: Volume, own: OwnWords) -> str:
    """Give the one phase that a volume's own description names; empty: none, several or a doubtful word."""
    named = list(phases_named(volume.description, own).items())
    return named[0][0] if len(named) == 1 and named[0][1] not in TWO_READINGS else ""


def _may_be_another_phase(a: Volume, b: Volume, *, one_time: bool) -> bool:
    """Say whether two volumes show one place at times that lie as far apart as phases do, or that do not tell."""
    if a.key == b.key or not overlap(a, b):
        return False
    apart = _apart_s(a, b)
    return apart is None or apart >= ANOTHER_PHASE_S or (one_time and not is_same_acquisition(a, b))


def _follows_its_own_time(volume: Volume, others: Sequence[Volume]) -> bool:
    """Tell a ContrastBolusStartTime that was filled in from the acquisition: none is injected as the scan begins."""
    delay = injection_delay_s(volume)
    if delay is None:
        return False
    start = min(_contrast_starts_s(volume))
    return abs(delay) < _SAME_DELAY_S or any(
        other_delay is not None
        and abs(other_delay - delay) < _SAME_DELAY_S
        and abs(_round_midnight_s(min(_contrast_starts_s(other)) - start)) >= ANOTHER_PHASE_S
        for other in others
        for other_delay in [injection_delay_s(other)]
    )


def _contrast_starts_s(volume: Volume) -> list[float]:
    return [part.contrast_start_s for part in volume.slices if part.contrast_start_s is not None]


def _round_midnight_s(seconds: float) -> float:
    return (seconds + 43200) % 86400 - 43200


def _apart_s(a: Volume, b: Volume) -> float | None:
    return None if a.start_s is None or b.start_s is None else abs(a.start_s - b.start_s)
