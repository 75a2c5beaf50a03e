"""Threads that wait for one another sleep."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nnunet_multiphase.idle_threads import let_threads_sleep

NAMES = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that what a test sets is undone
        monkeypatch.delenv(name)


def test_threads_are_asked_to_sleep() -> None:
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize("name", NAMES)
def test_what_the_user_says_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "7")
    let_threads_sleep()
    assert {key: os.environ[key] for key in NAMES if key in os.environ} == {name: "7"}


@pytest.mark.skipif(sys.platform != "linux", reason="another OpenMP tells its settings otherwise")
def test_torchs_openmp_hears_of_it_from_our_command() -> None:
    program = (
        "from nnunet_multiphase.cli import main as command\n"
        "def look(arguments):\n    import torch\n    return 0\n"
        "command.run_command = look\n"
        "command.main(['doctor'])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"OMP_DISPLAY_ENV": "TRUE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in told.stderr
