"""Step 6b: tell two series that are reconstructions of one scan, or two pieces of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from nnunet_multiphase.dicom.clues import TWO_SCANS_S, pause_s
from nnunet_multiphase.dicom.geometry import ORIENTATION_TOLERANCE
from nnunet_multiphase.dicom.split import goes_on
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.coverage import height_range_mm

_ONE_START_S = 1.0
_OVERLAP = 0.5  # of the shorter: the test bolus at one height is no reconstruction of the scan

_T = TypeVar("_T")


def times_tell(volumes: Iterable[Volume]) -> bool:
    """Say whether the times of a case's volumes are a scanner's; a de-identification may write one time, or round all."""
    times = {
        part.acquired_s
        for volume in volumes
        if volume.has_phase
        for part in volume.slices
        if part.acquired_s is not None
    }
    return len(times) > 1 and any(time % 60 for time in times)


def is_same_acquisition(a: Volume, b: Volume) -> bool:
    """Say whether two series are reconstructions of one acquisition: by its number, its time and its place.

    Volumes of one series were told apart already, so that something says that they are not one.
    """
    if a.series.uid == b.series.uid or not _may_be_one_frame(a, b):
        return False
    if a.start_s is None or b.start_s is None or abs(a.start_s - b.start_s) > _ONE_START_S:
        return False
    numbers = [_said(part.acquisition for part in volume.slices) for volume in (a, b)]
    events = [_said(part.irradiation_event or None for part in volume.slices) for volume in (a, b)]
    if not numbers[0] & numbers[1] or (all(events) and not events[0] & events[1]):
        return False
    return overlap(a, b)


def overlap(a: Volume, b: Volume) -> bool:
    """Say whether two volumes show one place: more than half of the shorter one's height."""
    heights = height_range_mm(a), height_range_mm(b)
    if heights[0] is None or heights[1] is None:
        return False
    (low_a, high_a), (low_b, high_b) = heights[0], heights[1]
    return min(high_a, high_b) - max(low_a, low_b) > _OVERLAP * min(high_a - low_a, high_b - low_b)


def is_continued(a: Volume, b: Volume) -> bool:
    """Say whether one series begins where the other ends, with no pause that makes two scans of them."""
    if a.series.uid == b.series.uid or a.grid is None or b.grid is None or not _may_be_one_frame(a, b):
        return False
    turned = np.subtract(a.grid.direction, b.grid.direction)
    if np.abs(turned).max() > ORIENTATION_TOLERANCE or not goes_on(a.slices, b.slices):
        return False
    pause = pause_s(a.slices, b.slices)
    return pause is None or pause < TWO_SCANS_S


def _may_be_one_frame(a: Volume, b: Volume) -> bool:
    frames = [_said(part.frame_of_reference or None for part in volume.slices) for volume in (a, b)]
    return not all(frames) or bool(frames[0] & frames[1])


def _said(values: Iterable[_T | None]) -> set[_T]:
    return {value for value in values if value is not None}
