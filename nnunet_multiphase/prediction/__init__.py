"""Predict a new patient: raw phases in, segmentation on the reference phase's own grid and a lesion table out."""

from nnunet_multiphase.models.load import load_for_runtime
from nnunet_multiphase.models.model import (
    Model,
    Segmented,
    model_lesion_labels,
    model_liver_labels,
    model_phases,
    trained_registration,
    usual_reference,
)
from nnunet_multiphase.models.model_folder import find_model_folder, trained_folds
from nnunet_multiphase.models.model_source import opened_model
from nnunet_multiphase.models.nnunet_model import NnUNetModel, load_model, restart_from_initial_weights
from nnunet_multiphase.prediction.case import predict_case, prepare_for, segment_case
from nnunet_multiphase.prediction.coverage import coverage_shares
from nnunet_multiphase.prediction.not_predicted import note_failures
from nnunet_multiphase.prediction.prepare import AbsentPhaseError, PreparedCase, prepare_case
from nnunet_multiphase.prediction.records import refuse_other_labels, write_label_record
from nnunet_multiphase.prediction.segmented import SegmentedCase
from nnunet_multiphase.prediction.summary import failed_phases, prediction_summary
from nnunet_multiphase.prediction.window import Window, liver_window
from nnunet_multiphase.prediction.write import CasePrediction, write_prediction

__all__ = [
    "AbsentPhaseError",
    "CasePrediction",
    "Model",
    "NnUNetModel",
    "PreparedCase",
    "Segmented",
    "SegmentedCase",
    "Window",
    "coverage_shares",
    "failed_phases",
    "find_model_folder",
    "liver_window",
    "load_for_runtime",
    "load_model",
    "model_lesion_labels",
    "model_liver_labels",
    "model_phases",
    "note_failures",
    "opened_model",
    "predict_case",
    "prediction_summary",
    "prepare_case",
    "prepare_for",
    "refuse_other_labels",
    "restart_from_initial_weights",
    "segment_case",
    "trained_folds",
    "trained_registration",
    "usual_reference",
    "write_label_record",
    "write_prediction",
]
