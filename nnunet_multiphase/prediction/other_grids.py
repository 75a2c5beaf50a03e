"""Carry the labels from the reference's grid to the other phases' own."""

from __future__ import annotations

import SimpleITK as sitk

from nnunet_multiphase.prediction.prepare import PreparedCase
from nnunet_multiphase.volumes.orientation import as_stored
from registration.inverse import inverse_of
from registration.resample import resample_labels


def labels_on_phases(prepared: PreparedCase, whole: sitk.Image) -> dict[str, sitk.Image]:
    """Give the labels on each registered phase's original grid, in the axis order of its file.

    Args:
        prepared: The case.
        whole: Labels on the upright reference's whole grid.

    Returns:
        Labels by phase, by nearest neighbours; a phase whose registration failed is left out: nobody knows where they lie.
    """
    return {
        phase: as_stored(
            resample_labels(whole, prepared.images[phase], inverse_of(result, whole)), prepared.stored[phase]
        )
        for phase, result in prepared.aligned.results.items()
        if result.verdict != "failed" and phase in prepared.aligned.images
    }
