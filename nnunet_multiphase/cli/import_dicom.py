"""`nnunet-multiphase import-dicom`: a DICOM tree to case folders, with phases named and patients not."""

import argparse
import sys
from pathlib import Path

from nnunet_multiphase.cli.sigterm import sigterm_like_ctrl_c
from nnunet_multiphase.errors import printable

HELP = "turn a DICOM tree into case folders that setup reads, with pseudonyms"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("tree", type=Path, metavar="TREE", help="folder with DICOM files, at any depth")
    parser.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="cohort to write; OUT_series.csv and .html, OUT_masks.csv (what was found) and OUT_pseudonyms.csv (whose it "
        "is) go beside it",
    )
    parser.add_argument(
        "--series-table",
        type=Path,
        metavar="FILE",
        help="OUT_series.csv with columns phase and use corrected",
    )
    parser.add_argument(
        "--mask-table",
        type=Path,
        metavar="FILE",
        help="OUT_masks.csv with columns taken_as and series corrected",
    )
    parser.add_argument(
        "--words",
        type=Path,
        metavar="FILE",
        help="your own words for descriptions and mask labels, a table with the columns meaning (nc, art, pv, dl, none, "
        "derived, plain, lesions, liver, other) and word",
    )
    parser.add_argument(
        "--masks-by-planes",
        action="store_true",
        help="match masks that name images which are not in TREE (from before de-identification) by their planes",
    )
    parser.add_argument(
        "--resample-irregular",
        action="store_true",
        help="shear a gantry tilt straight and interpolate uneven spacing or gaps up to 10 mm, instead of refusing them",
    )
    parser.add_argument(
        "--join-studies",
        action="store_true",
        help="make one case of a patient's studies of one day, such as phases under two accession numbers",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="write the tables and the page of the series only"
    )


def run(args: argparse.Namespace) -> int:
    """Import: 0 = all is written, 1 = some cases could not be and are listed, 2 = bad input."""
    from nnunet_multiphase.dicom.extra import require_dicom_libraries

    require_dicom_libraries()
    from nnunet_multiphase.dicom_import.import_tree import import_tree
    from nnunet_multiphase.errors import CohortError

    try:
        with sigterm_like_ctrl_c():
            summary = import_tree(
                args.tree,
                args.out,
                series_table=args.series_table,
                mask_table=args.mask_table,
                words=args.words,
                masks_by_planes=args.masks_by_planes,
                dry_run=args.dry_run,
                resample_irregular=args.resample_irregular,
                join_studies=args.join_studies,
                say=lambda line: print(line, flush=True),
            )
    except CohortError as error:
        for problem in error.problems:
            print(f"error: {printable(problem)}", file=sys.stderr)
        return 2
    for remark in summary.remarks:
        print(f"warning: {printable(remark)}", file=sys.stderr)
    for failure in summary.failures:
        print(f"error: {printable(failure)}", file=sys.stderr)
    for name, previous in (("series", summary.previous_table), ("mask", summary.previous_mask_table)):
        if previous:
            print(f"the earlier {name} table is now {previous}")
    print(f"series table: {summary.table}")
    print(f"pictures of every series, the worst first: {summary.page}")
    if summary.mask_table:
        print(
            f"mask table: {summary.mask_table}; if a mask is taken for something else, correct it and add --mask-table"
        )
    again = f"--series-table {summary.table}"
    if args.dry_run:
        print(f"look through it, correct the columns phase and use, and run again with {again}")
        return 1 if summary.failures else 0
    print(
        f"{args.out}: {len(summary.written)} case(s); if a phase is wrong, correct the table and add {again}"
    )
    print(f"{summary.pseudonyms} says whose they are: keep it to yourself")
    return 1 if summary.failures else 0
