"""Hold what a model says of one patient."""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk

from nnunet_multiphase.prediction.window import Window


@dataclass(frozen=True)
class SegmentedCase:
    """Hold a model's answer on the grid of the registered phases.

    Attributes:
        labels: uint8.
        lesion_probability: float32, 0..1.
        window: Where the model looked; None: everywhere.
    """

    labels: sitk.Image
    lesion_probability: sitk.Image
    window: Window | None = None
