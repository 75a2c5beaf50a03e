"""The verdict: its limits, its signs, and failures that are provoked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantom import scan

from registration import RegistrationSettings, register
from registration.rigid import RigidMotion
from registration.settings import Deformation, Evidence
from registration.verdict import BEFORE_DEFORMATION, judge, mean_distance, reasons_told

pytestmark = pytest.mark.slow

GOOD = Evidence(
    sharpness=0.7, region_sharpness=0.7, body_overlap=0.9, overlap=0.95, disagreement_mm=0.5, apart_mm=6.0
)


def test_good_signs_are_ok() -> None:
    assert judge(GOOD, "liver") == ("ok", ())


@pytest.mark.parametrize(
    ("sign", "verdict", "word"),
    [
        ({"sharpness": 0.5}, "check", "20 mm aside"),
        ({"region_sharpness": 0.5}, "check", "20 mm aside"),
        ({"sharpness": 0.1}, "failed", "20 mm aside"),
        ({"body_overlap": 0.4}, "check", "40% of the body"),
        ({"overlap": 0.2}, "failed", "20% of the liver"),
        ({"disagreement_mm": 6.0}, "check", "6 mm apart"),
        ({"disagreement_mm": 30.0}, "failed", "30 mm apart"),
        (
            {"disagreement_mm": np.inf, "overlap": 0.0},
            "failed",
            "nothing of the liver lies in the moving volume",
        ),
        ({"edge_agreement": 0.3}, "check", "agreement 0.300"),
        ({"edge_agreement": 0.1}, "failed", "agreement 0.100"),
        ({"apart_mm": 30.0}, "check", "30 mm against the body"),
        ({"apart_mm": 50.0}, "failed", "50 mm against the body"),
    ],
)
def test_each_bad_sign_is_told(sign: dict[str, float], verdict: str, word: str) -> None:
    found, reasons = judge(replace(GOOD, **sign), "liver")
    assert found == verdict
    assert len(reasons) == 1
    assert word in reasons[0]


def test_the_worst_sign_decides_and_all_are_told() -> None:
    found, reasons = judge(replace(GOOD, sharpness=0.5, overlap=0.1), "mask")
    assert found == "failed"
    assert len(reasons) == 2


def test_edges_that_agree_well_make_little_to_hold_on_to_no_failure() -> None:
    for sign in ({"sharpness": 0.1}, {"overlap": 0.2}):
        assert judge(replace(GOOD, **sign, edge_agreement=0.59), "liver")[0] == "failed"
        assert judge(replace(GOOD, **sign, edge_agreement=0.6), "liver")[0] == "check"
    assert judge(replace(GOOD, apart_mm=50.0, edge_agreement=0.9), "liver")[0] == "failed"


def test_reasons_say_so_where_a_deformation_followed_what_they_are_of() -> None:
    reasons = ("the match is hardly better",)
    assert reasons_told(reasons, Deformation(True, "")) == (*reasons, BEFORE_DEFORMATION)
    assert reasons_told((), Deformation(True, "")) == ()
    for none in (None, Deformation(False, "noise")):
        assert reasons_told(reasons, none) == reasons


def test_moving_points_agrees_with_simpleitk() -> None:
    rng = np.random.default_rng(0)
    points, centre = rng.normal(0, 50, (20, 3)), np.array([3.0, -8.0, 100.0])
    motion = np.array([0.1, -0.2, 0.3, 4.0, 5.0, -6.0])
    transform = sitk.Euler3DTransform(centre.tolist(), *motion[:3].tolist(), motion[3:].tolist())
    expected = np.array([transform.TransformPoint(point) for point in points.tolist()])
    np.testing.assert_allclose(RigidMotion(motion, centre).move(points), expected, atol=1e-9)
    assert mean_distance(points, points + np.array([3.0, 0.0, 4.0])) == pytest.approx(5.0)


def test_a_good_match_is_ok(
    reference: sitk.Image, medium: sitk.Image, settings: RegistrationSettings
) -> None:
    result = register(reference, medium, settings=settings)
    assert (result.verdict, result.reasons) == ("ok", ())
    assert result.evidence.disagreement_mm < 4.0  # the limit of "ok": half a liver of this phantom may turn
    assert result.evidence.apart_mm < 3.0  # nothing breathed


def test_noise_fails(reference: sitk.Image, settings: RegistrationSettings) -> None:
    values = np.random.default_rng(0).normal(0, 300, reference.GetSize()[::-1]).astype(np.int16)
    noise = sitk.GetImageFromArray(values)
    noise.CopyInformation(reference)
    assert register(reference, noise, settings=settings).verdict == "failed"


def test_other_ends_of_the_body_do_not_pass(settings: RegistrationSettings) -> None:
    upper = scan(middle_mm=(0.0, 0.0, 60.0), extent_mm=(240.0, 180.0, 60.0))
    lower = scan(middle_mm=(0.0, 0.0, -70.0), extent_mm=(240.0, 180.0, 60.0), phase=1, seed=3)
    assert register(upper, lower, settings=settings).verdict != "ok"


def test_a_moving_volume_that_ends_inside_the_liver_does_not_fail_for_that(
    reference: sitk.Image, settings: RegistrationSettings
) -> None:
    # The liver reaches from -30 to 60 mm; this phase starts at 0.
    short = scan(phase=1, middle_mm=(0.0, 0.0, 45.0), extent_mm=(240.0, 180.0, 90.0), seed=6)
    result = register(reference, short, settings=settings)
    assert result.verdict != "failed", result.reasons
    assert result.evidence.overlap < 0.9


def test_a_scan_that_tore_in_the_middle_is_not_ok(
    reference: sitk.Image, settings: RegistrationSettings
) -> None:
    # The patient moved by 12 mm while the table ran: below and above no one motion is right.
    whole = sitk.GetArrayFromImage(scan(phase=1, spacing_mm=(4.0, 4.0, 3.0), seed=7))
    torn = np.concatenate([whole[:24], whole[20:-4]])
    moving = sitk.GetImageFromArray(torn)
    moving.CopyInformation(scan(spacing_mm=(4.0, 4.0, 3.0))[:, :, : len(torn)])
    result = register(reference, moving, settings=settings)
    assert result.verdict != "ok"
    assert result.evidence.disagreement_mm > 8.0
