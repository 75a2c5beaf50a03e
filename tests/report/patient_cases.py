"""A predicted patient for the page: two lesions in a liver on three phases, made without any registration."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import SimpleITK as sitk
from PIL import Image

from nnunet_multiphase.alignment.align import AlignedPhases
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.measurement.measure import Liver, measure_patient
from nnunet_multiphase.prediction import CasePrediction, PreparedCase, SegmentedCase
from nnunet_multiphase.prediction.window import Window
from nnunet_multiphase.volumes.orientation import stored_grid

SIZE, SPACING_MM, ORIGIN_MM = (60, 50, 20), (3.0, 3.0, 5.0), (-90.0, -75.0, 100.0)
HU = {"nc": (50, 40), "art": (60, 110), "pv": (110, 70)}
"""phase -> liver, lesion."""
FULL_SLICES, FIRST_SLICE = 26, 4
"""The reference has 26 slices; the registered phases begin with its fifth."""


def grid(values):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin(ORIGIN_MM)
    return image


def lesions():
    """Give a cuboid of 8 x 4 x 3 voxels about slice 6, and one of 2 x 2 x 1 in slice 12: 24 and 6 mm wide."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[5:8, 20:24, 20:28] = 1
    mask[12, 30:32, 30:32] = 1
    return mask


def organ():
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[3:15, 12:40, 14:46] = 1
    return mask


def result(verdict="ok", *, region="mask", reasons=(), error_mm=1.25):
    return SimpleNamespace(
        verdict=verdict, region=region, reasons=reasons, expected_error_mm=error_mm, fitted=grid(organ())
    )


def patient(
    folder: Path,
    *,
    name="a",
    mask=None,
    results=None,
    warnings=(),
    accepted=(),
    filled=(),
    window: Window | None = None,
    covered=0.77,
):
    """Make what `write_patient_page` takes, and the registration's picture in the folder."""
    mask = lesions() if mask is None else mask
    liver, images = organ(), {}
    for phase, (inside, lesion) in HU.items():
        hu = np.full(SIZE[::-1], -100, np.int16)
        hu[liver > 0] = inside
        hu[mask > 0] = lesion
        images[phase] = grid(hu)
    results = {"nc": result(), "art": result()} if results is None else results
    full = (SIZE[0], SIZE[1], FULL_SLICES)
    aligned = AlignedPhases("pv", images, {}, results, ((0, 0, FIRST_SLICE), SIZE), full, covered)
    case = CaseFolder(name, Path(), name, {}, "pv", None, None)
    stored = {phase: stored_grid(image) for phase, image in images.items()}
    prepared = PreparedCase(case, (*HU, *filled), filled, images, stored, None, aligned, accepted)
    found = SegmentedCase(grid(mask), grid(mask.astype(np.float32)), window)
    measures = measure_patient(
        name,
        "pv",
        grid(mask),
        images,
        probability=found.lesion_probability,
        liver=Liver(grid(liver), "mask", 150.0),
    )
    (folder / "registration").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 40), "magenta").save(folder / "registration" / f"{name}.png")
    written = folder / f"{name}.nii.gz", folder / f"{name}_lesions.csv"
    prediction = CasePrediction(name, *written, measures, window, aligned, filled, warnings, accepted)
    return prediction, prepared, found
