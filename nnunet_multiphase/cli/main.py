"""Dispatch `nnunet-multiphase COMMAND`.

Every command is a module of this package with HELP, add_arguments(parser) and run(args) -> exit status.
Those modules import nothing heavy at the top, so that --help answers at once.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from nnunet_multiphase import __version__
from nnunet_multiphase.cli.paths import refuse_odd_paths
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
        refuse_odd_paths(args)
        status = int(args.run(args))
        _flush()
        return status
    except BrokenPipeError:
        return _unread()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a file that is no folder, no space, no permission
        print(f"error: {told_by_system(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _flush() -> None:
    """Hand on what is printed, while an error can still be told."""
    if sys.stdout is not None:  # it may have been closed from the start
        sys.stdout.flush()


def _unread() -> int:
    """End as other programs do whose reader (`| head`) has gone: without a word, as by SIGPIPE."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes once more at its end
    return 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    let_threads_sleep()
    for stream in (sys.stdout, sys.stderr):  # a file's name need be no text at all
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            args = build_parser().parse_args(argv)
        finally:  # --help and --list-presets print and exit
            _flush()
    except BrokenPipeError:
        return _unread()
    return run_command(args)


if __name__ == "__main__":
    sys.exit(main())
