"""`nnunet-multiphase evaluate`: score a folder of predictions against the truth."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnunet_multiphase.evaluation.label_choice import LabelOptions
    from nnunet_multiphase.evaluation.scores import Scores

HELP = "score predicted segmentations against the truth, per case and per lesion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("predictions", type=Path, help="folder of <case>.nii.gz predictions")
    parser.add_argument(
        "truth",
        type=Path,
        help="for nnUNetv2_predict on imagesTs: labelsTs (<case>.nii.gz label files on the cropped grid); "
        "for nnunet-multiphase predict: the folder of case folders (<case>/lesions_<phase>.nii.gz, original grid)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="write cases.csv, lesions.csv, summary.json and, for further classes, classes.csv into this folder",
    )
    parser.add_argument(
        "--iou", type=float, default=None, help="a lesion is found from this overlap (IoU) on (default 0.1)"
    )
    labels = parser.add_argument_group(
        "labels (default: as dataset.json beside or above the files says, else the one value that all files hold)"
    )
    labels.add_argument("--lesion-labels", nargs="+", type=int, metavar="N", help="labels that are lesion")
    labels.add_argument(
        "--liver-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels that are liver, scored as a class of its own",
    )
    labels.add_argument(
        "--ignore-label", type=int, metavar="N", help="label of the truth whose voxels count for nothing"
    )
    labels.add_argument(
        "--prediction-lesion-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels that are lesion in the predictions, where they are numbered otherwise than in the truth",
    )
    parser.add_argument("--partial", action="store_true", help="score only the cases both folders hold")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON instead of a table")
    parser.add_argument(
        "--html", action="store_true", help="write evaluation.html into the output folder too"
    )


def run(args: argparse.Namespace) -> int:
    """Score, write and print."""
    from nnunet_multiphase.errors import InputError, printable
    from nnunet_multiphase.evaluation.folders import evaluate_folders
    from nnunet_multiphase.evaluation.matching import IOU_THRESHOLD
    from nnunet_multiphase.evaluation.scores import write_scores
    from nnunet_multiphase.evaluation.tables import scores_text
    from nnunet_multiphase.json_file import json_text

    threshold = IOU_THRESHOLD if args.iou is None else args.iou
    if not 0 < threshold <= 1:
        raise InputError(f"--iou must be above 0 and at most 1, got {threshold:g}")
    if args.html and args.output is None:
        raise InputError("--html writes into the output folder; name it with -o FOLDER")
    if args.output is not None:
        _refuse_file(args.output)
    scores = evaluate_folders(
        args.predictions,
        args.truth,
        iou_threshold=threshold,
        partial=args.partial,
        options=_label_options(args),
    )
    if scores.note:
        print(f"warning: {printable(scores.note)}", file=sys.stderr)
    if args.output is not None:
        write_scores(scores, args.output)
    if args.html:
        _write_page(args, scores)
    print(json_text(scores.summary()) if args.json else scores_text(scores))
    return 0


def _label_options(args: argparse.Namespace) -> "LabelOptions":
    """Read what the user says of labels."""
    from nnunet_multiphase.errors import InputError
    from nnunet_multiphase.evaluation.label_choice import LabelOptions

    lesion, liver, of_prediction = (
        None if values is None else tuple(sorted(set(values)))
        for values in (args.lesion_labels, args.liver_labels, args.prediction_lesion_labels)
    )
    for name, values in (
        ("--lesion-labels", lesion),
        ("--liver-labels", liver),
        ("--prediction-lesion-labels", of_prediction),
        ("--ignore-label", None if args.ignore_label is None else (args.ignore_label,)),
    ):
        if values and min(values) < 1:
            raise InputError(f"{name} {min(values)}: expected labels from 1 on; 0 is background")
    if args.ignore_label is not None and args.ignore_label in (*(lesion or ()), *(liver or ())):
        raise InputError(
            f"--ignore-label {args.ignore_label} is a label of a class too; take it out of one of them"
        )
    return LabelOptions(lesion, liver, args.ignore_label, of_prediction)


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
    from nnunet_multiphase.evaluation.tables import (
        CASE_HEADER,
        CLASS_HEADER,
        case_rows,
        class_rows,
        labels_line,
        summary_lines,
    )
    from nnunet_multiphase.html.page import Section, Table, Text, write_report

    about = Text(f"Predictions in {args.predictions}, truth in {args.truth}.")
    lines = [*summary_lines(scores), *([labels_line(scores)] if scores.labels else [])]
    told = [Text(f"To know before the numbers are believed: {scores.note}.")] if scores.note else []
    summary = [about, *told, *(Text(line[0].upper() + line[1:] + ".") for line in lines)]
    cases = Table(CASE_HEADER, case_rows(scores), "Last row: means, and sums of volumes and lesions.")
    sections = [Section("Summary", summary), Section("Cases", [cases])]
    for name in scores.class_names:
        table = Table(CLASS_HEADER, class_rows(scores, name), "Last row: means, and the sum of volumes.")
        sections.append(Section(f"Class {name}", [table]))
    write_report(args.output / "evaluation.html", title="Lesion segmentation: evaluation", sections=sections)
