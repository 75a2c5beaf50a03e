"""Notice a training that has diverged, before it writes over the weights that are still good."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import nn

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.network.finite_weights import told_of_no_numbers


def refuse_divergence(
    losses: Sequence[float | np.ndarray],
    network: nn.Module,
    *,
    epoch: int,
    learning_rate: float,
    say: Callable[[str], None],
) -> None:
    """Stop a training that can learn nothing any more; say where single steps had no loss.

    nnU-Net goes on to the last epoch, and its model then predicts background everywhere. On a GPU its gradient scaler passes
    over a step whose gradients are no numbers, so that single ones do no harm there.

    Args:
        losses: Of each step of the epoch.
        network: With the weights after it.
        epoch: Its number, from 0.
        learning_rate: That the training began with.
        say: Takes what is no reason to stop.

    Raises:
        InputError: Weights are no numbers, or no step had a loss.
    """
    lost = len(losses) - int(np.isfinite(np.asarray(losses, dtype=float)).sum())
    spoilt = told_of_no_numbers(network.state_dict())
    if spoilt or (losses and lost == len(losses)):
        why = spoilt or f"none of its {lost} steps had a loss that is a number (NaN or infinite)"
        told = (
            f"epoch {epoch}: {why}: the training has diverged, and further epochs cannot mend it; checkpoints of earlier "
            f"epochs are left as they are. Train anew with a learning rate below {learning_rate:g} "
            f'("multiphase_training": {{"learning_rate": {learning_rate / 10:g}}} at the top level of the plans); where '
            "that does not help, look for images with values that are no HU (nnUNetv2_extract_fingerprint "
            "--verify_dataset_integrity finds NaN)"
        )
        say(f"STOPPED: {told}")  # a cluster keeps the log where it is looked for, and the terminal elsewhere
        raise InputError(told)
    if lost:
        say(f"WARNING: {lost} of {len(losses)} steps of epoch {epoch} had a loss that is no number.")
