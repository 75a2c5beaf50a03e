"""Match predicted lesions with true ones, one to one, by their overlap."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nnunet_multiphase.evaluation.lesions import label_lesions

IOU_THRESHOLD = 0.1
"""Overlap from which a lesion counts as found.

Low on purpose: in a lesion a few voxels wide, one voxel of rim decides most of the overlap (a sphere of 10 mm
drawn as one of 6 mm has IoU .22), while finding it is what the patient needs; how well it is drawn, Dice and
HD95 say. Above 0, because a prediction that only brushes a lesion has not found it.
"""


@dataclass(frozen=True)
class LesionMatch:
    """Hold one lesion of the truth, of the prediction, or of both.

    Attributes:
        outcome: "found" (in both), "missed" (truth only) or "false" (prediction only).
        truth_id, prediction_id: numbers as `label_lesions` gives them; None where there is none.
        iou: overlap of a found lesion with its match; 0.0 otherwise.
    """

    outcome: str
    truth_id: int | None
    prediction_id: int | None
    iou: float


def match_lesions(
    prediction_labels: np.ndarray, truth_labels: np.ndarray, *, iou_threshold: float = IOU_THRESHOLD
) -> list[LesionMatch]:
    """Match predicted with true lesions so that the summed IoU is largest, one to one.

    A prediction spanning two true lesions finds one of them at most; of two fragments in one true lesion at
    most one is the match and the other is false.

    Args:
        prediction_labels, truth_labels: (z, y, x) arrays from `label_lesions`.
        iou_threshold: a pair with a smaller IoU is no match; 0 < threshold <= 1.

    Returns:
        Found and missed lesions by truth id, then the false ones by prediction id; empty for two empty masks.
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"the IoU threshold must lie in (0, 1], got {iou_threshold}")
    n_prediction, n_truth = int(prediction_labels.max(initial=0)), int(truth_labels.max(initial=0))
    iou_of = _overlaps(prediction_labels, truth_labels)
    truth_of = _best_pairs({pair: iou for pair, iou in iou_of.items() if iou >= iou_threshold})
    prediction_of = {truth: prediction for prediction, truth in truth_of.items()}
    matches = []
    for truth_id in range(1, n_truth + 1):
        if truth_id in prediction_of:
            found = prediction_of[truth_id]
            matches.append(LesionMatch("found", truth_id, found, iou_of[found, truth_id]))
        else:
            matches.append(LesionMatch("missed", truth_id, None, 0.0))
    false_ids = [i for i in range(1, n_prediction + 1) if i not in truth_of]
    return matches + [LesionMatch("false", None, prediction_id, 0.0) for prediction_id in false_ids]


def match_masks(
    prediction: np.ndarray, truth: np.ndarray, *, iou_threshold: float = IOU_THRESHOLD
) -> list[LesionMatch]:
    """Match the lesions of two (z, y, x) masks; see `label_lesions` and `match_lesions`."""
    return match_lesions(label_lesions(prediction), label_lesions(truth), iou_threshold=iou_threshold)


def _overlaps(prediction_labels: np.ndarray, truth_labels: np.ndarray) -> dict[tuple[int, int], float]:
    """Give the IoU of every prediction and truth that share a voxel, in one pass over the volume."""
    sizes_p, sizes_t = (np.bincount(labels.ravel()) for labels in (prediction_labels, truth_labels))
    both = (prediction_labels > 0) & (truth_labels > 0)
    pairs, shared = np.unique(
        np.stack([prediction_labels[both], truth_labels[both]]), axis=1, return_counts=True
    )
    return {
        (int(p), int(t)): float(n / (sizes_p[p] + sizes_t[t] - n))
        for (p, t), n in zip(pairs.T, shared, strict=True)
    }


def _best_pairs(iou_of: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Choose among pairs of prediction and truth so that each is in one at most and the summed IoU is largest."""
    if not iou_of:
        return {}
    pairs = np.array(list(iou_of))
    predictions, rows = np.unique(pairs[:, 0], return_inverse=True)
    truths, columns = np.unique(pairs[:, 1], return_inverse=True)
    shape = (len(predictions) + len(truths),) * 2
    # SciPy before 1.12 takes no other indices, and its complaint about them is lost.
    ends = rows.astype(np.int32), (len(predictions) + columns).astype(np.int32)
    touching = coo_array((np.ones(len(pairs)), ends), shape=shape)
    # Lesions that overlap nowhere decide nothing about one another: group by group, thousands of specks fit in memory.
    group_of = connected_components(touching, directed=False)[1][rows]
    chosen: dict[int, int] = {}
    order = np.argsort(group_of, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1):
        r, in_r = np.unique(rows[members], return_inverse=True)
        c, in_c = np.unique(columns[members], return_inverse=True)
        iou = np.zeros((len(r), len(c)))
        iou[in_r, in_c] = [iou_of[int(p), int(t)] for p, t in pairs[members]]
        for i, j in zip(*linear_sum_assignment(iou, maximize=True), strict=True):
            if iou[i, j] > 0:
                chosen[int(predictions[r[i]])] = int(truths[c[j]])
    return chosen
