"""Planning, step 3: the intensities inside the segmentation masks, and what clips and normalises the images.

The masks are all that is to be found, as in nnU-Net: lesions, and the liver too where it is a class.

nnU-Net's fingerprint hard-codes the 0.5 and 99.5 percentiles, and counts the fill value of missing data as
tissue. The fingerprint is shared by all plans of a dataset, so it stays as it is; this module reads the raw
images again and its numbers go into our plans only.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import FILL_HU

LOWER_PERCENTILE = 0.05
UPPER_PERCENTILE = 99.5
MAX_VOXELS = 10_000_000
"""Most voxels kept per channel over all cases: 5,000 of them lie below the lower percentile."""


def foreground_intensities(
    images: np.ndarray, segmentation: np.ndarray, *, max_voxels: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Collect each channel's intensities inside the foreground of one case.

    Args:
        images: Channels first, (C, Z, Y, X), HU.
        segmentation: (Z, Y, X) boolean, True where intensities count.
        max_voxels: Most voxels kept per channel; a larger foreground is sampled without replacement.
        rng: Source of the sample.

    Returns:
        One float32 vector per channel; empty where the channel holds no data there. Voxels with the fill
        value, and channels that are constant throughout (a missing phase), count as no data.
    """
    constant = constant_channels(images)
    collected = []
    for index, channel in enumerate(images):
        values = channel[segmentation].astype(np.float32)
        values = values[values != FILL_HU]
        if index in constant:
            values = values[:0]
        if len(values) > max_voxels:
            values = rng.choice(values, max_voxels, replace=False)
        collected.append(values)
    return collected


def constant_channels(images: np.ndarray) -> tuple[int, ...]:
    """Number the channels of (C, Z, Y, X) that hold one value throughout, as a missing phase does."""
    return tuple(c for c, channel in enumerate(images) if channel.size and channel.min() == channel.max())


def intensity_properties(values: np.ndarray) -> dict[str, float]:
    """Summarise one channel's foreground intensities under the names nnU-Net's CTNormalization reads.

    Args:
        values: Intensities in HU, at least one.

    Returns:
        mean, median, std, min, max, and percentile_00_5 / percentile_99_5, of which the first holds the
        0.05 percentile: the name is nnU-Net's, the number is the method's.
    """
    values = values.astype(np.float64)
    lower, median, upper = np.percentile(values, (LOWER_PERCENTILE, 50.0, UPPER_PERCENTILE))
    return {
        "mean": float(values.mean()),
        "median": float(median),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "percentile_00_5": float(lower),
        "percentile_99_5": float(upper),
    }


def dataset_intensity_properties(
    cases: Mapping[str, Mapping[str, Any]],
    reader_writer_class: Any,
    channel_names: Sequence[str],
    *,
    ignore_label: int | None = None,
    seed: int = 1234,
    threads: int = 2,
    tell_constant: Callable[[Mapping[str, tuple[int, ...]]], None] = lambda _: None,
) -> dict[str, dict[str, float]]:
    """Measure every channel's foreground intensities over a raw nnU-Net dataset.

    Args:
        cases: Case name -> {"images": channel files, "label": segmentation file}.
        reader_writer_class: nnU-Net's reader for this dataset.
        channel_names: One name per channel, for the error message.
        ignore_label: Voxels with this label are no foreground.
        seed: Each case draws its sample from this seed and its place among the sorted names.
        threads: Cases read at the same time; each holds its images in memory.
        tell_constant: Told once which channels of each case hold one value throughout; the images are read only here.

    Returns:
        Channel number as a string -> the properties of `intensity_properties`.

    Raises:
        InputError: A channel has no foreground voxel with data in any case, or no case a foreground voxel.
    """
    names = sorted(cases)
    max_voxels = max(1, MAX_VOXELS // max(1, len(names)))

    def read(index: int) -> tuple[list[np.ndarray], tuple[int, ...]]:
        reader = reader_writer_class()
        images, _ = reader.read_images(cases[names[index]]["images"])
        segmentation = reader.read_seg(cases[names[index]]["label"])[0][0]
        foreground = segmentation > 0
        if ignore_label is not None:
            foreground &= segmentation != ignore_label
        rng = np.random.default_rng((seed, index))
        found = foreground_intensities(images, foreground, max_voxels=max_voxels, rng=rng)
        return found, constant_channels(images)

    with ThreadPoolExecutor(threads) as pool:
        per_case = list(pool.map(read, range(len(names))))
    tell_constant({name: constant for name, (_, constant) in zip(names, per_case, strict=True)})
    properties = {}
    if per_case and not any(len(values) for found, _ in per_case for values in found):
        raise InputError(
            f"none of the masks of {len(names)} training cases holds a foreground voxel with data: expected lesions in some "
            "of them, for a network learns nothing from negative patients alone; see that labelsTr holds the masks drawn"
        )
    for channel, name in enumerate(channel_names):
        values = np.concatenate([found[channel] for found, _ in per_case]) if per_case else np.empty(0)
        if len(values) == 0:
            raise InputError(
                f"channel {channel} ({name}) has no data inside any mask of {len(names)} training cases: "
                "expected one foreground voxel that is not fill; leave this channel out of the dataset"
            )
        properties[str(channel)] = intensity_properties(values)
    return properties
