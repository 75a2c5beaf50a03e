"""The options that say which of nnU-Net's models is meant, and whether it is trusted: predict's and export's."""

from __future__ import annotations

import argparse


def add_trained_model(parser: argparse.ArgumentParser) -> None:
    """Declare the options beside the model's place."""
    for flags, default, what in (
        (("-tr", "--trainer"), "MultiPhaseSCAMTrainer", "trainer class"),
        (("-p", "--plans"), "nnUNetMultiPhaseSCAMPlans", "plans identifier"),
        (("-c", "--configuration"), "3d_fullres", "configuration"),
        (("--checkpoint",), "checkpoint_final.pth", "file in the folds' folders"),
    ):
        parser.add_argument(*flags, default=default, help=f"{what} (default: {default})")
    parser.add_argument(
        "--trust-model",
        action="store_true",
        help="load a zip, or a checkpoint that is more than weights: model files are pickles, which can run any program "
        "when they are loaded, so only if you trust who made it",
    )


def model_name(args: argparse.Namespace) -> str:
    """Give what nnU-Net calls the folder of that model, which decides where a zip holds several."""
    return f"{args.trainer}__{args.plans}__{args.configuration}"
