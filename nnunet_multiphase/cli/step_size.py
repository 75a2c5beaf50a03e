"""The option that says how far nnU-Net's windows lie apart: predict's and benchmark's."""

import argparse
import math

DEFAULT_STEP_SIZE = 0.5


def add_step_size(parser: argparse.ArgumentParser) -> None:
    """Declare -step_size, as nnUNetv2_predict has it."""
    parser.add_argument(
        "-step_size",
        "--step-size",
        type=_step_size,
        default=DEFAULT_STEP_SIZE,
        help="from one window to the next, in patches (default: 0.5, as nnU-Net's; 0.75 takes half as many)",
    )


def _step_size(text: str) -> float:
    """Take a share of a patch."""
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a share of the patch, above 0 and at most 1")
    return size
