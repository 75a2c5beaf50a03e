"""Predict patients one after the other, here or on a cluster; what one of them brings up costs the others nothing."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnunet_multiphase.dicomweb.service import Service
    from nnunet_multiphase.patients.inputs import Patient
    from nnunet_multiphase.prediction import Model, PreparedCase


@dataclass
class Outcome:
    """Hold what became of one patient.

    Attributes:
        name: The patient.
        told: What is to be printed.
        predicted: Whether labels and table are written.
        failures: What went wrong, a sentence each.
        astray: Phases whose registration failed.
    """

    name: str
    told: str = ""
    predicted: bool = False
    failures: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)


def load(args: argparse.Namespace) -> Model:
    """Load the model that the options name; errors as in `load_for_runtime`."""
    from nnunet_multiphase.cli.trained_model import model_name
    from nnunet_multiphase.prediction import load_for_runtime

    return load_for_runtime(
        _source(args),
        args.runtime,
        wanted=model_name(args),
        folds=args.folds,
        device=args.device,
        checkpoint=args.checkpoint,
        mirroring=not args.disable_tta,
        step_size=args.step_size,
        trusted=args.trust_model,
    )


def _source(args: argparse.Namespace) -> Path:
    from nnunet_multiphase.prediction import find_model_folder

    if args.model is not None:
        return Path(args.model)
    return find_model_folder(args.dataset_id, args.trainer, args.plans, args.configuration)


def predict_here(
    args: argparse.Namespace, model: Model, patients: Sequence[Patient], service: Service | None
) -> Iterator[Outcome]:
    """Predict in this process; the next patient is prepared meanwhile."""
    from nnunet_multiphase.patients.ahead import made_ahead
    from nnunet_multiphase.patients.shared_volumes import SharedVolumes

    options = _registration_options(args, model)
    shared = SharedVolumes()

    def prepare(patient: Patient) -> PreparedCase:
        return shared.told(_prepared(args, model, patient, options))  # one after the other, in their order

    for patient, prepared in made_ahead(patients, prepare):
        yield predict_one(args, model, patient, prepared, service)


def predict_on_cluster(args: argparse.Namespace, patients: Sequence[Patient]) -> Iterator[Outcome]:
    """Predict on a Dask cluster; each worker loads the model once.

    Raises:
        InputError: As `dask_workers`; or the model has been taken away since.
    """
    from nnunet_multiphase.dataset.workers import dask_workers

    # Workers have another current folder.
    args = argparse.Namespace(**{name: value for name, value in vars(args).items() if not callable(value)})
    args.model, args.output = Path(os.path.abspath(_source(args))), Path(os.path.abspath(args.output))
    with dask_workers(args.dask_scheduler) as run:
        for _, outcome in run(functools.partial(_predict_on_worker, args), [_absolute(p) for p in patients]):
            yield outcome


def _absolute(patient: Patient) -> Patient:
    if isinstance(patient.case, Path):
        return replace(patient, case=Path(os.path.abspath(patient.case)))
    images = {phase: Path(os.path.abspath(path)) for phase, path in patient.case.images.items()}
    return replace(patient, case=replace(patient.case, images=images))


def predict_one(
    args: argparse.Namespace, model: Model, patient: Patient, prepared: Any, service: Service | None
) -> Outcome:
    """Predict one patient and write all that is wanted of him.

    Args:
        args: The options of `predict`.
        model: What answers.
        patient: Whom.
        prepared: Called for the prepared case, or raises what is wrong with it.
        service: Where results are stored.
    """
    from nnunet_multiphase.cli.dicom_results import dicom_results
    from nnunet_multiphase.cli.pages import page_writer
    from nnunet_multiphase.errors import is_ctrl_c
    from nnunet_multiphase.prediction import (
        failed_phases,
        model_lesion_labels,
        predict_case,
        prediction_summary,
        write_label_record,
    )

    outcome = Outcome(patient.name)
    try:
        lesion_labels = model_lesion_labels(model, args.lesion_labels)
        prediction = predict_case(
            model,
            prepared(),
            args.output,
            lesion_labels=lesion_labels,
            all_grids=args.all_grids,
            everywhere=args.everywhere,
            then=page_writer(args, lesion_labels, outcome.failures),
        )
        outcome.predicted = True
        write_label_record(model, args.output)
        outcome.told = prediction_summary(prediction)
        outcome.astray = [f"{patient.name} {phase}" for phase in failed_phases(prediction)]
        outcome.failures += dicom_results(args, patient, prediction, lesion_labels, service)
    except Exception as error:
        if is_ctrl_c(error):
            raise KeyboardInterrupt from error
        # Whatever one patient brings up in nnU-Net, numpy or torch must not cost the patients after it.
        outcome.failures.append(_failure(patient.name, error, args.output))
    return outcome


def _registration_options(args: argparse.Namespace, model: Model) -> dict[str, Any]:
    from nnunet_multiphase.alignment.named_registration import how_to_register
    from nnunet_multiphase.prediction import trained_registration

    how = (
        how_to_register(args.registration_model, args.seed)
        if args.registration_model
        else trained_registration(model, args.seed)
    )
    return {"reference": args.reference, "missing": args.missing, "accept": args.accept, **how}


def _prepared(
    args: argparse.Namespace, model: Model, patient: Patient, options: dict[str, Any]
) -> PreparedCase:
    from nnunet_multiphase.errors import InputError
    from nnunet_multiphase.patients.inputs import IMPORTED
    from nnunet_multiphase.prediction import AbsentPhaseError, prepare_for

    try:
        return prepare_for(model, patient.case, **options)
    except AbsentPhaseError as error:
        if patient.loose:
            advice = "give its file with --phase PHASE=FILE"
        elif patient.dicom:  # the folder is the import's own, and made anew each time
            table = args.output / f"{IMPORTED}_series.csv"
            advice = (
                f"no series was taken for it: see {table}, correct its columns phase and use, and pass the copy with "
                "--series-table"
            )
        else:
            raise
        raise InputError(f"{error.lacks}; {advice}, or pass --missing fill") from error


def _predict_on_worker(args: argparse.Namespace, patient: Patient) -> Outcome:
    """Predict one patient in a worker; what would be printed there is told here."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        model = _kept_model(repr(sorted(vars(args).items(), key=str)), args)
        options = _registration_options(args, model)
        outcome = predict_one(args, model, patient, lambda: _prepared(args, model, patient, options), None)
    outcome.told = "\n".join(filter(None, [outcome.told, printed.getvalue().strip()]))
    return outcome


_KEPT: dict[str, Model] = {}


def _kept_model(key: str, args: argparse.Namespace) -> Model:
    """Load a model, and keep the last one for the patients after it."""
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = load(args)
    return _KEPT[key]


def _failure(name: str, error: Exception, output: Path) -> str:
    """Say in one line which patient failed and why, and whether what stands there is of an earlier run."""
    from nnunet_multiphase.errors import told_by_system, told_unexpected

    text = told_by_system(error) if isinstance(error, OSError) else told_unexpected(error)
    if not text.startswith(f"case {name}"):
        text = f"case {name}: {text}"
    earlier = output / f"{name}.nii.gz"
    return f"{text} ({earlier} is an earlier run's)" if earlier.exists() else text
