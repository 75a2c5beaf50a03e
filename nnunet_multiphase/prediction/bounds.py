"""Say where a lesion could be found at all: what is cut off there is measured too small."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import box_slices
from nnunet_multiphase.measurement.ends import Bounds
from nnunet_multiphase.measurement.record import End
from nnunet_multiphase.prediction.prepare import PreparedCase
from nnunet_multiphase.prediction.window import Window
from registration.padding import without_padding

AXES = (2, 1, 0)
"""Of SimpleITK, in the order of an array's."""


def bounds_of(prepared: PreparedCase, window: Window | None) -> Bounds:
    """Give where a model looked, on the grid of the registered phases, and what ends at each side.

    Args:
        prepared: The case.
        window: Where it looked; None: everywhere.
    """
    size = prepared.aligned.box[1]
    inner = ((0, 0, 0), size) if window is None else window.box
    low: list[End] = []
    high: list[End] = []
    for axis in AXES:
        first, last = inner[0][axis], inner[0][axis] + inner[1][axis]
        low.append("window" if first > 0 else _end(prepared, axis, below=True))
        high.append("window" if last < size[axis] else _end(prepared, axis, below=False))
    return Bounds(box_slices(inner), (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _end(prepared: PreparedCase, axis: int, *, below: bool) -> End:
    """Say what ends at a side of the crop: the reference, where the plane beyond is none or holds one value, or a phase."""
    index, size = prepared.aligned.box
    beyond = index[axis] - 1 if below else index[axis] + size[axis]
    volume = prepared.images[prepared.aligned.reference]
    if not 0 <= beyond < volume.GetSize()[axis]:
        return "volume"
    plane_index, plane_size = list(index), list(size)
    plane_index[axis], plane_size[axis] = beyond, 1
    plane = without_padding(sitk.RegionOfInterest(volume, plane_size, plane_index))
    return "volume" if np.ptp(sitk.GetArrayViewFromImage(plane)) == 0 else "phases"
