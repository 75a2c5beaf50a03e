"""Prepare registered phases for an exported network: crop, normalise, resample, as nnU-Net's DefaultPreprocessor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nnunet_multiphase.models.description import CTNormalisation, ModelDescription
from nnunet_multiphase.models.model import Channels
from nnunet_multiphase.models.resampling import resample_image, resampled_shape

SMALLEST_SD = 1e-8
"""nnU-Net's guard against dividing by nothing."""


@dataclass(frozen=True)
class NetworkInput:
    """Hold what the network is shown, and the way back.

    Attributes:
        image: (C, Z, Y, X) float32, on the network's spacing.
        whole: Shape before cropping, in the network's order of axes.
        box: What was cropped to.
        spacing_mm: Before resampling, in the network's order of axes.
        network_spacing_mm: After it.
    """

    image: np.ndarray
    whole: tuple[int, ...]
    box: tuple[slice, ...]
    spacing_mm: tuple[float, ...]
    network_spacing_mm: tuple[float, ...]


def prepare_input(
    phases_hu: Channels, spacing_mm: Sequence[float], description: ModelDescription
) -> NetworkInput:
    """Crop, normalise and resample one patient.

    Args:
        phases_hu: One (Z, Y, X) a channel, in HU, or all as one array.
        spacing_mm: Along Z, Y, X.
        description: Of the model.
    """
    order = description.transpose_forward
    turned = [phase.transpose(order) for phase in phases_hu]  # views
    spacing = tuple(float(spacing_mm[axis]) for axis in order)
    box = nonzero_box(turned)
    cropped = [phase[box] for phase in turned]
    target = description.spacing_mm
    if len(target) == 2:  # slices stay where they are
        target = (spacing[0], *target)
    shape = resampled_shape(cropped[0].shape, spacing, target)
    image = np.empty((len(cropped), *shape), np.float32)
    for channel, volume in enumerate(cropped):
        image[channel] = resample_image(
            volume,
            shape,
            spacing,
            target,
            description.image_resampling,
            prepare=partial(normalised, scheme=description.normalisation[channel]),
        )
    return NetworkInput(image, turned[0].shape, box, spacing, target)


def nonzero_box(image: Channels) -> tuple[slice, ...]:
    """Give the box around all voxels (Z, Y, X) that are not 0 in every channel; all of it where there are none.

    nnU-Net fills the mask's holes too, which leaves its box.
    """
    mask = np.zeros(image[0].shape, bool)
    for channel in image:
        mask |= channel != 0
    box = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, mask.shape[axis]))
    return tuple(box)


def normalised(values_hu: np.ndarray, scheme: CTNormalisation) -> np.ndarray:
    """Clip to the plans' percentiles, centre and scale; float32."""
    values = np.clip(values_hu.astype(np.float32), scheme.low_hu, scheme.high_hu)
    values -= scheme.mean_hu
    values /= max(scheme.sd_hu, SMALLEST_SD)
    return values
