"""`nnunet-multiphase predict`: raw phases of new patients to segmentations and lesion tables."""

import argparse
import sys
from pathlib import Path

HELP = "register a new patient's raw phases, segment the lesions on the original grid, measure them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; names follow nnUNetv2_predict."""
    parser.add_argument(
        "cases", nargs="+", type=Path, metavar="CASE_FOLDER", help="folder with nc/art/pv/dl.nii.gz"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument(
        "-d", "--dataset-id", type=int, help="dataset number; the model is looked up in nnUNet_results"
    )
    model.add_argument("-m", "--model-folder", type=Path, help="folder that holds plans.json and fold_*")
    parser.add_argument(
        "-f", "--folds", nargs="+", default=None, help="folds to average (default: all that are trained)"
    )
    parser.add_argument("-tr", "--trainer", default="MultiPhaseSCAMTrainer")
    parser.add_argument("-p", "--plans", default="nnUNetMultiPhaseSCAMPlans")
    parser.add_argument("-c", "--configuration", default="3d_fullres")
    parser.add_argument("--checkpoint", default="checkpoint_final.pth")
    parser.add_argument("--device", default=None, help="cpu, cuda or mps (default: cuda where there is one)")
    parser.add_argument(
        "--disable-tta", action="store_true", help="no mirroring: up to 8 times faster, slightly worse"
    )
    parser.add_argument(
        "--reference", default=None, help="phase to bring the others to (default: liver mask's, else pv)"
    )
    parser.add_argument(
        "--missing", choices=("error", "fill"), default="error", help="what to do without a phase"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the registration")


def run(args: argparse.Namespace) -> int:
    """Predict every case; those that fail are listed and make the exit status 1 (2 if there is no other)."""
    from nnunet_multiphase.data.case_folder import case_id
    from nnunet_multiphase.errors import InputError

    if args.seed < 0:
        raise InputError(f"--seed {args.seed}: expected 0 or more")
    if args.output.exists() and not args.output.is_dir():
        raise InputError(f"{args.output} is a file: expected a folder for the results; name another with -o")
    known: dict[str, Path] = {}
    for case in args.cases:
        if not case.is_dir():
            raise InputError(f"{case} is not a folder: expected one with nc/art/pv/dl.nii.gz of one patient")
        name = case_id(case.absolute().name)
        if name.casefold() in known:
            raise InputError(
                f"{known[name.casefold()]} and {case} would both be written as {name}: "
                "rename one, or predict them into two folders"
            )
        known[name.casefold()] = case

    from nnunet_multiphase.device import choose_device
    from nnunet_multiphase.prediction import (
        find_model_folder,
        load_predictor,
        predict_case,
        prediction_summary,
    )
    from registration import RegistrationSettings

    folder = args.model_folder or find_model_folder(
        args.dataset_id, args.trainer, args.plans, args.configuration
    )
    predictor = load_predictor(
        folder,
        args.folds,
        device=choose_device(args.device),
        checkpoint=args.checkpoint,
        mirroring=not args.disable_tta,
    )
    settings = RegistrationSettings(seed=args.seed)
    failures = []
    for case in args.cases:
        try:
            prediction = predict_case(
                predictor,
                case,
                args.output,
                reference=args.reference,
                missing=args.missing,
                settings=settings,
            )
            print(prediction_summary(prediction), flush=True)
        except InputError as error:
            failures.append(str(error))
        except (
            OSError,
            RuntimeError,
        ) as error:  # a full disk, a GPU without memory: the other cases may still pass
            failures.append(f"case {case.name}: {error}")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 0 if not failures else 2 if len(args.cases) == 1 else 1
