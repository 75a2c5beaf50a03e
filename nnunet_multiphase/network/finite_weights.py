"""Tell weights that are no numbers any more, as a training leaves that has diverged."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch


def told_of_no_numbers(weights: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    """Say how many of the tensors hold values that are NaN or infinite; empty where none does.

    Args:
        weights: Name -> tensor; what is no tensor is passed over.
    """
    named = dict(weights)
    tensors = {name: of for name, of in named.items() if isinstance(of, torch.Tensor)}
    spoilt = [name for name, of in tensors.items() if not bool(torch.isfinite(of).all())]
    if not spoilt:
        return ""
    return f"{len(spoilt)} of {len(tensors)} tensors of the weights hold values that are no numbers (NaN or infinite)"
