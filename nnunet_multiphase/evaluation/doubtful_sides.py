"""Notice predictions and truths that cannot be what they are said to be, whatever the other side is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.cases.plausible_masks import find_implausible_mask_size
from nnunet_multiphase.errors import first_of
from registration.plausible_spacing import find_implausible_size, is_bare


class SideWatch:
    """Look at each side's grid and lesions over the cases of an evaluation; what is found costs no score."""

    def __init__(self) -> None:
        self._sizes: dict[str, list[str]] = {}  # what is said of a grid -> cases
        self._large: list[str] = []
        self._same: dict[tuple[str, str], list[str]] = {}  # side and digest of its lesions -> cases

    def look(
        self,
        case: str,
        prediction: sitk.Image,
        truth: sitk.Image,
        predicted_labels: Sequence[int],
        true_labels: Sequence[int],
    ) -> None:
        """Take a case, of one grid and one order of axes."""
        spacing, size = truth.GetSpacing(), truth.GetSize()
        bare = is_bare(spacing, truth.GetOrigin(), truth.GetDirection())
        if (unlikely := find_implausible_size(spacing, size, bare=bare)) is not None:
            self._sizes.setdefault(unlikely.clause, []).append(case)
        for side, image, labels in (
            ("prediction", prediction, predicted_labels),
            ("truth", truth, true_labels),
        ):
            lesions = np.isin(sitk.GetArrayViewFromImage(image), list(labels))
            if not lesions.any():
                continue
            if not unlikely and (large := find_implausible_mask_size(lesions, truth, "lesions")) is not None:
                self._large.append(f"case {case}: the {side} {large.clause}")
            digest = hashlib.sha256(f"{lesions.shape}".encode() + np.packbits(lesions).tobytes()).hexdigest()
            self._same.setdefault((side, digest), []).append(case)

    def note(self) -> str:
        """Say what was found; empty where nothing was."""
        found = [
            f"case {first_of(cases)} {clause}; until then all that is told in mm and ml is wrong"
            for clause, cases in self._sizes.items()
        ]
        found += self._large[:3]
        found += [
            f"cases {first_of(cases)} have the same lesions in their {side}s, voxel by voxel: see whether one file was "
            "copied for the others"
            for (side, _), cases in self._same.items()
            if len(cases) > 1
        ]
        return "; ".join(found)
