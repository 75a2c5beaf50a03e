"""The verdict where the organ's edges agree well: what they answer for, and what they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registration.settings import Evidence
from registration.verdict import judge

GOOD = Evidence(
    sharpness=0.9, region_sharpness=0.9, body_overlap=0.9, overlap=0.95, disagreement_mm=0.5, apart_mm=6.0
)
CONVINCING, DOUBTFUL = 0.8, 0.5
TORN = {
    "sharpness": 0.4,
    "region_sharpness": 0.87,
}  # as of six slices that are there twice: the body fits less well


def test_a_field_of_view_about_the_liver_is_no_doubt_where_its_edges_agree() -> None:
    small = replace(GOOD, body_overlap=0.3)
    assert judge(replace(small, edge_agreement=CONVINCING), "liver") == ("ok", ())
    for unsure in (replace(small, edge_agreement=DOUBTFUL), small):
        verdict, (reason,) = judge(unsure, "liver")
        assert verdict == "failed"
        assert "30% of the body" in reason


def test_a_body_that_is_unlike_is_no_doubt_of_an_organ_that_is_plainly_at_its_place() -> None:
    # A breath of 25 mm: .85 and .5 mm.
    breath = replace(GOOD, sharpness=0.3, region_sharpness=0.8, edge_agreement=0.85)
    assert judge(breath, "liver") == ("ok", ())
    for less in (
        {"edge_agreement": 0.78},
        {"disagreement_mm": 1.6},
        {"overlap": 0.45},
        {"body_overlap": 0.39},  # the lower half of a scan on that of another: 2.3 mm off
    ):
        verdict, reasons = judge(replace(breath, **less), "liver")
        assert verdict == "check"
        assert "hardly better than 20 mm aside" in reasons[0]


def test_edges_of_a_small_part_of_the_liver_do_not_answer_for_the_body() -> None:
    # Upper and lower half of a scan, one upon the other: edges of .72 on a quarter of the liver.
    part = replace(GOOD, body_overlap=0.4, overlap=0.4, edge_agreement=CONVINCING)
    verdict, reasons = judge(part, "liver")
    assert verdict == "check"
    assert [reason.split(" lies")[0] for reason in reasons] == [
        "only 40% of the body",
        "only 40% of the liver",
    ]


def test_a_half_that_matches_elsewhere_asks_for_a_look_where_all_else_is_well() -> None:
    apart = replace(GOOD, disagreement_mm=13.0)
    verdict, (reason,) = judge(replace(apart, edge_agreement=CONVINCING), "liver")
    assert verdict == "check"
    assert "13 mm apart" in reason
    for unsure in (replace(apart, edge_agreement=DOUBTFUL), apart):
        assert judge(unsure, "liver")[0] == "failed"


@pytest.mark.parametrize("beside", [TORN, {"overlap": 0.4}, {"apart_mm": 30.0}])
def test_a_half_that_matches_elsewhere_fails_where_anything_else_is_amiss(beside: dict[str, float]) -> None:
    apart = replace(GOOD, disagreement_mm=20.0, edge_agreement=0.74)
    assert judge(replace(apart, **beside), "liver")[0] == "failed"


def test_a_scan_that_tore_is_not_ok_for_good_edges() -> None:
    # No half was seen to lie elsewhere; the body tells.
    assert judge(replace(GOOD, **TORN, edge_agreement=0.74), "liver")[0] != "ok"
