"""A case's name is safe in file names on every system, whatever it was made from."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunet_multiphase.cases.case_name import case_id, patient_id


def test_a_plain_name_stays() -> None:
    assert case_id("case_001.b-2") == "case_001.b-2"


def test_what_is_unsafe_in_file_names_is_replaced() -> None:
    assert case_id("case 1/(ü)") == "case_1__ü_"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("..", "__"),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("p1.", "p1_"),
        ("p1. ", "p1._"),
        ("", "_"),
        ("CON", "CON_"),
        ("nul.first", "nul_.first"),
        ("Lpt1", "Lpt1_"),
        ("com¹", "com¹_"),
        ("console", "console"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_a_name_that_a_system_takes_otherwise_is_changed(name: str, safe: str) -> None:
    assert case_id(name) == safe


def test_long_names_are_cut_and_stay_apart() -> None:
    one, other = (case_id("ä" * 150 + end) for end in "ab")
    assert one[:50] == other[:50] == "ä" * 50
    assert one != other
    assert max(len(name.encode()) for name in (one, other)) <= 128


@given(st.text(max_size=300))
def test_every_name_comes_out_safe_and_once_and_for_all(name: str) -> None:
    safe = case_id(name)
    assert case_id(safe) == safe
    assert safe == unicodedata.normalize("NFC", safe)
    assert re.fullmatch(r"[\w][\w.-]*", safe)
    assert not safe.endswith(".")
    assert len(safe.encode()) <= 128
    assert safe.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}


def test_a_patients_name_has_one_form() -> None:
    assert patient_id(" Jose\u0301") == patient_id("Jos\u00e9") == "Jos\u00e9"
