"""Offer prediction to Python programs: a model loaded once, patients' raw phases in, measured lesions out.

As in `steps`, each function is the step of the same name, and reads and refuses what it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nnunet_multiphase.api import kinds
from nnunet_multiphase.api.input import accepted_checks, lesion_values, refuse_other_settings, refuse_output
from nnunet_multiphase.api.words import told_in_python

if TYPE_CHECKING:
    import torch

    from nnunet_multiphase.alignment.named_registration import FindTransform
    from nnunet_multiphase.cases.case import CaseFolder
    from nnunet_multiphase.models.model import Model
    from nnunet_multiphase.prediction.write import CasePrediction
    from registration import RegistrationSettings


@told_in_python
def load_predictor(
    model: str | Path | int,
    *,
    folds: int | str | Iterable[int | str] | None = None,
    device: str | torch.device | None = None,
    runtime: Literal["torch", "onnx", "openvino"] | None = None,
    trainer: str = "MultiPhaseSCAMTrainer",
    plans: str = "nnUNetMultiPhaseSCAMPlans",
    configuration: str = "3d_fullres",
    checkpoint: str = "checkpoint_final.pth",
    mirroring: bool = True,
    step_size: float = 0.5,
    trusted: bool = False,
) -> Model:
    """Load a trained model, once for any number of patients.

    Args:
        model: Folder that nnU-Net trained into, zip that nnU-Net exported, folder that `nnunet-multiphase export` wrote, or
            the number or the whole name of a dataset (Dataset501_X), whose model lies in nnUNet_results.
        folds: Fold or folds whose networks vote, by number, or "all"; None: all that are trained.
        device: "cpu", "cuda" or "mps"; None: a GPU where there is one.
        runtime: What runs it; None: torch, or what an exported model was exported for.
        trainer, plans, configuration: Which model, where `model` is a number or a zip of several.
        checkpoint: File name in the folds' folders.
        mirroring: Average over mirrored inputs: up to 8 times slower, slightly better.
        step_size: From window to window, in patches: above 0, at most 1.
        trusted: Load it even if its checkpoint could run a program; only for models whose maker you know.

    Returns:
        What `predict_case` takes.

    Raises:
        InputError: It is damaged, not to be trusted, or not there.

    >>> import nnunet_multiphase as mp
    >>> predictor = mp.load_predictor("model", runtime="onnx", mirroring=False)
    """
    from nnunet_multiphase.models.load import RUNTIMES
    from nnunet_multiphase.prediction import find_model_folder, load_for_runtime

    kinds.refuse_other_flags(mirroring=mirroring, trusted=trusted)
    kinds.refuse_other_numbers(whole=False, step_size=step_size)
    kinds.refuse_other_texts(trainer=trainer, plans=plans, configuration=configuration, checkpoint=checkpoint)
    if runtime is not None:
        kinds.refuse_other_choices(runtime, RUNTIMES, "runtime")
    named = kinds.is_dataset(model)
    source = find_model_folder(str(model), trainer, plans, configuration) if named else Path(str(model))
    return load_for_runtime(
        source,
        runtime,
        wanted=f"{trainer}__{plans}__{configuration}",
        folds=folds,
        device=None if device is None else str(device),
        checkpoint=checkpoint,
        mirroring=mirroring,
        step_size=step_size,
        trusted=trusted,
    )


@told_in_python
def predict_case(
    predictor: Model,
    case: str | Path | CaseFolder,
    output: str | Path,
    *,
    reference: str | None = None,
    missing: Literal["error", "fill"] = "error",
    lesion_labels: Iterable[int] | int | None = None,
    settings: RegistrationSettings | None = None,
    find: FindTransform | str | None = None,
    accept: Collection[str] = (),
    all_grids: bool = False,
    everywhere: bool = False,
) -> CasePrediction:
    """Register, segment and measure one patient, and write the results.

    Args:
        predictor: From `load_predictor`.
        case: Folder that holds nc/art/pv/dl.nii.gz (those the model was trained on), and liver_<phase>.nii.gz if known.
        output: Folder, another than the case's; receives <case>.nii.gz, <case>_lesions.csv and .json, registration/, and
            dataset.json, which says what the labels mean.
        reference: Phase to bring the others to; None: the masks' phase, else as most of the model's training cases.
        missing: A phase that is not there: an error, or air in its channel ("fill").
        lesion_labels: Labels that are lesion; None: as the model's dataset.json says.
        settings: How to register; None: as the model's training data were.
        find: Another registration than ours, as in `build_dataset`.
        accept: Names of the checks of plausibility that are overruled (docs/data.md).
        all_grids: Also write the labels on every other phase's grid.
        everywhere: Look beyond the surroundings of the liver, too.

    Returns:
        The paths, `measures` of the lesions, `warnings` and `remarks` to be read before the numbers are believed.

    Raises:
        InputError: A phase is missing, implausible or damaged, the output is the case's own folder, another run is at this
            case in this folder, or predictions with other labels lie there.

    >>> import nnunet_multiphase as mp
    >>> predictor = mp.load_predictor("model", runtime="onnx", mirroring=False)
    >>> prediction = mp.predict_case(predictor, "cohort/case_001", "predicted")
    >>> prediction.segmentation.name, prediction.lesion_csv.name
    ('case_001.nii.gz', 'case_001_lesions.csv')
    >>> (prediction.segmentation.parent / "dataset.json").is_file()
    True
    """
    from nnunet_multiphase import prediction
    from nnunet_multiphase.cases.case import CaseFolder

    refuse_other_settings(settings)
    kinds.refuse_no_model(predictor)
    kinds.refuse_other_paths(output=output)
    if not isinstance(case, CaseFolder):
        kinds.refuse_other_paths(case=case)
        case = Path(case)
    refuse_output(Path(output), case)
    kinds.refuse_other_flags(all_grids=all_grids, everywhere=everywhere)
    kinds.refuse_other_choices(missing, ("error", "fill"), "missing")
    kinds.refuse_other_finders(find)
    accept = accepted_checks(accept)
    prediction.refuse_other_labels(predictor, Path(output))
    predicted = prediction.predict_case(
        predictor,
        case,
        Path(output),
        reference=reference,
        missing=missing,
        lesion_labels=lesion_values(lesion_labels),
        settings=settings,
        find=find,
        accept=accept,
        all_grids=all_grids,
        everywhere=everywhere,
    )
    prediction.write_label_record(predictor, Path(output))
    return predicted
