"""Phases under each other's names: told by the liver, and by no noise or kilovolts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from torso import SIZE, image_of, torso_hu
from torso_case import edit

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.liver_place import FoundLiver
from nnunet_multiphase.cases.plausible_order import told_of_bright_liver

pytestmark = pytest.mark.slow


def triple(case: CaseFolder, **liver_hu: float) -> CaseFolder:
    """Write the phases with a liver of these HU each."""
    for seed, (phase, hu) in enumerate(liver_hu.items()):
        sitk.WriteImage(
            image_of(torso_hu(liver_hu=hu, seed=seed)),
            str(case.path / f"{phase}.nii.gz"),
            useCompression=True,
        )
    return read_case_folder(case.path, require_lesions=True)


def test_an_unenhanced_phase_brighter_than_one_with_contrast_is_refused(case: CaseFolder) -> None:
    given = triple(case, nc=125, art=55, pv=115)
    (problem,) = check_case(given).problems
    assert problem.startswith(
        "case a: nc, the phase without contrast, is brighter in organs and vessels than art: "
    )
    assert "seem to be exchanged" in problem
    assert problem.endswith("pass --accept phase-order")
    report = check_case(given, ["phase-order"])
    assert report.problems == ()
    assert report.accepted == ("phase-order",)


@pytest.mark.parametrize("later", ["pv", "dl"])
@pytest.mark.parametrize("drawn", [True, False])
def test_a_liver_brighter_in_art_than_later_is_told(case: CaseFolder, later: str, drawn: bool) -> None:
    (case.path / "art.nii.gz").unlink()
    given = triple(case, art=110, pv=65 if later == "pv" else 120, dl=65 if later == "dl" else 95)
    if not drawn:
        given = replace(given, liver=None)
    report = check_case(given)
    assert report.problems == ()
    (warning,) = report.warnings
    assert warning.startswith("case a: what looks like the liver has about 1")
    assert f" HU in {later}" in warning


def test_another_organ_taken_for_the_liver_says_nothing_of_the_order() -> None:
    liver = FoundLiver(np.zeros((9, 3)), -0.3, 120.0, 1500.0)
    for other in (
        replace(liver, hu=60.0, points_mm=liver.points_mm + 61),
        replace(liver, hu=60.0, ml=900.0),
        replace(liver, hu=106.0),
        None,
    ):
        assert told_of_bright_liver({"art": liver, "pv": other}) == ""
    assert "120 HU in art and 104 HU in pv" in told_of_bright_liver(
        {"art": liver, "pv": replace(liver, hu=104.0)}
    )
    assert told_of_bright_liver({"art": liver, "nc": replace(liver, hu=50.0)}) == ""


@pytest.mark.parametrize("nc_hu", [55, 62, 110])
def test_phases_in_their_order_pass(case: CaseFolder, nc_hu: float) -> None:
    """The last is a liver full of iron, which contrast hardly brightens."""
    assert (
        check_case(
            triple(case, nc=nc_hu, art=60, pv=115) if nc_hu < 70 else triple(case, nc=110, art=112)
        ).problems
        == ()
    )


@pytest.mark.parametrize("spoilt", ["nc", "art"])
def test_noise_and_kilovolts_of_one_phase_are_no_contrast(case: CaseFolder, spoilt: str) -> None:
    given = triple(case, nc=58, art=60, pv=110)
    noise = np.random.default_rng(5).normal(0, 40, SIZE[::-1])

    def other_kilovolts(image: sitk.Image) -> sitk.Image:
        hu = sitk.GetArrayFromImage(image).astype(float)
        return image_of(np.where(hu > 60, 60 + (hu - 60) * 1.4, hu) + noise)

    edit(given.images[spoilt], other_kilovolts)
    assert check_case(given).problems == ()
