"""Masks that lie in fat or air, mirrored, moved or inverted, or are as flat or as large as no liver or lesion."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from torso import SIZE, SPACING_MM, image_of, lesion_mask, liver_mask, torso_hu
from torso_case import mirror

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.plausible_masks import (
    find_implausible_mask_size,
    find_misplaced_lesions,
    find_misplaced_liver,
)

pytestmark = pytest.mark.slow


def test_the_liver_where_it_was_drawn_passes() -> None:
    assert find_misplaced_liver(liver_mask(), image_of(torso_hu())) is None


@pytest.mark.parametrize(("liver_hu", "noise_hu"), [(-15.0, 20.0), (5.0, 30.0), (250.0, 10.0)])
def test_fatty_and_bright_livers_pass(liver_hu: float, noise_hu: float) -> None:
    image = image_of(torso_hu(liver_hu=liver_hu, noise_hu=noise_hu))
    assert find_misplaced_liver(liver_mask(), image) is None


@pytest.mark.parametrize(
    ("axes", "cure"),
    [
        ((2,), "mirrored right to left it would fit"),
        ((0,), "mirrored upside down it would fit"),
        ((1, 2), "mirrored front to back and right to left it would fit"),
    ],
)
def test_a_mirrored_liver_mask_is_found_and_its_cure_named(axes: tuple[int, ...], cure: str) -> None:
    finding = find_misplaced_liver(np.flip(liver_mask(), axes), image_of(torso_hu()))
    assert finding is not None
    assert finding.check == "liver-hu"
    assert cure in finding.clause


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1]])
def test_a_liver_between_slices_of_a_lost_distance_is_found(order: list[int]) -> None:
    image, mask = image_of(torso_hu()), image_of(liver_mask(), np.uint8)
    drawn = sitk.GetArrayFromImage(sitk.PermuteAxes(mask, order)).astype(bool)
    assert find_implausible_mask_size(drawn, sitk.PermuteAxes(image, order), "liver") is None
    image.SetSpacing((*SPACING_MM[:2], 1.0))
    finding = find_implausible_mask_size(drawn, sitk.PermuteAxes(image, order), "liver")
    assert finding is not None
    assert finding.check == "spacing"
    assert "15 mm tall, too flat for a liver" in finding.clause


def square(values: np.ndarray, fill: float) -> np.ndarray:
    """Pad the slices on either side to as many rows as columns."""
    lacking = [max(values.shape[1:]) - n for n in values.shape[1:]]
    return np.pad(values, [(0, 0), *[(n // 2, n - n // 2) for n in lacking]], constant_values=fill)


def test_a_liver_mask_with_rows_and_columns_exchanged_is_found() -> None:
    image, mask = image_of(square(torso_hu(), -1000)), square(liver_mask(), 0)
    assert find_misplaced_liver(mask, image) is None
    finding = find_misplaced_liver(mask.transpose(0, 2, 1), image)
    assert finding is not None
    assert "with rows and columns exchanged it would fit" in finding.clause


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_liver_mask_30_mm_away_is_found(axis: int) -> None:
    voxels = round(30 / SPACING_MM[2 - axis])
    finding = find_misplaced_liver(np.roll(liver_mask(), voxels, axis), image_of(torso_hu()))
    assert finding is not None
    assert "moved by about 30 mm it would fit" in finding.clause


def test_lesions_where_they_were_drawn_pass() -> None:
    assert find_misplaced_lesions(lesion_mask(), image_of(torso_hu())) is None


@pytest.mark.parametrize("inside", [-950.0, -85.0, 1500.0])
def test_gas_fat_and_lipiodol_in_a_third_of_a_lesion_pass(inside: float) -> None:
    hu = torso_hu()
    voxels = np.argwhere(lesion_mask())
    for z, y, x in voxels[: len(voxels) // 4]:
        hu[z, y, x] = inside
    assert find_misplaced_lesions(lesion_mask(), image_of(hu)) is None


def test_a_cyst_passes() -> None:
    hu = torso_hu(noise_hu=30.0)
    hu[lesion_mask()] -= 45  # about 5 HU
    assert find_misplaced_lesions(lesion_mask(), image_of(hu)) is None


@pytest.mark.parametrize("centre", [(3, 21, 20), (21, 24, 20)])  # fat below the liver; lung
def test_lesions_in_fat_or_air_are_found(centre: tuple[int, int, int]) -> None:
    z, y, x = np.indices(SIZE[::-1])
    mask = ((z - centre[0]) * 8) ** 2 + ((y - centre[1]) * 5.6) ** 2 + ((x - centre[2]) * 5.6) ** 2 < 24**2
    finding = find_misplaced_lesions(np.asarray(mask), image_of(torso_hu()))
    assert finding is not None
    assert finding.check == "lesion-hu"


def test_an_inverted_mask_is_found() -> None:
    finding = find_implausible_mask_size(~lesion_mask(), image_of(torso_hu()), "lesions")
    assert finding is not None
    assert finding.check == "mask-size"
    assert "inside and outside seem to be exchanged" in finding.clause


def test_a_liver_for_a_lesion_is_refused(case: CaseFolder) -> None:
    shutil.copy(case.path / "liver_pv.nii.gz", case.path / "lesions_pv.nii.gz")
    (problem,) = check_case(case).problems
    assert (
        "fills 100 % of the liver mask: the labels or the files of liver and lesions seem to be exchanged"
        in problem
    )
    assert check_case(case, ["mask-size"]).problems == ()


def test_mirrored_masks_are_refused(case: CaseFolder) -> None:
    assert case.liver is not None
    for name in ("lesions_pv", "liver_pv"):
        mirror(case.path / f"{name}.nii.gz")
    problems = check_case(case).problems
    assert any(
        f"case a: {case.liver} has " in p and "mirrored right to left it would fit" in p for p in problems
    )
