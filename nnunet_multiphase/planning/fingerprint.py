"""nnU-Net's fingerprint of a dataset, without the most of its memory: `-fpe MultiPhaseFingerprintExtractor`."""

from typing import Any

from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor

INTENSITIES = 10**6
"""Drawn for each channel. nnU-Net 2.8.1 draws 10**8, with replacement, however few voxels of foreground there are: 5 GB and
half a minute for four channels. Of a million draws the percentiles are as good to a fraction of a HU."""


class MultiPhaseFingerprintExtractor(DatasetFingerprintExtractor):
    """Draw a hundredth of nnU-Net's intensities; sizes, spacings and crops are nnU-Net's own.

    The planners of this package draw their intensities themselves (`intensities.py`), and those of nnU-Net take these.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.num_foreground_voxels_for_intensitystats = INTENSITIES
