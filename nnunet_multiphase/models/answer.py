"""Turn logits on the network's grid into labels and lesion probabilities on the patient's, some slices at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.models.description import ModelDescription
from nnunet_multiphase.models.model import NO_NUMBERS, Segmented
from nnunet_multiphase.models.preprocessing import NetworkInput
from nnunet_multiphase.models.resampling import LogitResampler

SLICES = 8
"""Resampled at a time: logits of the whole patient on its own grid would take gigabytes."""


def segmented(
    logits: np.ndarray, shown: NetworkInput, description: ModelDescription, lesion_labels: Sequence[int]
) -> Segmented:
    """Bring logits back to the patient's grid and decide.

    Args:
        logits: (heads, Z, Y, X) float32 on the network's grid.
        shown: What the network was shown.
        description: Of the model.
        lesion_labels: Labels whose probability is asked for.

    Returns:
        Labels and probability on the grid given to `prepare_input`; outside of the crop background.
    """
    labels = np.zeros(shown.whole, np.uint8)
    probability = np.zeros(shown.whole, np.float32)
    inner_labels, inner_probability = labels[shown.box], probability[shown.box]  # views
    back = LogitResampler.between(
        logits,
        inner_labels.shape,
        shown.network_spacing_mm,
        shown.spacing_mm,
        description.logit_resampling,
    )
    for start in range(0, len(inner_labels), SLICES):
        stop = min(start + SLICES, len(inner_labels))
        here = back.slices(start, stop)
        if not np.isfinite(here).all():
            raise InputError(NO_NUMBERS)
        decide = _of_regions if description.region_values else _of_labels
        decided = decide(here, description.region_values, lesion_labels)
        inner_labels[start:stop], inner_probability[start:stop] = decided
    backward = np.argsort(description.transpose_forward)
    return Segmented(
        np.ascontiguousarray(labels.transpose(backward)),
        np.ascontiguousarray(probability.transpose(backward)),
    )


def _of_labels(
    logits: np.ndarray, _: Sequence[int], lesion_labels: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Take the largest logit's label; softmax for the probability."""
    best = logits[0].copy()
    labels = np.zeros(best.shape, np.uint8)
    for label, head in enumerate(logits[1:], 1):  # argmax along the first axis takes three times as long
        labels[head > best] = label
        np.maximum(best, head, out=best)
    logits -= best
    np.exp(logits, out=logits)
    return labels, logits[list(lesion_labels)].sum(0) / logits.sum(0)


def _of_regions(
    logits: np.ndarray, values: Sequence[int], lesion_labels: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Let each region that is likely set its label, a later one over an earlier; sigmoid for the probability."""
    labels = np.zeros(logits.shape[1:], np.uint8)
    lesion = np.full(labels.shape, -np.inf, np.float32)
    for head, value in zip(logits, values, strict=True):
        labels[head > 0] = value
        if value in lesion_labels:
            np.maximum(lesion, head, out=lesion)
    with np.errstate(over="ignore"):
        return labels, 1 / (1 + np.exp(-lesion))
