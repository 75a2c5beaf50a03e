"""A panel of a made-up case, for the pages and figures it stands on."""

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.report.figures import prediction_panel


def volume(array):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.8, 0.8, 5.0))
    return image


def drawn_panel():
    """Draw two phases with the lesion, and with a prediction two voxels beside it; a PNG's bytes."""
    rng = np.random.default_rng(0)
    lesion = np.zeros((4, 40, 50), np.uint8)
    lesion[2, 10:20, 12:25] = 1
    ct = {phase: volume(rng.normal(60, 20, lesion.shape).astype(np.int16)) for phase in ("pv", "nc")}
    return prediction_panel(ct, volume(lesion), volume(np.roll(lesion, 2, axis=2)), title="case_007")
