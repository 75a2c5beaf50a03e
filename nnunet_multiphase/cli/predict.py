"""`nnunet-multiphase predict`: raw phases of new patients to segmentations and lesion tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nnunet_multiphase.cli.accept import add_accept
from nnunet_multiphase.cli.dicom_results import add_dicom_results, refuse_dicom_results
from nnunet_multiphase.cli.inputs import add_inputs, gathered_patients, given_inputs, service_of
from nnunet_multiphase.cli.motion import add_registration_model
from nnunet_multiphase.cli.pages import add_pages, write_index
from nnunet_multiphase.cli.step_size import add_step_size
from nnunet_multiphase.cli.trained_model import add_trained_model

if TYPE_CHECKING:
    from nnunet_multiphase.patients.inputs import Given

HELP = "register a new patient's raw phases, segment the lesions on the original grid, measure them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; names follow nnUNetv2_predict."""
    parser.add_argument(
        "inputs",
        nargs="*",
        type=Path,
        metavar="INPUT",
        help="folder with nc/art/pv/dl.nii.gz of a patient, or with DICOM files of any number of patients",
    )
    add_inputs(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="folder for the results"
    )
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument(
        "-d",
        "--dataset-id",
        help="dataset number or name (501, Dataset501_X); the model is looked up in nnUNet_results",
    )
    model.add_argument(
        "-m",
        "--model",
        "--model-folder",
        dest="model",
        type=Path,
        help="folder that holds plans.json and fold_*, a zip of nnUNetv2_export_model_to_zip, or a folder of "
        "`nnunet-multiphase export`",
    )
    parser.add_argument(
        "--runtime",
        choices=("torch", "onnx", "openvino"),
        default=None,
        help="what runs the network (default: torch; for an exported model openvino, else onnx, whichever is installed "
        "and was compared with torch)",
    )
    parser.add_argument(
        "-f",
        "--folds",
        nargs="+",
        default=None,
        help="folds to average (default: all that are trained; fold_all only if it is alone)",
    )
    add_trained_model(parser)
    parser.add_argument("--device", default=None, help="cpu, cuda or mps (default: cuda where there is one)")
    parser.add_argument(
        "--disable-tta", action="store_true", help="no mirroring: up to 8 times faster, slightly worse"
    )
    add_step_size(parser)
    parser.add_argument(
        "--reference",
        default=None,
        help="phase to bring the others to (default: the masks', else as most training cases of the model, else pv)",
    )
    parser.add_argument(
        "--missing",
        choices=("error", "fill"),
        default="error",
        help="a patient who lacks a phase of the model's: stop (default), or show the model air",
    )
    parser.add_argument(
        "--lesion-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels that are lesion, and so in the table (default: the model's class called lesion or tumour)",
    )
    parser.add_argument(
        "--all-grids",
        action="store_true",
        help="also write the labels on every other phase's own grid, to OUT/grids/<phase>",
    )
    add_dicom_results(parser)
    add_pages(parser)
    parser.add_argument(
        "--everywhere",
        action="store_true",
        help="look for lesions in the whole volume, not only about the liver where that is surely known",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit status 1 also where the registration of a phase failed"
    )
    parser.add_argument(
        "--dask-scheduler",
        metavar="ADDRESS",
        help="work on a Dask cluster, such as tcp://host:8786, whose workers see the same folders",
    )
    add_accept(parser)
    add_registration_model(parser, None, "as the model's training data were, else rigid")
    parser.add_argument("--seed", type=int, default=0, help="seed of the registration")


def run(args: argparse.Namespace) -> int:
    """Predict every case; those that fail are listed and make the exit status 1 (2 where none was predicted)."""
    from nnunet_multiphase.errors import InputError, printable

    if args.seed < 0:
        raise InputError(f"--seed {args.seed}: expected 0 or more")
    if args.output.exists() and not args.output.is_dir():
        raise InputError(f"{args.output} is a file: expected a folder for the results; name another with -o")
    refuse_dicom_results(args)
    given = given_inputs(args)
    refuse_output(args, given)
    service = service_of(args)

    from nnunet_multiphase.cli.patients import load, predict_here, predict_on_cluster
    from nnunet_multiphase.models.identity import identity_of
    from nnunet_multiphase.models.model import told_of_classes
    from nnunet_multiphase.prediction import note_failures, refuse_other_labels

    if args.dask_scheduler is not None and args.store:
        raise InputError(
            "--store sends results from this machine, and --dask-scheduler makes them on others: use one of them"
        )
    model = load(args)
    if told := told_of_classes(model, args.lesion_labels):
        print(printable(told), flush=True)
    refuse_other_labels(model, args.output)
    identity = identity_of(model)
    if identity is not None:
        print(printable(f"the model is {identity.told()}"), flush=True)
    patients, failures = gathered_patients(args, given, service)
    by_name = {patient.name: patient for patient in patients}
    refuse_names(args, list(by_name))
    if args.dask_scheduler is None:
        outcomes = predict_here(args, model, patients, service)
    else:
        outcomes = predict_on_cluster(args, patients)
    astray, predicted = [], 0
    failed: dict[str, str] = {}
    noted = 0
    try:
        for outcome in outcomes:
            if outcome.told:
                print(outcome.told, flush=True)
            predicted += outcome.predicted
            failures += outcome.failures
            if not outcome.predicted:
                why = by_name[outcome.name].without_paths("; ".join(outcome.failures))
                failed[outcome.name] = why
            # Not where nothing lies yet: a first run in which nobody is predicted leaves no folder.
            noted = note_failures(args.output, failed, noted)
            astray += outcome.astray
    finally:  # also where Ctrl-C ends it
        if args.output.is_dir():
            write_index(args, failures, failed)
        for failure in failures:
            print(f"error: {printable(failure)}", file=sys.stderr)
    if args.strict and astray:
        print(f"--strict: the registration failed of {', '.join(astray)}", file=sys.stderr)
    if failures:
        return 1 if predicted else 2
    return 1 if args.strict and astray else 0


def refuse_output(args: argparse.Namespace, given: Given) -> None:
    """Refuse a folder for the results that cannot be written, or lies where the input does, before anything takes time."""
    import os

    from nnunet_multiphase.errors import InputError
    from registration.itk_name import itk_name

    output = Path(os.path.abspath(args.output))
    try:
        itk_name(output)
    except ValueError as error:
        raise InputError(f"-o: {error}") from error
    phases = [(patient.name, path) for patient in given.patients for path in patient.loose]
    folders = [Path(os.path.abspath(path)) for path in (*args.inputs, *(p for _, p in phases if p.is_dir()))]
    if output.resolve() in {folder.resolve() for folder in folders}:
        raise InputError(
            f"{args.output} is the input as well: results among the phases would be taken for phases; name another with -o"
        )
    for folder in folders:
        if output.resolve() in (folder.parent.resolve(), folder.resolve().parent):
            raise InputError(
                f"{args.output} holds the input {folder.name}: results among the patients' folders would be taken for "
                "patients; name another with -o, such as a new folder in it"
            )
    for name, path in phases:
        if (output / f"{name}.nii.gz").resolve() == path.resolve():
            raise InputError(
                f"--case {name}: the labels would be written over {path}, a phase of it; name another case, or another "
                "folder with -o"
            )
    there = next(folder for folder in (output, *output.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"{args.output} cannot be written: {there} is a file, or not yours to write in; name another with -o"
        )


def refuse_names(args: argparse.Namespace, names: list[str]) -> None:
    """Refuse a patient whose page would be the list of all."""
    from nnunet_multiphase.errors import InputError

    taken = [name for name in names if name.casefold() == "index"]
    if taken and args.page:
        raise InputError(
            f"case {taken[0]}: {taken[0]}.html is the list of all patients; give the case another name, or pass --no-page"
        )
