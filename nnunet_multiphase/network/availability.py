"""Keep phases that are not there from acting on the network."""

import torch

CONSTANT_TOLERANCE = 1e-3
"""Relative: resampling moves a constant channel by float32 roundings, noise in HU moves it by far more."""


def silence_absent_phases(x: torch.Tensor) -> torch.Tensor:
    """Set the channels of absent phases to 0, sample by sample.

    A phase that is absent was filled with air, so that after CT normalisation its channel is one negative
    number, and 0 where nnU-Net pads. At 0 it adds nothing to a convolution without bias, so neither features
    nor their statistics know of it, and it is the same for every dataset, whatever its HU clip. A patch of air
    alone looks the same and holds as little. One-hot labels of a cascade are never negative, so they stay.

    Args:
        x: normalised image, (B, C, *spatial).

    Returns:
        The image of the same shape and type.
    """
    spatial = tuple(range(2, x.ndim))
    lowest = x.amin(spatial, keepdim=True)  # (B, C, 1, 1, 1)
    filled = (x - lowest).abs() <= CONSTANT_TOLERANCE * lowest.abs()
    absent = (filled | (x == 0)).all(-1).flatten(2).all(-1).reshape(lowest.shape) & (lowest < 0)
    return x.masked_fill(absent, 0)
