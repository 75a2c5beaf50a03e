"""Which motion is returned: a table of what the body's and the region's fits may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from registration import decision
from registration.candidates import Candidate
from registration.decision import decide, doubted, settle
from registration.region import SamplePoints
from registration.rigid import RigidMotion
from registration.settings import Deformation, Evidence, RegistrationSettings
from registration.verdict import judge

GOOD = Evidence(
    sharpness=0.9, region_sharpness=0.9, body_overlap=1.0, overlap=1.0, disagreement_mm=0.5, apart_mm=8.0
)
BREATHED = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 8.0])
SETTINGS = RegistrationSettings()


class Similarity:
    """Stand where a similarity would: its points and its centre."""

    centre = np.zeros(3)
    samples = SamplePoints(np.random.default_rng(0).normal(0, 50, (100, 3)), np.zeros(100, np.float32))


class Known:
    """An uncertainty whose figures are given."""

    def __init__(self, error_mm: float, significance: float = 0.0, middle_mm: float = 0.0) -> None:
        self._error_mm, self._significance, self._middle_mm = error_mm, significance, middle_mm

    def middle_error_mm(self) -> float:
        return self._middle_mm

    def error_mm(self, points: np.ndarray) -> float:
        return self._error_mm

    def significance(self, other: RigidMotion) -> float:
        return self._significance


def candidate(name: Any, motion: np.ndarray) -> Candidate:
    similarity: Any = Similarity()
    return Candidate(
        name,
        RigidMotion(motion, similarity.centre),
        similarity,
        similarity,
        np.ones((1, 1, 1), bool),
        (-150.0, 250.0),
    )


class Signs:
    """Give evidence by what is judged: (fitted, whose motion)."""

    def __init__(self, **evidence: Evidence) -> None:
        self._evidence = evidence

    def of(self, judged: Candidate, motion: RigidMotion) -> tuple[Any, ...]:
        whose = "its_own" if judged.name != "body" and motion.parameters[5] >= BREATHED[5] else "the_bodys"
        evidence = self._evidence[f"{judged.name}_by_{whose}"]
        return evidence, *judge(evidence, judged.name)


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(
        significance: float,
        signs: Signs,
        motion: np.ndarray = BREATHED,
        region: bool = True,
        middle_mm: float = 5.0,
    ) -> decision.Answer:
        known = iter([Known(0.05), Known(0.2, significance, middle_mm)])
        monkeypatch.setattr(decision, "uncertainty", lambda *_: next(known))
        body = candidate("body", np.zeros(6))
        return decide(signs, body, candidate("liver", motion) if region else None, SETTINGS)  # type: ignore[arg-type]

    return run


def test_a_significant_region_has_its_own_motion(choose: Any) -> None:
    answer = choose(31.0, Signs(liver_by_its_own=GOOD))
    assert (answer.motion_of, answer.verdict) == ("liver", "ok")
    # 3.6 x 0.2 mm, and beside it a twentieth of 8 mm and what the halves disagree by
    assert answer.expected_error_mm == pytest.approx(np.sqrt(0.72**2 + 0.4**2 + 0.5**2))


def test_one_that_is_not_significant_has_the_bodys(choose: Any) -> None:
    answer = choose(15.0, Signs(liver_by_the_bodys=GOOD))
    assert (answer.motion_of, answer.verdict) == ("body", "ok")
    assert not answer.motion.parameters.any()
    # 3.6 x 0.05 mm, and half of the 8 mm, because it is half significant
    assert answer.expected_error_mm == pytest.approx(0.18 + 4.0)


def test_a_way_that_is_plain_needs_no_significance(choose: Any) -> None:
    # 8 mm are three times hypot(2.6, 0.3), and not three times hypot(2.7, 0.3).
    signs = Signs(liver_by_its_own=GOOD, liver_by_the_bodys=GOOD)
    assert choose(1.0, signs, middle_mm=2.6).motion_of == "liver"
    assert choose(1.0, signs, middle_mm=2.7).motion_of == "body"


def test_less_than_half_a_mm_is_not_worth_leaving_the_body(choose: Any) -> None:
    answer = choose(1000.0, Signs(liver_by_the_bodys=GOOD), motion=BREATHED / 20)
    assert answer.motion_of == "body"


def test_a_region_that_fails_has_the_bodys_motion_to_be_checked(choose: Any) -> None:
    far = replace(GOOD, apart_mm=60.0, edge_agreement=0.1)
    answer = choose(100.0, Signs(liver_by_its_own=far, liver_by_the_bodys=replace(GOOD, edge_agreement=0.7)))
    assert (answer.motion_of, answer.verdict) == ("body", "check")
    assert "the liver could not be fitted, the body's motion is kept" in answer.reasons[0]
    assert answer.expected_error_mm > 5.0


def test_a_liver_that_bends_keeps_its_motion_where_its_edges_agree_better(choose: Any) -> None:
    bends, behind = replace(GOOD, edge_agreement=0.19), replace(GOOD, edge_agreement=0.05)
    answer = choose(100.0, Signs(liver_by_its_own=bends, liver_by_the_bodys=behind))
    assert (answer.motion_of, answer.verdict) == ("liver", "failed")
    assert answer.expected_error_mm == SETTINGS.search_axial_mm


def test_edges_that_agree_by_chance_keep_no_region_that_failed(choose: Any) -> None:
    # Noise: no edges anywhere, and a region that went astray.
    lost = replace(GOOD, region_sharpness=-0.5, edge_agreement=0.03)
    still = replace(GOOD, edge_agreement=0.02)
    signs = Signs(liver_by_its_own=lost, liver_by_the_bodys=still, body_by_the_bodys=GOOD)
    answer = choose(100.0, signs)
    assert (answer.motion_of, answer.verdict) == ("body", "check")


def test_what_is_hardly_known_is_not_ok(choose: Any) -> None:
    torn = replace(GOOD, disagreement_mm=3.9, apart_mm=20.0)
    known = choose(100.0, Signs(liver_by_its_own=torn), motion=4 * BREATHED)
    assert known.expected_error_mm < 5.0
    assert settle(known, None).verdict == "ok"
    unknown = choose(100.0, Signs(liver_by_its_own=torn), motion=20 * BREATHED)
    assert unknown.expected_error_mm > 8.0
    assert (unknown.verdict, unknown.reasons) == ("check", ("the motion is known to about 9 mm only",))


def test_a_deformation_says_how_well_the_place_is_known_unless_it_began_far_off(choose: Any) -> None:
    torn = replace(GOOD, disagreement_mm=3.9, apart_mm=20.0)
    bent = Deformation(True, "", expected_error_mm=1.2)
    doubtful = choose(100.0, Signs(liver_by_its_own=torn), motion=12 * BREATHED)
    assert 5.0 < doubtful.expected_error_mm < 8.0
    for without in (None, Deformation(False, "noise", significance=1.0)):
        settled = settle(doubtful, without)
        assert (settled.verdict, settled.expected_error_mm) == ("check", doubtful.expected_error_mm)
        assert settled.reasons == (f"the motion is known to about {doubtful.expected_error_mm:.0f} mm only",)
    settled = settle(doubtful, bent)
    assert (settled.verdict, settled.expected_error_mm, settled.reasons) == ("ok", 1.2, ())
    assert settle(choose(100.0, Signs(liver_by_its_own=torn), motion=20 * BREATHED), bent).verdict == "check"


def test_without_edges_the_body_is_judged_by_itself(choose: Any) -> None:
    lost = replace(GOOD, disagreement_mm=40.0)
    signs = Signs(liver_by_its_own=lost, liver_by_the_bodys=lost, body_by_the_bodys=GOOD)
    answer = choose(100.0, signs)
    assert (answer.judged.name, answer.verdict) == ("body", "check")
    signs = Signs(liver_by_its_own=lost, liver_by_the_bodys=lost, body_by_the_bodys=lost)
    answer = choose(100.0, signs)
    assert (answer.motion_of, answer.verdict) == ("body", "failed")


def test_a_liver_that_was_not_found_may_have_breathed(choose: Any) -> None:
    answer = choose(0.0, Signs(body_by_the_bodys=GOOD), region=False)
    # Told to be checked, it holds what the halves disagree by, too.
    assert answer.expected_error_mm == pytest.approx(np.hypot(np.hypot(0.18, 5.0), GOOD.disagreement_mm))
    assert answer.verdict == "check"
    assert "no liver was found" in answer.reasons[0]


def test_without_a_liver_a_match_that_failed_has_failed(choose: Any) -> None:
    answer = choose(0.0, Signs(body_by_the_bodys=replace(GOOD, sharpness=0.1)), region=False)
    assert answer.verdict == "failed"
    assert "no liver was found" in answer.reasons[0]


def test_a_body_that_was_asked_for_needs_no_liver(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(__name__ + ".SETTINGS", RegistrationSettings(region="body"))
    answer = choose(0.0, Signs(body_by_the_bodys=GOOD), region=False)
    assert (answer.verdict, answer.reasons) == ("ok", ())


def test_a_liver_that_may_be_another_organ_has_to_be_looked_at(choose: Any) -> None:
    answer = choose(31.0, Signs(liver_by_its_own=GOOD))
    told = doubted(answer)
    assert told.verdict == "check"
    assert "may be another organ" in told.reasons[0]
    # It keeps its motion, and is known less well by a breath that nobody saw.
    assert told.motion_of == "liver"
    assert told.expected_error_mm == pytest.approx(np.hypot(answer.expected_error_mm, 5.0))


def test_doubt_makes_no_failure_better(choose: Any) -> None:
    failed = choose(0.0, Signs(body_by_the_bodys=replace(GOOD, sharpness=0.1)), region=False)
    assert doubted(failed).verdict == "failed"
    assert doubted(failed).expected_error_mm == failed.expected_error_mm
