"""Step 1g: put in order the times of an examination that ran over midnight and lost its AcquisitionDates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from nnunet_multiphase.dicom.header import SECONDS_A_DAY, Slice
from nnunet_multiphase.dicom.regroup import Found

_LONGEST_PAUSE_S = 18 * 3600.0
"""Of one study and day: times that lie further apart are less than six hours apart across midnight."""


def over_midnight(images: Sequence[Found]) -> list[Found]:
    """Count the times after midnight as the next day's where they were given the StudyDate, for want of their own.

    Args:
        images: Of the whole tree.

    Returns:
        The same in the same order.
    """
    times: dict[tuple[str, str, str], set[float]] = defaultdict(set)
    for image in images:
        if _borrowed(image.part):
            times[image.patient_id, image.study, image.part.study_date].add(image.part.acquired_s or 0.0)
    ends: dict[tuple[str, str, str], float] = {}  # study and day -> the last time after midnight
    for key, found in times.items():
        steps = [(after - before, before) for before, after in pairwise(sorted(found))]
        if steps and max(steps)[0] > _LONGEST_PAUSE_S:
            ends[key] = max(steps)[1]
    return [_moved(image, ends) for image in images] if ends else list(images)


def _borrowed(part: Slice) -> bool:
    return part.modality == "CT" and part.acquired_s is not None and not part.own_day


def _moved(image: Found, ends: dict[tuple[str, str, str], float]) -> Found:
    part = image.part
    end = ends.get((image.patient_id, image.study, part.study_date))
    if end is None or not _borrowed(part) or part.acquired_s is None or part.acquired_s > end:
        return image
    content = part.content_s
    if content is not None and content // SECONDS_A_DAY == part.acquired_s // SECONDS_A_DAY:
        content += SECONDS_A_DAY
    return replace(image, part=replace(part, acquired_s=part.acquired_s + SECONDS_A_DAY, content_s=content))
