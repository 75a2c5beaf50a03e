"""Hold what a model says of one patient."""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk


@dataclass(frozen=True)
class SegmentedCase:
    """Hold a model's answer on the grid of the registered phases.

    Attributes:
        labels: uint8.
        lesion_probability: float32, 0..1.
    """

    labels: sitk.Image
    lesion_probability: sitk.Image
