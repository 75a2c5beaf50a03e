"""Say what a model is to the rest of the chain, whatever runs it: torch with nnU-Net, or an exported network."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nnunet_multiphase.alignment.named_registration import (
    MODELS,
    HowToRegister,
    added_names,
    how_to_register,
)
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.label_classes import (
    LIVER,
    LabelClasses,
    classes_of_record,
    organs_among,
    refuse_lost_labels,
)
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.orientation import AXES

Channels = Sequence[np.ndarray] | np.ndarray
"""One array (Z, Y, X) a channel, of any real type; or all of them as one."""

NO_NUMBERS = (
    "the model answers with values that are no numbers (NaN or infinite): its weights or its normalisation are damaged; "
    "restore the model"
)


@dataclass(frozen=True)
class Segmented:
    """Hold a model's answer.

    Attributes:
        labels: (Z, Y, X) uint8.
        lesion_probability: (Z, Y, X) float32, 0..1: of the labels that are lesion together.
    """

    labels: np.ndarray
    lesion_probability: np.ndarray


class Model(Protocol):
    """Answer which voxels of registered phases are lesion."""

    @property
    def record(self) -> Mapping[str, Any]:
        """Give the dataset.json it was trained with: phases, labels, registration."""

    @property
    def patch_mm(self) -> tuple[float, float, float]:
        """Give the extent (Z, Y, X) that it is shown at a time, in mm."""

    def segment(
        self, phases_hu: Channels, spacing_mm: Sequence[float], lesion_labels: Sequence[int]
    ) -> Segmented:
        """Segment one patient.

        Args:
            phases_hu: In HU, in the order of `model_phases`; FILL_HU where a phase has no data.
            spacing_mm: Voxel size along Z, Y, X in mm.
            lesion_labels: Labels whose probability is asked for.
        """


def trained_registration(model: Model, seed: int = 0) -> HowToRegister:
    """Tell how the phases of a model's training data were registered; what does not say so was made rigidly by ours.

    Args:
        model: Its record is asked.
        seed: Of the registration.

    Raises:
        InputError: By what is not to be had here.
    """
    told = model.record.get("registration") or {}
    method = told.get("method")
    if method is not None and method not in added_names():
        raise InputError(
            f"the model's training data were registered by {str(method)[:60]}, which no installed package adds; "
            "install the one that does, or say how with --registration-model (settings= or find= in Python)"
        )
    model_told = told.get("model")
    return how_to_register(str(method or (model_told if model_told in MODELS else "rigid")), seed)


def model_phases(model: Model) -> tuple[str, ...]:
    """Tell which phase each input channel of the model is.

    Raises:
        InputError: The model's dataset.json has no `phases`, or others than there are.
    """
    phases = model.record.get("phases")
    if not phases:
        raise InputError(
            "the model's dataset.json has no `phases`: it was not made by setup_dataset.py; use nnUNetv2_predict"
        )
    if not isinstance(phases, list | tuple) or sorted(map(str, phases)) != [
        p for p in sorted(PHASES) if p in phases
    ]:
        raise InputError(
            f"the model's dataset.json has the phases {str(phases)[:60]}: expected some of {', '.join(PHASES)}, each once; "
            "restore the model"
        )
    return tuple(phases)


def check_record(model: Model) -> None:
    """Refuse a model whose dataset.json says what cannot be followed.

    Raises:
        InputError: As `model_phases`, its regions never give a label, or how its training data were registered is told in
            another form than ours.
    """
    model_phases(model)
    refuse_lost_labels(model.record, "the model's dataset.json")
    registration, references = (model.record.get(key) or {} for key in ("registration", "reference_phase"))
    if not isinstance(registration, Mapping):
        raise InputError(
            "the model's dataset.json tells of the registration in another form than setup's: restore the model"
        )
    if not isinstance(references, Mapping) or not all(phase in PHASES for phase in references.values()):
        raise InputError(
            f"the model's dataset.json names references that are none of {', '.join(PHASES)}: restore the model"
        )


def warn_of_other_axes(model: Model, where: object) -> None:
    """Warn where a model was trained on references in the axis order of their files."""
    if model.record.get("axes") != AXES:
        logging.getLogger(__name__).warning(
            "warning: %s was trained on references in the axis order of their files; patients are shown to it in %s order "
            "(x to the left, y to the back, z to the head): set the dataset up again if its references lie otherwise",
            where,
            AXES,
        )


def usual_reference(model: Model) -> str | None:
    """Name the phase that most of a model's training cases lie on; None where its dataset.json does not say."""
    references = Counter((model.record.get("reference_phase") or {}).values())
    return min(references, key=lambda phase: (-references[phase], PHASES.index(phase)), default=None)


def told_of_classes(model: Model, lesion_labels: Sequence[int] | None = None) -> str:
    """Say which of a model's classes are in its masks and not counted as lesions, and which organ is; empty where none."""
    where = "the model's dataset.json"
    classes = classes_of_record(model.record, where, lesion_labels)
    organs = organs_among(model.record, where, classes.lesion)
    told = "; ".join(
        f"label{'s' * (len(values) > 1)} {' '.join(map(str, values))} will be measured as lesions, for --lesion-labels says "
        f"so, and the model calls {'it' if len(values) == 1 else 'them'} {name}: leave out what is no lesion"
        for name, values in organs.items()
    )
    return "; ".join(filter(None, (told, _told_of_passed_over(classes))))


def _told_of_passed_over(classes: LabelClasses) -> str:
    if not classes.passed_over:
        return ""
    named = ", ".join(
        f"{name} ({' '.join(map(str, values))})" for name, values in classes.passed_over.items()
    )
    return (
        f"labels {' '.join(map(str, classes.lesion))} count as lesions; {named} will be in the masks and in no table or "
        "report: if they are lesions, name all with --lesion-labels"
    )


def model_liver_labels(model: Model, lesion_labels: Sequence[int] | None = None) -> tuple[int, ...]:
    """Tell which labels of the model are liver, lesions in it or not; none where it has no class of that name."""
    classes = classes_of_record(model.record, "the model's dataset.json", lesion_labels)
    return next((values for name, values in classes.others.items() if name.lower() == LIVER), ())


def model_lesion_labels(model: Model, lesion_labels: Sequence[int] | None = None) -> tuple[int, ...]:
    """Tell which labels of the model are lesion.

    Args:
        model: What answers.
        lesion_labels: The user's word; None: the class of its dataset.json whose name says so.

    Raises:
        InputError: No class is called lesion or tumour, or the user's labels are none of the model's.
    """
    return classes_of_record(model.record, "the model's dataset.json", lesion_labels).lesion
