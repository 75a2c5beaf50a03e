"""`nnunet-multiphase register`: `python -m registration` under our own name."""

import argparse
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from registration.__main__ import build_parser, main

if TYPE_CHECKING:
    import SimpleITK as sitk

HELP = "align one volume to another and write the transform"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take over the options of `python -m registration`."""
    for action in _options():
        parser._add_action(action)


def run(args: argparse.Namespace) -> int:
    """Hand the options on; 0, 1 with --strict for a failed registration, or 2 for bad input."""
    arguments: list[str] = []
    for action in _options():
        value = getattr(args, action.dest)
        if action.nargs == 0:  # a switch
            arguments += action.option_strings[:1] if value else []
        elif isinstance(value, list):
            arguments += [*action.option_strings[:1], *value] if value else []
        elif value is not None:
            # --option=value holds also for values that begin with a dash.
            arguments.append(f"{action.option_strings[0]}={value}" if action.option_strings else str(value))
    return main(arguments, alone=True, read_folder=_read_folder, judge=_judge)


def _read_folder(folder: Path) -> "sitk.Image":
    """Read a DICOM series, as setup does."""
    from nnunet_multiphase.volumes import volume_file

    return volume_file.read_volume(folder)


def _judge(volumes: "Mapping[Path, sitk.Image]", accept: Collection[str]) -> list[str]:
    """Say what two volumes cannot be, in setup's words; here it is no refusal, for the verdict stands beside it."""
    from nnunet_multiphase.cases.check_names import CHECKS
    from nnunet_multiphase.cases.given import GivenPhase, judge_pair

    given = [GivenPhase(image, str(path)) for path, image in volumes.items()]
    # One file given twice is told once.
    return [*dict.fromkeys(judge_pair(given[0], given[-1], accept, told=CHECKS).warnings)]


def _options() -> Iterator[argparse.Action]:
    """List the other parser's options: argparse itself shares them only with a parser that is being made."""
    return (action for action in build_parser()._actions if action.dest != "help")
