"""Lay scores out as tables of short strings, for the terminal and the report."""

import math
from collections.abc import Sequence

from nnunet_multiphase.evaluation.scores import CaseScore, Scores

CASE_HEADER = (
    "case",
    "Dice",
    "HD95 mm",
    "truth ml",
    "error ml",
    "lesions found",
    "missed",
    "false",
)

CLASS_HEADER = ("case", "Dice", "HD95 mm", "truth ml", "error ml")


def shown(value: float, decimals: int = 2) -> str:
    """Format a number for reading; a dash where it is undefined."""
    return "-" if math.isnan(value) else f"{value:.{decimals}f}"


def case_rows(scores: Scores) -> list[list[str]]:
    """Lay out one row a case and a last one over all, under CASE_HEADER."""
    rows = [_case_row(c) for c in scores.cases]
    s = scores.summary()
    truth_ml = sum(c.truth_ml for c in scores.cases)
    rows.append(
        [
            f"all {len(scores.cases)}",
            shown(s["dice_mean"], 3),
            shown(s["hd95_mm_mean"], 1),
            shown(truth_ml),
            shown(s["volume_error_ml_mean"]),
            str(s["lesions_found"]),
            str(s["lesions_missed"]),
            str(s["lesions_false"]),
        ]
    )
    return rows


def class_rows(scores: Scores, name: str) -> list[list[str]]:
    """Lay out one row a case of a class that is not the lesions, and a last one over all, under CLASS_HEADER."""
    of_class = [score for score in scores.classes if score.name == name]
    rows = [
        [c.case, shown(c.dice, 3), shown(c.hd95_mm, 1), shown(c.truth_ml), shown(c.volume_error_ml)]
        for c in of_class
    ]
    s = scores.class_summary(name)
    means = [shown(s["dice_mean"], 3), shown(s["hd95_mm_mean"], 1)]
    truth_ml = sum(c.truth_ml for c in of_class)
    return [*rows, [f"all {len(of_class)}", *means, shown(truth_ml), shown(s["volume_error_ml_mean"])]]


def labels_line(scores: Scores) -> str:
    """Say which label values were counted as what."""
    parts = [f"{name} {' '.join(map(str, values))}" for name, values in scores.labels.items()]
    return f"labels: {', '.join(parts)}"


def summary_lines(scores: Scores) -> list[str]:
    """Say in four lines what the numbers over all cases are, and of how many cases."""
    s = scores.summary()
    return [
        f"Dice {shown(s['dice_mean'], 3)} (mean of {s['dice_cases']} cases; "
        f"median {shown(s['dice_median'], 3)}), NSD {shown(s['nsd_mean'], 3)} at 2 mm, "
        f"HD95 {shown(s['hd95_mm_mean'], 1)} mm (mean of {s['hd95_cases']})",
        f"lesions: sensitivity {shown(s['lesion_sensitivity'])} ({s['lesions_found']} of {s['lesions']}), "
        f"precision {shown(s['lesion_precision'])}, F1 {shown(s['lesion_f1'])}, "
        f"panoptic quality {shown(s['panoptic_quality'])}, "
        f"false positives per case {shown(s['false_positives_per_case'])} "
        f"(found: IoU >= {s['iou_threshold']:g})",
        "lesions found by their size in the truth: "
        + ", ".join(f"{size} {n['found']} of {n['lesions']}" for size, n in s["lesions_by_size"].items()),
        f"cases without lesion: {s['true_negative_cases']} rightly empty, {s['false_alarm_cases']} with a "
        f"false alarm; cases with lesions but an empty prediction: {s['empty_prediction_cases']}",
    ]


def scores_text(scores: Scores) -> str:
    """Lay out scores for the terminal."""
    lines = [text_table(CASE_HEADER, case_rows(scores)), "", *summary_lines(scores)]
    for name in scores.class_names:
        lines += [
            "",
            f"{name} (the table above is of the lesions)",
            text_table(CLASS_HEADER, class_rows(scores, name)),
        ]
    return "\n".join([*lines, labels_line(scores)] if scores.labels else lines)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align cells in columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *(line(row) for row in rows)])


def _case_row(c: CaseScore) -> list[str]:
    return [
        c.case,
        shown(c.dice, 3),
        shown(c.hd95_mm, 1),
        shown(c.truth_ml),
        shown(c.volume_error_ml),
        str(c.found),
        str(c.missed),
        str(c.false),
    ]
