"""Step 6d: tell the examinations that lie in one case, as where a study was kept open or one UID was written for all."""

from __future__ import annotations

from collections.abc import Sequence

from nnunet_multiphase.dicom.header import SECONDS_A_DAY, day_number
from nnunet_multiphase.dicom.volumes import Volume

MOST_DAYS = 1
"""An examination may run past midnight; a follow-up is later."""

ONE_SESSION_S = 3600.0
"""A delayed phase comes 5 to 20 minutes after the injection; who was scanned again after an hour had left the table."""


def days_of(volumes: Sequence[Volume]) -> list[int | None]:
    """Give the day of every volume, as a number: by AcquisitionDate or, where not all have one, by StudyDate.

    The two are never compared: a de-identification may have shifted one of them.
    """
    own = [_own_day(volume) for volume in volumes]
    return own if None not in own else [_study_day(volume) for volume in volumes]


def perhaps_shifted(volumes: Sequence[Volume]) -> bool:
    """Say whether volumes of several days are rather one examination whose dates were shifted series by series.

    Two examinations have two days; and three hardly were made at the same time of day.
    """
    days = [day for day in days_of(volumes) if day is not None]
    times = [volume.start_s % SECONDS_A_DAY for volume in volumes if volume.start_s is not None]
    return len(set(days)) > 2 and len(times) == len(volumes) and max(times) - min(times) <= ONE_SESSION_S


def by_session(volumes: Sequence[Volume]) -> list[list[int]]:
    """Group volumes by pauses of more than an hour between them.

    Args:
        volumes: Of one case.

    Returns:
        Their places in `volumes`, the session with most volumes first; one without a time is in none.
    """
    timed = sorted((start, i) for i, volume in enumerate(volumes) if (start := volume.start_s) is not None)
    groups: list[list[int]] = []
    for n, (start, i) in enumerate(timed):
        if not n or start - timed[n - 1][0] > ONE_SESSION_S:
            groups.append([])
        groups[-1].append(i)
    return sorted(groups, key=len, reverse=True)


def _own_day(volume: Volume) -> int | None:
    days = [
        int(part.acquired_s // SECONDS_A_DAY) for part in volume.slices if part.own_day and part.acquired_s
    ]
    return min(days, default=None)


def _study_day(volume: Volume) -> int | None:
    days = (day_number(text) for text in {part.study_date for part in volume.slices})
    return min((day for day in days if day is not None), default=None)
