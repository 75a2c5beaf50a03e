"""`nnunet-multiphase evaluate`: score a folder of predictions against the truth."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnunet_multiphase.evaluation.scores import Scores

HELP = "score predicted segmentations against the truth, per case and per lesion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "predictions", type=Path, help="folder of <case>.nii.gz predictions; every nonzero voxel is lesion"
    )
    parser.add_argument(
        "truth",
        type=Path,
        help="for nnUNetv2_predict on imagesTs: labelsTs (<case>.nii.gz label files on the cropped grid); "
        "for nnunet-multiphase predict: the folder of case folders (<case>/lesions_<phase>.nii.gz, original grid)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="write cases.csv, lesions.csv and summary.json into this folder"
    )
    parser.add_argument(
        "--iou", type=float, default=None, help="a lesion is found from this overlap (IoU) on (default 0.1)"
    )
    parser.add_argument("--partial", action="store_true", help="score only the cases both folders hold")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON instead of a table")
    parser.add_argument(
        "--html", action="store_true", help="write evaluation.html into the output folder too"
    )


def run(args: argparse.Namespace) -> int:
    """Score, write and print."""
    from nnunet_multiphase.errors import InputError
    from nnunet_multiphase.evaluation.files import json_text
    from nnunet_multiphase.evaluation.matching import IOU_THRESHOLD
    from nnunet_multiphase.evaluation.scores import evaluate_folders, write_scores
    from nnunet_multiphase.evaluation.tables import scores_text

    threshold = IOU_THRESHOLD if args.iou is None else args.iou
    if not 0 < threshold <= 1:
        raise InputError(f"--iou must be above 0 and at most 1, got {threshold:g}")
    if args.html and args.output is None:
        raise InputError("--html writes into the output folder; name it with -o FOLDER")
    if args.output is not None:
        _refuse_file(args.output)
    scores = evaluate_folders(args.predictions, args.truth, iou_threshold=threshold, partial=args.partial)
    if args.output is not None:
        write_scores(scores, args.output)
    if args.html:
        _write_page(args, scores)
    print(json_text(scores.summary()) if args.json else scores_text(scores))
    return 0


def _refuse_file(folder: Path) -> None:
    """Say before any work that a folder cannot be made because a file is in its place, or in its parent's."""
    from nnunet_multiphase.errors import InputError

    for place in (folder, *folder.parents):
        if place.is_dir():
            return
        if place.exists() or place.is_symlink():
            raise InputError(
                f"-o {folder}: {place} is a file, expected a folder; name another or remove the file"
            )


def _write_page(args: argparse.Namespace, scores: "Scores") -> None:
    """Write the scores as evaluation.html into the output folder."""
    from nnunet_multiphase.evaluation.tables import CASE_HEADER, case_rows, summary_lines
    from nnunet_multiphase.report.page import Section, Table, Text, write_report

    about = Text(f"Predictions in {args.predictions}, truth in {args.truth}.")
    summary = [about, *(Text(line[0].upper() + line[1:] + ".") for line in summary_lines(scores))]
    cases = Table(CASE_HEADER, case_rows(scores), "Last row: means, and sums of volumes and lesions.")
    sections = [Section("Summary", summary), Section("Cases", [cases])]
    write_report(args.output / "evaluation.html", title="Lesion segmentation: evaluation", sections=sections)
