"""Say what a dataset's labels are: the lesions alone, or the liver and its lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.label_classes import LESION, LIVER

TARGETS = (LESION, LIVER)


@dataclass(frozen=True)
class TargetClasses:
    """Hold what the network is to find.

    Attributes:
        liver: The liver too: 1 in the label files, lesions are 2 then. Without it lesions are 1.
        regions: Train on overlapping regions, whole liver (lesions included) and lesion, instead of on classes that exclude
            each other (liver around the lesions, lesion).
    """

    liver: bool = False
    regions: bool = False

    @property
    def lesion_value(self) -> int:
        """Give the lesions' value in the label files."""
        return 2 if self.liver else 1

    def record(self) -> dict[str, Any]:
        """Give what dataset.json says of it: nnU-Net's `labels`, and `regions_class_order` for regions."""
        if not self.liver:
            return {"labels": {"background": 0, LESION: 1}}
        if not self.regions:
            return {"labels": {"background": 0, LIVER: 1, LESION: 2}}
        # Written in this order: what is written later lies on top.
        return {"labels": {"background": 0, LIVER: [1, 2], LESION: 2}, "regions_class_order": [1, 2]}

    def label(self, lesions: np.ndarray, liver: np.ndarray | None) -> np.ndarray:
        """Put the masks of a case together.

        Args:
            lesions: (z, y, x), non-zero = lesion.
            liver: The same of the liver; not needed without `self.liver`.

        Returns:
            uint8; a lesion beyond the liver's edge is lesion all the same.
        """
        label = (lesions != 0).astype(np.uint8) * self.lesion_value
        if self.liver:
            assert liver is not None  # checked with the case
            label[(liver != 0) & (label == 0)] = 1
        return label


LESIONS = TargetClasses()
"""The lesions alone."""


def target_classes(labels: Sequence[str], *, regions: bool) -> TargetClasses:
    """Read the options --labels and --regions.

    Raises:
        InputError: The lesions are not among the labels, or regions are wanted of one class.
    """
    if LESION not in labels or len(set(labels)) < len(labels) or not set(labels) <= set(TARGETS):
        raise InputError(f"--labels {' '.join(labels)}: expected lesion, or liver lesion")
    if regions and LIVER not in labels:
        raise InputError("--regions: only with --labels liver lesion; leave it out or add the liver")
    return TargetClasses(LIVER in labels, regions)
