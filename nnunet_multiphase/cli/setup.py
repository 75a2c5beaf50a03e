"""`nnunet-multiphase setup` (and setup_dataset.py): raw phases of a cohort to a registered nnU-Net dataset."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from nnunet_multiphase.phases import PHASES

HELP = "register the phases of every case and write an nnU-Net dataset"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "raw", type=Path, metavar="RAW", help="folder with one folder per case (nc/art/pv/dl.nii.gz ...)"
    )
    parser.add_argument(
        "--dataset-id", type=int, required=True, metavar="N", help="nnU-Net's dataset number, such as 501"
    )
    parser.add_argument("--name", required=True, help="nnU-Net's dataset name, such as MultiPhaseLiver")
    parser.add_argument(
        "--missing",
        choices=("error", "skip", "fill"),
        default="error",
        help="a case without one of the phases: stop (default), leave it out, or fill its channel with air",
    )
    parser.add_argument(
        "--phases",
        nargs="+",
        choices=PHASES,
        default=list(PHASES),
        help="phases that become channels (default: all)",
    )
    parser.add_argument(
        "--test-fraction", type=float, default=0.2, help="share of patients for imagesTs (default 0.2)"
    )
    parser.add_argument("--folds", type=int, default=5, help="cross-validation folds (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the registrations (default 0)")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="cases at a time; the result is the same (default 1)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a dataset of the same number and name"
    )


def run(args: argparse.Namespace) -> int:
    """Build the dataset: 0 = all cases are in, 1 = some failed and are listed, 2 = bad input and no dataset."""
    from nnunet_multiphase.data.case_folder import CohortError
    from nnunet_multiphase.data.dataset import build_dataset

    # A stopped batch job gets SIGTERM: clean up as after Ctrl-C.
    previous = signal.signal(signal.SIGTERM, _stop)
    try:
        summary = build_dataset(
            args.raw,
            args.dataset_id,
            args.name,
            missing=args.missing,
            phases=args.phases,
            test_fraction=args.test_fraction,
            folds=args.folds,
            seed=args.seed,
            jobs=args.jobs,
            overwrite=args.overwrite,
            progress=True,
        )
    except CohortError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        print(f"{len(error.problems)} problem(s), no dataset was written", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"error: {error}; no dataset was written: see that the disk has room and the folder is yours",
            file=sys.stderr,
        )
        return 2
    finally:
        signal.signal(signal.SIGTERM, previous)
    for warning in summary.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for failure in summary.failures:
        print(f"error: {failure}", file=sys.stderr)
    print(
        f"{summary.folder}: {len(summary.train)} training and {len(summary.test)} test cases, {summary.folds} folds"
    )
    if summary.skipped:
        print(f"left out for a missing phase: {', '.join(summary.skipped)}")
    if summary.filled:
        print("filled with air: " + ", ".join(f"{case} {'+'.join(p)}" for case, p in summary.filled.items()))
    if summary.failures:
        print(
            f"failed and not in the dataset: {len(summary.failures)} case(s), see above and quality.csv",
            file=sys.stderr,
        )
    print(
        f"look at {summary.folder / 'registration' / 'overview'} and {summary.folder / 'quality.csv'}, then type"
    )
    print(
        f"  nnUNetv2_plan_and_preprocess -d {args.dataset_id} -pl MultiPhaseSCAMPlanner --verify_dataset_integrity"
    )
    return 1 if summary.failures else 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
