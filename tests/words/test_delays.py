"""Seconds in a description: those after the injection, and those of a breath hold, a scan or a rotation."""

import pytest

from nnunet_multiphase.words.delays import seconds_named


@pytest.mark.parametrize(
    "text",
    [
        "Abdomen 3.0 BH 15s",
        "Abd BH25s",
        "Abd 5.0 Apnoe 12s",
        "apnée 20 s",
        "Atemstillstand 20 Sek",
        "Abd 25s breath-hold",
        "25 sec BH",
        "息止め 20秒",
        "屏气20秒",
        "Scan time 35 s",
        "Scanzeit: 30s",
        "durée 40 s",
        "temps d'acquisition 30s",
        "tiempo de adquisicion 30 s",
        "Exposure 35s",
        "rotation 70 s",
        "70 s/rot",
        "every 30s",
        "Abd 15s",
        "PV 12s",
        "35s/70s",
        "Liver 30s 70s 180s",
    ],
)
def test_seconds_of_something_else_are_no_delay(text: str) -> None:
    assert seconds_named(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Abd BH 70s", 70),  # nobody holds the breath so long
        ("BH 15s delay 70s", 70),
        ("70s post, scan time 12 s", 70),
        ("delay 15 s", 15),
        ("15s post injection", 15),
        ("Scan 70s", 70),
        ("3 min (180 s)", 180),
        ("Expiration 70s", 70),
        ("Inspiration 35 s", 35),
    ],
)
def test_a_delay_beside_them_counts(text: str, seconds: float) -> None:
    found = seconds_named(text)
    assert (found and found[0]) == seconds


def test_an_arterial_scan_may_begin_early() -> None:
    assert (seconds_named("ART 18s"), seconds_named("ART 18s", arterial=True)) == (None, (18.0, "18 s"))
