"""C, A and P are chest, abdomen and pelvis, or contrast, arterial and portal: what is no phase is not taken for one."""

import pytest

from nnunet_multiphase.words.descriptions import contrast_named, phases_named
from nnunet_multiphase.words.region_letters import letters_stand_for_phases


@pytest.mark.parametrize(
    "text",
    [
        "C+A+P",
        "CT C+A+P 5.0",
        "N+C+A+P",
        "C + A + P",
        "C- A- P",
        "C/A/P",
        "C&A&P",
        "C.A.P.",
        "C,A,P",
        "T+A+P",
        "A+C+P",
        "Neck+C+A",
        "Chest + A + P",
        "C- A",
        "C+ A+ P",
    ],
)
def test_regions_of_the_body_name_no_phase(text: str) -> None:
    assert (phases_named(text), contrast_named(text)) == ({}, None)


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("C+A+P C-", "nc"),
        ("Thorax/Abdomen/C-", "nc"),
        ("C-A-P nativ", "nc"),
        ("C+A+P portal venous", "pv"),
        ("C-, 3.0 mm", "nc"),
        ("C-", "nc"),
        ("C+V", "pv"),
        ("C+D 3.0", "dl"),
    ],
)
def test_phase_beside_regions_counts(text: str, phase: str) -> None:
    assert list(phases_named(text)) == [phase]


def test_the_code_of_all_phases_in_one_is_no_list_of_regions() -> None:
    assert set(phases_named("C-/C+A/C+V/C+D")) != {"nc"}


@pytest.mark.parametrize(
    ("texts", "phases"),
    [
        (("C-", "C+A", "C+V"), True),
        (("C+A 1.0", "C+P 1.0"), True),
        (("C+A 1.0", "C+D 1.0"), True),
        (("C-", "C+A"), False),
        (("C+A", "C+A"), False),
        (("Abdomen nativ", "C+A+P"), False),
    ],
)
def test_the_letters_are_phases_where_a_study_says_so(texts: tuple[str, ...], phases: bool) -> None:
    assert letters_stand_for_phases(texts) is phases
