"""Dispatch `nnunet-multiphase COMMAND`.

Every command is a module of this package with HELP, add_arguments(parser) and run(args) -> exit status.
Those modules import nothing heavy at the top, so that --help answers at once.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from importlib import import_module

from nnunet_multiphase import __version__
from nnunet_multiphase.errors import InputError, told_by_system
from nnunet_multiphase.idle_threads import let_threads_sleep

COMMANDS: tuple[str, ...] = (
    "import-dicom",
    "setup",
    "register",
    "predict",
    "export",
    "evaluate",
    "benchmark",
    "demo",
    "phantom",
    "doctor",
)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser with one sub-parser per command."""
    parser = argparse.ArgumentParser(
        prog="nnunet-multiphase",
        description="Liver lesions on multi-phase CT: register the phases, make an nnU-Net dataset, predict, measure.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"nnunet_multiphase.cli.{name.replace('-', '_')}")
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def run_command(args: argparse.Namespace) -> int:
    """Run the chosen command; bad input becomes one sentence on stderr and exit status 2."""
    try:
        return int(args.run(args))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a file that is no folder, no space, no permission
        print(f"error: {told_by_system(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    let_threads_sleep()
    for stream in (sys.stdout, sys.stderr):  # a file's name need be no text at all
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return run_command(build_parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
