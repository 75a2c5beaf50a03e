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
    """Predict every case; those that fail are listed and make the exit status 1."""
    from nnunet_multiphase.errors import InputError
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
    for case in args.cases:
        if not case.is_dir():
            raise InputError(f"{case} is not a folder: expected one with nc/art/pv/dl.nii.gz of one patient")
    device = args.device
    if device is None:
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    predictor = load_predictor(
        folder, args.folds, device=device, checkpoint=args.checkpoint, mirroring=not args.disable_tta
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
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 0 if not failures else 2 if len(args.cases) == 1 else 1
