"""Predict one patient: register, segment, measure, write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import Box, box_slices
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.models.identity import identity_of
from nnunet_multiphase.models.model import (
    Model,
    model_lesion_labels,
    model_liver_labels,
    model_phases,
    trained_registration,
    usual_reference,
)
from nnunet_multiphase.phases import FILL_HU
from nnunet_multiphase.prediction.only_run import only_run
from nnunet_multiphase.prediction.prepare import PreparedCase, prepare_case
from nnunet_multiphase.prediction.segmented import SegmentedCase
from nnunet_multiphase.prediction.window import Window, liver_window
from nnunet_multiphase.prediction.write import CasePrediction, write_prediction
from registration.volume import image_like

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.named_registration import FindTransform
    from registration import RegistrationSettings


def predict_case(
    model: Model,
    case: Path | CaseFolder | PreparedCase,
    output: Path,
    *,
    reference: str | None = None,
    missing: str = "error",
    lesion_labels: Sequence[int] | None = None,
    settings: RegistrationSettings | None = None,
    find: FindTransform | str | None = None,
    accept: Collection[str] = (),
    all_grids: bool = False,
    everywhere: bool = False,
    then: Callable[[CasePrediction, PreparedCase, SegmentedCase], None] | None = None,
) -> CasePrediction:
    """Register one patient's raw phases, segment them, write the result on the reference phase's original grid.

    Args:
        model: From `load_model`.
        case: Folder that holds nc/art/pv/dl.nii.gz (those the model was trained on) and, if known, liver_<phase>.nii.gz;
            or what such a folder would hold, as `inputs.py` makes it; or what `prepare_for` made of either.
        output: Receives <case>.nii.gz, <case>_lesions.csv and .json and, in registration/, the transforms, a quality
            table and a before/after picture.
        reference: Phase to bring the others to; default: the masks' phase, else the one most of the
            model's training cases lie on, else pv, else the first of the model's.
        missing: "error", or "fill" to give the model air where a phase is absent.
        lesion_labels: Labels that are lesion: these are measured and drawn; None: as the model's dataset.json says.
        settings: How to register; None: as the model's training data were.
        find: Another registration than ours, as `align_phases` takes it.
        accept: Names of the checks of plausibility (`check_names.CHECKS`) that are overruled; what they find is recorded.
        all_grids: Also write the labels on every other phase's original grid, to grids/<phase>/<case>.nii.gz.
        everywhere: Look beyond the surroundings of the liver, too.
        then: Called with what was written and what it was made of, which is not kept.

    Returns:
        The paths and the lesions. Voxels outside `aligned.box`, where some phase has no data, are background.

    Raises:
        InputError: A phase is missing, unreadable or not a volume, or another run is at this case in this folder.
    """
    prepared = (
        case
        if isinstance(case, PreparedCase)
        else prepare_for(
            model, case, reference=reference, missing=missing, settings=settings, find=find, accept=accept
        )
    )
    lesions = model_lesion_labels(model, lesion_labels)
    with only_run(Path(output), prepared.case.name):
        window = None if everywhere else liver_window(prepared, model.patch_mm[::-1])
        found = segment_case(model, prepared, lesions, window=window)
        prediction = write_prediction(
            prepared,
            found,
            output,
            lesion_labels=lesions,
            liver_labels=model_liver_labels(model, lesions),
            all_grids=all_grids,
            model=identity_of(model),
        )
        if then is not None:
            then(prediction, prepared, found)
        return prediction


def prepare_for(
    model: Model,
    case: Path | CaseFolder,
    *,
    reference: str | None = None,
    missing: str = "error",
    settings: RegistrationSettings | None = None,
    find: FindTransform | str | None = None,
    accept: Collection[str] = (),
) -> PreparedCase:
    """Check and register one patient's phases as a model wants them; arguments and errors as in `predict_case`."""
    if settings is None and find is None:
        how = trained_registration(model)
        settings, find = how["settings"], how["find"]
    return prepare_case(
        case,
        model_phases(model),
        reference=reference,
        usual_reference=usual_reference(model),
        missing=missing,
        settings=settings,
        find=find,
        accept=accept,
    )


def segment_case(
    model: Model,
    prepared: PreparedCase,
    lesion_labels: Sequence[int] | None = None,
    *,
    window: Window | None = None,
) -> SegmentedCase:
    """Show a model the registered phases.

    Args:
        model: What answers.
        prepared: From `prepare_case`, with the model's phases.
        lesion_labels: Labels that are lesion; None: as the model's dataset.json says.
        window: Where to look; elsewhere is background. None: everywhere.
    """
    whole = prepared.aligned.images[prepared.aligned.reference]
    box = ((0, 0, 0), whole.GetSize()) if window is None else window.box
    found = model.segment(*network_input(prepared, box), model_lesion_labels(model, lesion_labels))
    return SegmentedCase(
        _within(found.labels, box, whole), _within(found.lesion_probability, box, whole), window
    )


def network_input(
    prepared: PreparedCase, box: Box | None = None
) -> tuple[tuple[np.ndarray, ...], tuple[float, ...]]:
    """Give the registered phases as a model takes them.

    Args:
        prepared: The case.
        box: What of the grid; None: all.

    Returns:
        An array (Z, Y, X) a channel, int16 in HU, to be read as long as `prepared` is there; and the spacing along
        Z, Y, X in mm.
    """
    images = prepared.aligned.images
    grid = images[prepared.aligned.reference]
    inside = box_slices(box if box is not None else ((0, 0, 0), grid.GetSize()))
    air = np.broadcast_to(np.int16(FILL_HU), grid.GetSize()[::-1])
    return (
        tuple(
            air[inside] if phase in prepared.filled else sitk.GetArrayViewFromImage(images[phase])[inside]
            for phase in prepared.channels
        ),
        grid.GetSpacing()[::-1],
    )


def _within(values: np.ndarray, box: Box, grid: sitk.Image) -> sitk.Image:
    """Put values (Z, Y, X) of a box into a grid that is 0 elsewhere."""
    everywhere = np.zeros(grid.GetSize()[::-1], values.dtype)
    everywhere[box_slices(box)] = values
    return image_like(everywhere, grid)
