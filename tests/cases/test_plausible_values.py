"""Values that are no HU: shifted, scaled, cut or negated; and what is odd but right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK as sitk
from torso import image_of, torso_hu
from torso_case import edit

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.plausibility import sample_volume
from nnunet_multiphase.cases.plausible_values import find_implausible_values

pytestmark = pytest.mark.slow

Change = Callable[[np.ndarray], np.ndarray]


def values_finding(hu: np.ndarray) -> str:
    """Name the check that finds something in values, and its clause; the empty text: none."""
    finding = find_implausible_values(sample_volume(image_of(hu, np.float32)))
    return "" if finding is None else f"{finding.check}: {finding.clause}"


def with_metal(hu: np.ndarray) -> np.ndarray:
    hu = hu.copy()
    hu[10:12, 20:23, 30:34] = 20000.0
    return hu


def with_one_odd_voxel(hu: np.ndarray) -> np.ndarray:
    hu = hu.copy()
    hu[0, 0, 0], hu[0, 0, 1] = -3024.0, 32767.0
    return hu


RIGHT: dict[str, Change] = {
    "as it is": lambda hu: hu,
    "air masked to 0": lambda hu: np.where(hu < -700, 0.0, hu),
    "air masked to -1024": lambda hu: np.where(hu < -700, -1024.0, hu),
    "padded with -2000": lambda hu: np.where(np.indices(hu.shape)[2] < 8, -2000.0, hu),
    "padded with -3024 and -1024": lambda hu: np.where(
        np.indices(hu.shape)[1] < 6, -3024.0, np.where(hu < -900, -1024.0, hu)
    ),
    "cut at -1024 and 3071": lambda hu: np.clip(hu, -1024, 3071),
    "cut at -1000 and 1000": lambda hu: np.clip(hu, -1000, 1000),
    "noise of 40 HU": lambda hu: hu + np.random.default_rng(1).normal(0, 40, hu.shape),
    "metal": with_metal,
    "two odd voxels": with_one_odd_voxel,
    "the liver's box alone": lambda hu: hu[6:18, 12:34, 8:34],
}


@pytest.mark.parametrize("name", RIGHT)
def test_odd_but_right_values_pass(name: str) -> None:
    assert values_finding(RIGHT[name](torso_hu())) == ""


@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda hu: hu + 1024, "hu-offset"),
        (lambda hu: hu + 1000, "hu-offset"),
        (lambda hu: hu - 1024, "hu-offset"),
        (lambda hu: np.maximum(hu, -1024) - 1024, "hu-offset"),
        (lambda hu: hu + 8192, "hu-offset"),
        (lambda hu: np.where(hu < 0, hu + 65536, hu), "hu-offset"),
        (lambda hu: hu * 16, "hu-scale"),
        (lambda hu: hu / 1000, "hu-scale"),
        (lambda hu: (hu - hu.mean()) / hu.std(), "hu-scale"),
        (lambda hu: np.clip((hu + 160) / 400, 0, 1), "hu-scale"),
        (lambda hu: np.clip((hu + 160) / 400, 0, 1) * 2 - 1, "hu-scale"),
        (lambda hu: np.clip(hu, -160, 240), "hu-window"),
        (lambda hu: np.clip(hu, -200, 300), "hu-window"),
        (lambda hu: np.rint(np.clip((hu + 160) / 400, 0, 1) * 255), "hu-window"),
        (lambda hu: np.maximum(hu, 0), "hu-window"),
    ],
)
def test_values_that_are_no_hu_are_found(change: Change, check: str, cropped: bool) -> None:
    hu = torso_hu()[4:20, 8:40, 6:40] if cropped else torso_hu()
    assert values_finding(change(hu)).startswith(f"{check}: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda hu: hu + 1024, "about 1024 too high"),
        (lambda hu: hu - 1024, "about 1024 too low"),
        (lambda hu: -hu, "negated"),
        (lambda hu: 3000 - hu, "negated"),
        (lambda hu: hu + 200, "where the outer air is"),
        (lambda hu: hu - 200, "where the outer air is"),
        (lambda hu: hu / 2, "where the outer air is"),
        (lambda hu: hu * 2, "slope is lost"),
    ],
)
def test_outer_air_tells_what_was_done_to_the_values(change: Change, said: str) -> None:
    assert said in values_finding(change(torso_hu()))


def test_padding_that_is_no_hu_is_said(case: CaseFolder) -> None:
    def padded(image: sitk.Image) -> None:
        image[:3] = -3024  # of 64 columns
        image[0, 0, 0] = -2000

    edit(case.images["art"], padded)
    report = check_case(case)
    assert report.problems == ()
    (warning,) = report.warnings
    assert warning.startswith(
        f"case a, phase art: {case.images['art']} holds -3024 and the like in 5 % of its voxels"
    )
    assert warning.endswith("taken as air (-1024 HU)")
