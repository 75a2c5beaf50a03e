"""Notice predictions whose labels are numbered otherwise than is said: another class of theirs fits the lesions."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.evaluation.label_choice import BothClasses
from nnunet_multiphase.evaluation.mirrored import dice
from nnunet_multiphase.label_classes import LabelClasses

POOR_DICE = 0.5
"""Above it the lesions' labels are right."""
BETTER = 0.2
"""By how much the Dice must rise, in most cases and on average: livers and lesions overlap by no chance so well."""


class ExchangeWatch:
    """Compare predictions with their truth as their labels are said to be, and with two classes exchanged."""

    def __init__(self, classes: BothClasses) -> None:
        """Take what the labels mean."""
        self._classes = classes
        self._dice: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        """By class: the lesions' Dice as it is; exchanged; and by how much all that can be compared gets better."""

    def look(self, prediction: sitk.Image, truth: sitk.Image) -> None:
        """Take a case, of one grid and one order of axes."""
        predicted, true = self._classes.prediction, self._classes.truth
        p, t = (sitk.GetArrayViewFromImage(image) for image in (prediction, truth))
        counts = np.True_ if true.ignore is None else t != true.ignore
        lesions_p, lesions_t = np.isin(p, predicted.lesion) & counts, np.isin(t, true.lesion)
        if not lesions_p.any() or not lesions_t.any():
            return
        as_it_is = dice(lesions_p, lesions_t)
        of_truth = _beside_lesions(true)
        for name, values in _beside_lesions(predicted).items():
            other_p = np.isin(p, values) & counts if as_it_is < POOR_DICE else np.zeros(0, bool)
            if not other_p.any():
                self._dice[name].append((as_it_is, as_it_is, 0.0))
                continue
            exchanged = dice(other_p, lesions_t)
            gain = exchanged - as_it_is
            if name in of_truth:
                # Else a model that takes large tumours for liver would be told of.
                other_t = np.isin(t, of_truth[name])
                gain = min(gain, dice(lesions_p, other_t) - dice(other_p, other_t))
            self._dice[name].append((as_it_is, exchanged, gain))

    def note(self) -> str:
        """Say which class fits the lesions better; empty where none does."""
        for name, cases in self._dice.items():
            as_it_is, exchanged, gain = np.mean(cases, axis=0)
            better = sum(case[2] >= BETTER for case in cases)
            if gain >= BETTER and better > len(cases) / 2:
                return (
                    f"with lesions and {name} exchanged the predictions fit the truth better in {better} of {len(cases)} "
                    f"cases (the lesions' mean Dice is {exchanged:.2f} instead of {as_it_is:.2f} where both hold lesions): "
                    f"the labels of one of the two seem to be numbered otherwise than is said ({self._classes.said_by}); "
                    "correct that"
                )
        return ""


def _beside_lesions(classes: LabelClasses) -> dict[str, list[int]]:
    """Give each other class's own values: a region such as the whole liver holds the lesions' too."""
    named = {**classes.others, **{f"label {value}": (value,) for value in classes.further}}
    own = {name: [v for v in values if v not in classes.lesion] for name, values in named.items()}
    return {name: values for name, values in own.items() if values}
