"""What `predict` writes to look at: a page a patient, and an index of them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnunet_multiphase.prediction import CasePrediction, PreparedCase, SegmentedCase


def add_pages(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--no-page",
        dest="page",
        action="store_false",
        help="write no OUT/<case>.html and OUT/index.html to look at",
    )


def page_writer(
    args: argparse.Namespace, lesion_labels: Sequence[int], failures: list[str]
) -> Callable[[CasePrediction, PreparedCase, SegmentedCase], None]:
    """Give what writes a patient's page when everything else of it is written; what fails goes to `failures`."""
    from nnunet_multiphase.report.patient_index import INDEX

    def write(prediction: CasePrediction, prepared: PreparedCase, found: SegmentedCase) -> None:
        path: Path = args.output / f"{prediction.case}.html"
        what = f"case {prediction.case}: the labels and the table are written, the page is not"
        if path.name.casefold() == INDEX:
            if args.page:
                failures.append(f"{what}: {INDEX} is the list of all patients; give the case another name")
            return
        path.unlink(missing_ok=True)  # an earlier run's does not show what now lies beside it
        if not args.page:
            return
        try:
            from nnunet_multiphase.report.patient_page import write_patient_page

            write_patient_page(prediction, prepared, found, path, lesion_labels=lesion_labels)
        except Exception as error:
            _fail(failures, what, error)

    return write


def write_index(
    args: argparse.Namespace, failures: list[str], failed: Mapping[str, str] | None = None
) -> None:
    """Write the list of all patients in OUT; one that an earlier run wrote is kept up to date without --page, too."""
    from nnunet_multiphase.report.patient_index import INDEX, write_patient_index

    if not args.output.is_dir() or not (args.page or (args.output / INDEX).exists()):
        return
    try:
        index = write_patient_index(args.output, failed)
        with contextlib.suppress(BrokenPipeError):  # a list that nobody reads on is written all the same
            print(f"look at {index}", flush=True)
    except Exception as error:
        _fail(failures, f"{args.output / INDEX}, the list of all patients, was not written", error)


def _fail(failures: list[str], what: str, error: Exception) -> None:
    """Say in one line what is lacking; the results stand without it."""
    from nnunet_multiphase.errors import InputError, is_ctrl_c, told_by_system

    if is_ctrl_c(error):
        raise KeyboardInterrupt from error
    text = " ".join((told_by_system(error) if isinstance(error, OSError) else str(error)).split())
    failures.append(
        f"{what}: {text if isinstance(error, InputError | OSError) else f'{type(error).__name__}: {text}'}"
    )
