"""Training, augmentation that knows the phases: leave some out, and move some a little.

Both need to know which phase a case's mask is drawn on, which nnU-Net's transforms are not told; they act on whole
batches, after nnU-Net's own augmentation.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from nnunet_multiphase.training.phase_channels import PhaseChannels


def drop_phases(
    data: torch.Tensor,
    cases: Sequence[str],
    channels: PhaseChannels,
    *,
    probability: float,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Make some phases of some samples look as if they had never been there, and those that never were, too.

    A sample loses phases with the given probability; how many, from one to all but the reference, and which, is
    drawn evenly. The reference stays: its mask is what is learnt. Missing phases that augmentation has changed
    (noise, brightness) get the constant back that prediction will show the network.

    Args:
        data: Batch, (B, C, *spatial); changed in place. Channels beyond the phases are left alone.
        cases: Case of each sample.
        channels: Of the dataset.
        probability: 0 to 1.
        rng: Source of the draws.

    Returns:
        The same tensor.
    """
    for sample, case in zip(data, cases, strict=True):
        absent = set(channels.filled.get(case, ()))
        reference = channels.reference.get(case)
        # A case that dataset.json does not know has no phase that could be called dispensable.
        if reference is not None and rng.random() < probability:
            present = [c for c in range(len(channels.phases)) if c != reference and c not in absent]
            if present:
                count = rng.integers(1, len(present) + 1)
                absent.update(int(c) for c in rng.choice(present, count, replace=False))
        for channel in absent:
            sample[channel] = channels.absent_values[channel]
    return data


BOUND_OVER_RMS = 1.44
"""Of a normal error in space: 90 % of its lengths lie below sqrt(6.25 / 3) times the root of their mean square."""


def misalign_phases(
    data: torch.Tensor,
    cases: Sequence[str],
    channels: PhaseChannels,
    *,
    spacing_mm: Sequence[float],
    probability: float,
    ok_mm: float,
    doubtful_mm: float,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Shift phases against the reference by what their registration may have left.

    batchgeneratorsv2's ChannelMisalignmentTransform moves by whole voxels, all channels alike, and knows no
    reference; what a registration leaves is less than a voxel, differs between phases, and must not move the
    phase the mask is drawn on.

    Args:
        data: Batch, (B, C, *spatial); changed in place.
        cases: Case of each sample.
        channels: Of the dataset.
        spacing_mm: Of the batch's voxels, one a spatial axis.
        probability: That a phase is moved.
        ok_mm: Length of the shift where the registration was judged "ok": root of the mean square. Where its expected
            error is known (`channels.error_mm`), that decides, and this is the least: a liver also bends.
        doubtful_mm: The same where it was not judged so; the most where the expected error is known.
        rng: Source of the draws.

    Returns:
        The same tensor. Beyond a moved phase's edge its outermost voxels are repeated.
    """
    axes = len(spacing_mm)
    for sample, case in zip(data, cases, strict=True):
        reference = channels.reference.get(case)
        if reference is None:
            continue
        for channel in range(len(channels.phases)):
            if channel == reference or rng.random() >= probability:
                continue
            bound_mm = channels.error_mm.get(case, {}).get(channel)
            if bound_mm is not None:
                length_mm = min(max(bound_mm / BOUND_OVER_RMS, ok_mm), max(ok_mm, doubtful_mm))
            else:
                length_mm = doubtful_mm if channel in channels.doubtful.get(case, ()) else ok_mm
            shift_mm = rng.normal(0.0, length_mm / math.sqrt(axes), axes)
            sample[channel] = _shift(sample[channel], shift_mm / np.asarray(spacing_mm))
    return data


def _shift(image: torch.Tensor, voxels: np.ndarray) -> torch.Tensor:
    """Move an image by parts of a voxel along each axis, linearly: out(i) = image(i - voxels)."""
    for axis, amount in enumerate(voxels):
        whole = math.floor(amount)
        part = float(amount - whole)
        image = (1 - part) * _roll_edge(image, axis, whole) + part * _roll_edge(image, axis, whole + 1)
    return image


def _roll_edge(image: torch.Tensor, axis: int, by: int) -> torch.Tensor:
    """Move an image by whole voxels along an axis and repeat the edge that comes free."""
    size = image.shape[axis]
    index = (torch.arange(size, device=image.device) - by).clamp(0, size - 1)
    return image.index_select(axis, index)
