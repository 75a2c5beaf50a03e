"""Notice labels that only the other side's dataset.json calls liver and that are none: lesions as 0/1, or numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.evaluation.label_choice import BothClasses, listed
from nnunet_multiphase.evaluation.mirrored import dice
from nnunet_multiphase.label_classes import LIVER, LabelClasses

SAME_DICE = 0.5
"""What overlaps so with the other side's liver is a liver."""
LEAST_LIVER_ML = 100.0
LEAST_SHARE = 0.5
"""Of the other side's liver: partial livers are cut off on both sides, for the grid is one."""

_OTHER = {"prediction": "truth", "truth": "prediction"}


@dataclass
class _Seen:
    """Hold what one side's files hold, over the cases."""

    values: set[int]
    doubtful: list[str]  # cases whose "liver" is none, with both volumes
    cases: int = 0  # that hold a label besides the lesions'
    lesions: int = 0  # that hold a lesion


class BorrowedWatch:
    """Hold what each side's labels are said to be by the other's dataset.json against what they look like."""

    def __init__(self, classes: BothClasses) -> None:
        """Take what the labels mean, and for which sides another's record says it."""
        self._classes = classes
        self._seen = {side: _Seen(set(), []) for side in classes.borrowed}

    def look(self, case: str, prediction: sitk.Image, truth: sitk.Image) -> None:
        """Take a case, of one grid and one order of axes."""
        if not self._seen:
            return
        voxel_ml = float(np.prod(truth.GetSpacing())) / 1000
        p, t = (sitk.GetArrayViewFromImage(image) for image in (prediction, truth))
        counts = np.True_ if self._classes.truth.ignore is None else t != self._classes.truth.ignore
        sides = {"prediction": np.where(counts, p, 0), "truth": np.where(counts, t, 0)}
        for side, seen in self._seen.items():
            classes, other = self._of(side), _OTHER[side]
            values, theirs = sides[side], self._of(other)
            own_lesions = np.isin(values, classes.lesion)
            beside = np.isin(values, _beside_lesions(classes))
            seen.lesions += bool(own_lesions.any())
            if not beside.any():
                continue
            seen.cases += 1
            seen.values |= {int(v) for v in np.unique(values[beside])}
            lesions = np.isin(sides[other], theirs.lesion)
            liver = np.isin(sides[other], _livers(theirs)) | lesions
            if _livers(classes) and _is_liver(beside | own_lesions, liver, voxel_ml):
                continue
            # A poor model's liver is small as well; what is meant for lesions lies where they are.
            if side == "truth" or dice(beside, lesions) > dice(beside, liver & ~lesions):
                seen.doubtful.append(
                    f"{case} {beside.sum() * voxel_ml:.1f} ml, the {other}'s {liver.sum() * voxel_ml:.1f} ml"
                )

    def refuse(self) -> None:
        """Say what a label may be besides what is said.

        Raises:
            InputError: What is called liver is none in most cases; or it is another class, and no file holds a lesion.
        """
        for side, seen in self._seen.items():
            if seen.lesions and not _livers(self._of(side)):
                continue
            if 2 * len(seen.doubtful) > seen.cases:
                raise InputError(self._sentence(side, seen))

    def _of(self, side: str) -> LabelClasses:
        return self._classes.truth if side == "truth" else self._classes.prediction

    def _sentence(self, side: str, seen: _Seen) -> str:
        classes = self._of(side)
        own, theirs = (" ".join(map(str, sorted(c.lesion))) for c in (classes, self._of(_OTHER[side])))
        named = [name for name, values in classes.others.items() if seen.values & {*values}]
        marks = " ".join(map(str, sorted(seen.values | ({*classes.lesion} if seen.lesions else set()))))
        lesion, predicted = (marks, theirs) if side == "truth" else (theirs, marks)
        one = len(seen.values) == 1
        doubts = []
        if _livers(classes):
            shown = "; ".join(seen.doubtful[:3]) + ("; ..." if len(seen.doubtful) > 3 else "")
            doubts.append(f"that is no liver in {len(seen.doubtful)} of {seen.cases} cases ({shown})")
        if not seen.lesions:
            doubts.append(f"no {side} holds a lesion ({listed(classes.lesion)})")
        return (
            f"no dataset.json says it of the {side} alone, and by {self._classes.said_by} its "
            f"label{'' if one else 's'} {listed(seen.values)} {'is' if one else 'are'} {' and '.join(named)}, but "
            f"{', and '.join(doubts)}: if these are lesions, in one label or with a number each, pass --lesion-labels "
            f"{lesion} --prediction-lesion-labels {predicted}, or lay a dataset.json beside them that says so; else "
            f"{'--lesion-labels' if side == 'truth' else '--prediction-lesion-labels'} {own} takes them as they are"
        )


def _is_liver(found: np.ndarray, liver: np.ndarray, voxel_ml: float) -> bool:
    """Tell whether what is called liver may be one, by the other side's and by its volume."""
    if dice(found, liver) >= SAME_DICE:
        return True
    return bool(found.sum() * voxel_ml >= LEAST_LIVER_ML and found.sum() >= LEAST_SHARE * liver.sum())


def _livers(classes: LabelClasses) -> Sequence[int]:
    return sorted({v for name, values in classes.others.items() if LIVER in name.lower() for v in values})


def _beside_lesions(classes: LabelClasses) -> list[int]:
    """Give the liver's own values; every other class's where no class is called so."""
    values = _livers(classes) or {v for values in classes.others.values() for v in values}
    return sorted({*values} - {*classes.lesion})
