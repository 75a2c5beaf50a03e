"""The option that overrules a check of plausibility, alike in every command that checks volumes."""

import argparse

from nnunet_multiphase.cases.check_names import CHECKS


def add_accept(parser: argparse.ArgumentParser) -> None:
    """Declare --accept."""
    parser.add_argument(
        "--accept",
        nargs="+",
        choices=tuple(CHECKS),
        default=(),
        metavar="CHECK",
        help=f"take input that these checks find implausible, and say so in the result: {', '.join(CHECKS)}",
    )
