"""Segment liver lesions on multi-phase CT with nnU-Net: `import nnunet_multiphase as mp`.

What is listed in `__all__` is public and described in docs/api.md; everything else may change without a word. Kept free of
imports, because the interpreter's start-up (nnunet_multiphase_autoload.pth) passes through here: a name is loaded when it is
asked for.
"""

__version__ = "1.0.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nnunet_multiphase.alignment.align import AlignedPhases
    from nnunet_multiphase.api.prediction import load_predictor, predict_case
    from nnunet_multiphase.api.segmentation import evaluate, lesion_table
    from nnunet_multiphase.api.steps import align_phases, build_dataset, register
    from nnunet_multiphase.autoload import make_findable
    from nnunet_multiphase.cases.inputs import Inputs
    from nnunet_multiphase.cases.layout import Layout
    from nnunet_multiphase.cases.mask_choice import MaskRule
    from nnunet_multiphase.dataset.build import DatasetSummary
    from nnunet_multiphase.dataset.target_classes import TargetClasses
    from nnunet_multiphase.errors import InputError
    from nnunet_multiphase.evaluation.scores import Scores
    from nnunet_multiphase.measurement.record import LesionMeasures, PatientMeasures
    from nnunet_multiphase.models.model import Model
    from nnunet_multiphase.prediction.write import CasePrediction
    from registration.settings import RegistrationResult, RegistrationSettings

__all__ = [
    "AlignedPhases",
    "CasePrediction",
    "DatasetSummary",
    "InputError",
    "Inputs",
    "Layout",
    "LesionMeasures",
    "MaskRule",
    "Model",
    "PatientMeasures",
    "RegistrationResult",
    "RegistrationSettings",
    "Scores",
    "TargetClasses",
    "align_phases",
    "build_dataset",
    "evaluate",
    "lesion_table",
    "load_predictor",
    "make_findable",
    "predict_case",
    "register",
]

_HOMES = {
    "AlignedPhases": "nnunet_multiphase.alignment.align",
    "CasePrediction": "nnunet_multiphase.prediction.write",
    "DatasetSummary": "nnunet_multiphase.dataset.build",
    "InputError": "nnunet_multiphase.errors",
    "Inputs": "nnunet_multiphase.cases.inputs",
    "Layout": "nnunet_multiphase.cases.layout",
    "LesionMeasures": "nnunet_multiphase.measurement.record",
    "MaskRule": "nnunet_multiphase.cases.mask_choice",
    "Model": "nnunet_multiphase.models.model",
    "PatientMeasures": "nnunet_multiphase.measurement.record",
    "RegistrationResult": "registration.settings",
    "RegistrationSettings": "registration.settings",
    "Scores": "nnunet_multiphase.evaluation.scores",
    "TargetClasses": "nnunet_multiphase.dataset.target_classes",
    "evaluate": "nnunet_multiphase.api.segmentation",
    "lesion_table": "nnunet_multiphase.api.segmentation",
    "load_predictor": "nnunet_multiphase.api.prediction",
    "make_findable": "nnunet_multiphase.autoload",
    "predict_case": "nnunet_multiphase.api.prediction",
}
"""Public name -> the module that it is loaded from; the others are in `nnunet_multiphase.api.steps`."""


def __getattr__(name: str) -> object:
    """Load a public name when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "nnunet_multiphase.api.steps")), name)


def __dir__() -> list[str]:
    """List the public names beside those that are loaded."""
    return sorted({*globals(), *__all__})
