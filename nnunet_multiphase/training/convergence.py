"""Training, its end: tell from the validation losses whether they still fall."""

import math
from collections.abc import Sequence

MEMORY = 0.9
"""Share of the running average that stays from epoch to epoch: single epochs see few patches and jump."""


def has_converged(losses: Sequence[float], *, patience: int) -> bool:
    """Tell whether the running average of the losses was lowest at least `patience` epochs ago.

    A function of the losses alone, which nnU-Net's logger keeps in every checkpoint: resuming changes nothing.

    Args:
        losses: Validation loss of each epoch; those that are not finite are passed over.
        patience: Epochs to wait for a new lowest average, at least 1.
    """
    average, lowest, waited = math.nan, math.inf, 0
    for loss in losses:
        if not math.isfinite(loss):
            continue
        average = loss if math.isnan(average) else MEMORY * average + (1 - MEMORY) * loss
        waited += 1
        if average < lowest:
            lowest, waited = average, 0
    return waited >= patience
