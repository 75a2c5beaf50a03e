"""`nnunet-multiphase export`: a trained model to ONNX, which predicts without torch and nnU-Net."""

import argparse
from pathlib import Path

from nnunet_multiphase.cli.trained_model import add_trained_model, model_name

HELP = "write a trained model as ONNX, checked against torch, to predict without torch and nnU-Net"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; names follow `predict`."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="folder that holds plans.json and fold_*, or a zip of nnUNetv2_export_model_to_zip",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to make; it holds the exported model",
    )
    parser.add_argument(
        "-f",
        "--folds",
        nargs="+",
        default=None,
        help="folds to export (default: all that are trained; fold_all only if it is alone)",
    )
    add_trained_model(parser)
    parser.add_argument(
        "--check",
        nargs="+",
        default=[],
        type=Path,
        metavar="CASE_FOLDER",
        help="patients to compare with torch's answer on (default: noise with structure)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of that noise and of the registration")


def run(args: argparse.Namespace) -> int:
    """Export, compare, say what was found; 0, or 2 where the exported model does not answer as torch's."""
    from nnunet_multiphase.errors import InputError
    from nnunet_multiphase.models.export import export_model, require_exporter

    if args.seed < 0:
        raise InputError(f"--seed {args.seed}: expected 0 or more")
    require_exporter()
    import numpy as np

    from nnunet_multiphase.prediction import (
        load_model,
        model_phases,
        opened_model,
        prepare_case,
        trained_folds,
        usual_reference,
    )
    from nnunet_multiphase.prediction.case import network_input
    from registration import RegistrationSettings

    with opened_model(args.model, model_name(args), trusted=args.trust_model) as folder:
        folds = trained_folds(folder, args.folds, args.checkpoint)
        model = load_model(
            folder, folds, checkpoint=args.checkpoint, progress=False, trusted=args.trust_model
        )
    checks = []
    for case in args.check:
        prepared = prepare_case(
            case,
            model_phases(model),
            usual_reference=usual_reference(model),
            missing="fill",
            settings=RegistrationSettings(seed=args.seed),
        )
        phases_hu, spacing_mm = network_input(prepared)
        checks.append((np.stack(phases_hu).astype(np.float32), spacing_mm))
    equality = export_model(
        model,
        folds,
        args.output,
        checks=checks,
        seed=args.seed,
        origin={"checkpoint": args.checkpoint},
        say=lambda line: print(line, flush=True),
    )
    print("\n".join(equality.lines()))
    print(f"predict with it: nnunet-multiphase predict CASE_FOLDER -m {args.output} -o OUT")
    return 0
