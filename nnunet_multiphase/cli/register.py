"""`nnunet-multiphase register`: `python -m registration`, which also asks where a header leaves sizes or sides open."""

import argparse
from collections.abc import Iterator

from nnunet_multiphase.errors import InputError
from registration.__main__ import build_parser, main

HELP = "align one volume to another and write the transform"

HEADER_CHECKS = ("spacing", "orientation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take over the options of `python -m registration`."""
    for action in _options():
        parser._add_action(action)
    parser.add_argument(
        "--accept",
        nargs="+",
        choices=HEADER_CHECKS,
        default=(),
        metavar="CHECK",
        help=f"take volumes as they are read though their header leaves this open: {', '.join(HEADER_CHECKS)}",
    )


def run(args: argparse.Namespace) -> int:
    """Hand the options on; 0, 1 with --strict for a failed registration, or 2 for bad input."""
    from nnunet_multiphase.cases.nifti_header import find_unclear_header

    for path in (args.reference, args.moving):
        finding = find_unclear_header(path) if path.is_file() else None
        if finding is not None and finding.check not in args.accept:
            raise InputError(f"{path} {finding}")
    arguments: list[str] = []
    for action in _options():
        value = getattr(args, action.dest)
        if action.nargs == 0:  # a switch
            arguments += action.option_strings[:1] if value else []
        elif value is not None:
            # --option=value holds also for values that begin with a dash.
            arguments.append(f"{action.option_strings[0]}={value}" if action.option_strings else str(value))
    return main(arguments, alone=True)


def _options() -> Iterator[argparse.Action]:
    """List the other parser's options: argparse itself shares them only with a parser that is being made."""
    return (action for action in build_parser()._actions if action.dest != "help")
