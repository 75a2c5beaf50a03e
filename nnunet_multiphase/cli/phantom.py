"""`nnunet-multiphase phantom`: a synthetic multi-phase cohort with known truth."""

import argparse
from pathlib import Path

HELP = "write a synthetic multi-phase liver CT cohort with known lesions and motion"

ANATOMIES = (
    "usual",
    "fatty",
    "iron",
    "cirrhosis",
    "large-tumour",
    "resected",
    "left-lobe",
    "full-stomach",
    "arms-down",
    "noisy",
)  # as phantom.variants.VARIANTS, which takes numpy to import


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder for the cohort; one folder a case is written"
    )
    parser.add_argument("--cases", type=int, default=12, help="number of patients (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files (default: 0)")
    parser.add_argument(
        "--size",
        choices=("small", "large", "clinical"),
        default="small",
        help="resolution; clinical: voxels of 0.8 x 0.8 x 2.5 mm in the liver's box (default: small)",
    )
    parser.add_argument(
        "--missing-fraction", type=float, default=0.0, help="share of cases that lack one phase (default: 0)"
    )
    parser.add_argument(
        "--anatomy",
        choices=ANATOMIES,
        default=ANATOMIES[0],
        help="make all patients of one kind that a program tuned on usual ones may not know (default: usual)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the cohort and print one line a case."""
    from nnunet_multiphase.phantom.cohort import check_arguments, make_case
    from nnunet_multiphase.phantom.truth import read_truth

    options = {
        "seed": args.seed,
        "size": args.size,
        "missing_fraction": args.missing_fraction,
        "anatomy": args.anatomy,
    }
    check_arguments(args.out, cases=args.cases, **options)
    for number in range(1, args.cases + 1):
        folder = make_case(args.out, number, **options)
        truth = read_truth(folder)
        kinds = ", ".join(lesion["kind"] for lesion in truth["lesions"])
        lacks = f"; lacks {', '.join(truth['missing'])}" if truth["missing"] else ""
        print(f"{folder}: masks on {truth['reference']}; {kinds}{lacks}", flush=True)
    return 0
