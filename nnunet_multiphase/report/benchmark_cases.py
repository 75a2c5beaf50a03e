"""Show cases of a benchmark as pictures: one slice, the truth and what each contestant predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import SimpleITK as sitk
from markupsafe import Markup

from nnunet_multiphase.benchmark.layout import Training, image_file, prediction_file, truth_file
from nnunet_multiphase.benchmark.results import Part, Results
from nnunet_multiphase.benchmark.truths_grid import on_truths_grid
from nnunet_multiphase.evaluation.lesions import lesion_image
from nnunet_multiphase.evaluation.scores import CaseScore
from nnunet_multiphase.evaluation.tables import shown
from nnunet_multiphase.html.page import data_uri
from nnunet_multiphase.html.templates import render
from nnunet_multiphase.report.slices import Box2, outlines, path_of, picture
from nnunet_multiphase.volumes.orientation import turned

MOST_CASES = 4
MARGIN_MM = 15.0
LEAST_MM = 70.0
QUALITY = 80
AS_GOOD_AS_SAME = 1e-9
"""A difference in Dice of no more is a rounding."""

KEY = Markup('<p class="key"><i></i>truth <i class="prediction"></i>prediction</p>')


def worst_cases(part: Part) -> list[str]:
    """List the cases in which the contestants' mean Dice is lowest."""
    return _first(part, lambda dice: -fmean(dice), ())


def disputed_cases(part: Part, but: Sequence[str]) -> list[str]:
    """List the cases in which the contestants' Dice lie furthest apart, but some; none where nobody differs."""
    return _first(part, lambda dice: max(dice) - min(dice), but, least=AS_GOOD_AS_SAME)


def case_pictures(results: Results, part: Part, case: str, work: Path) -> Markup:
    """Draw a case as every contestant predicts it with the first training that did.

    Args:
        results: What was found.
        part: Of which the case is.
        case: Its name.
        work: The benchmark's folder.
    """
    trainings = {name: _training(part, name, case) for name in results.contestants}
    truth = _mask(truth_file(work, case), results)
    masks = {
        name: on_truths_grid(
            work, results.plan, one, case, _mask(prediction_file(work, one, case), results), truth
        )
        for name, one in trainings.items()
    }
    arrays = {name: sitk.GetArrayFromImage(mask) for name, mask in masks.items()}
    true = sitk.GetArrayFromImage(truth)
    z = _slice(true, arrays)
    spacing_mm = truth.GetSpacing()
    box = _box(true[z] | np.any([array[z] for array in arrays.values()], axis=0), spacing_mm)
    background = _background(results, case, work, z, box, truth)
    contestants = [
        {
            "name": name,
            "said": _said(_score(part, trainings[name], case)),
            "outlines": _outlines(true[z], array[z], box, spacing_mm),
        }
        for name, array in arrays.items()
    ]
    return render(
        "report/benchmark_case.html",
        case=case,
        slice=z + 1,
        slices=true.shape[0],
        lesions=shown(_volume(part, trainings, case)),
        image=f"{part.name}-{part.cases.index(case)}",
        source="" if background is None else data_uri(background),
        wide=box[2] * spacing_mm[0],
        high=box[3] * spacing_mm[1],
        contestants=contestants,
    )


def _first(
    part: Part, order: Callable[[Sequence[float]], float], but: Sequence[str], least: float = -math.inf
) -> list[str]:
    """Sort cases by their contestants' Dice, means over trainings, largest first; without those that nobody defines.

    Args:
        part: Of which the cases are.
        order: What of a case's Dice is sorted by.
        but: Cases to leave out.
        least: What `order` must exceed.
    """
    dice: dict[str, list[float]] = {case: [] for case in part.cases}
    for of_contestant in part.scores.values():
        by_case: dict[str, list[float]] = {}
        for scores in of_contestant.values():
            for one in scores.cases:
                if not math.isnan(one.dice):
                    by_case.setdefault(one.case, []).append(one.dice)
        for case, values in by_case.items():
            dice[case].append(fmean(values))
    found = {case: order(values) for case, values in dice.items() if values and case not in but}
    known = [case for case, value in found.items() if value > least]
    return sorted(known, key=lambda case: (-found[case], case))[:MOST_CASES]


def _training(part: Part, name: str, case: str) -> Training:
    return next(
        one for one, scores in part.scores[name].items() if any(score.case == case for score in scores.cases)
    )


def _score(part: Part, training: Training, case: str) -> CaseScore:
    return next(score for score in part.scores[training.contestant][training].cases if score.case == case)


def _volume(part: Part, trainings: Mapping[str, Training], case: str) -> float:
    return _score(part, next(iter(trainings.values())), case).truth_ml


def _said(score: CaseScore) -> str:
    return f"Dice {shown(score.dice, 2)}, {score.found} of {score.found + score.missed} found, {score.false} false"


def _mask(path: Path, results: Results) -> sitk.Image:
    return turned(lesion_image(sitk.ReadImage(str(path)), results.classes.lesion))


def _slice(truth: np.ndarray, predictions: Mapping[str, np.ndarray]) -> int:
    """Pick the slice with most of the truth; without truth, with most of what was predicted."""
    counted = truth if truth.any() else np.sum(list(predictions.values()), axis=0)
    return int(np.argmax(counted.sum(axis=(1, 2))))


def _box(plane: np.ndarray, spacing_mm: Sequence[float]) -> Box2:
    """Frame the lesions of a slice (y, x), square where the slice has room."""
    low_high = []
    ys, xs = np.nonzero(plane)
    extents = [np.ptp(i) * s if i.size else 0.0 for i, s in ((xs, spacing_mm[0]), (ys, spacing_mm[1]))]
    side = max(LEAST_MM, *(extent + 2 * MARGIN_MM for extent in extents))
    for index, step, length in ((xs, spacing_mm[0], plane.shape[1]), (ys, spacing_mm[1], plane.shape[0])):
        middle = (index.min() + index.max()) / 2 if index.size else (length - 1) / 2
        size = min(length, max(1, round(side / step)))
        first = min(max(0, round(middle - (size - 1) / 2)), length - size)
        low_high.append((first, size))
    (x, width), (y, height) = low_high
    return x, y, width, height


def _background(
    results: Results, case: str, work: Path, z: int, box: Box2, truth: sitk.Image
) -> bytes | None:
    """Cut the slice out of the image; None where there is none on the truth's grid."""
    path = image_file(work, results.plan, case)
    if path is None or not path.is_file():
        return None
    image = turned(sitk.ReadImage(str(path)))
    if image.GetSize() != truth.GetSize():
        return None
    x, y, width, height = box
    plane = sitk.GetArrayViewFromImage(image)[z, y : y + height, x : x + width]
    return picture(plane, truth.GetSpacing(), QUALITY)


def _outlines(
    truth: np.ndarray, prediction: np.ndarray, box: Box2, spacing_mm: Sequence[float]
) -> list[tuple[str, str]]:
    """Give the outlines of a slice's lesions, each the kind and the path."""
    return [
        (kind, path_of(outline, box, spacing_mm))
        for kind, mask in (("truth", truth), ("prediction", prediction))
        for outline in outlines(mask)
    ]
