"""Spoilt volumes, tables, records, DICOM trees and models end well: a right result or one sentence, time and memory bounded.

Short here; `make soak` tries 2,000 of each (SOAK=N: N). docs/reliability.md has the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does"),
]

HERE = Path(__file__).parent
COUNT = int(os.environ.get("SOAK") or 25)
FIRST = int(os.environ.get("SOAK_FIRST") or 0)
"""Another first number is other inputs."""
FAMILIES = (
    "volumes",
    "tables",
    "folders",
    "records",
    "patterns",
    "dicom",
    "onnx",
    "model",
    "pages",
    "user_tables",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Try them all in a process of its own, whose memory is limited."""
    folder = tmp_path_factory.mktemp("hostile")
    done = subprocess.run(
        [sys.executable, str(HERE / "survive.py"), str(folder), str(FIRST), str(COUNT)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=600 + 3 * COUNT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, f"died or hung at the input named last: {done.stderr[-3000:]}"
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("family", FAMILIES)
def test_spoilt_input_ends_in_a_right_result_or_one_sentence(report: dict[str, Any], family: str) -> None:
    found = report["families"][family]
    assert found["failed"] == []
    assert sum(found["became"].values()) == COUNT
    assert found["became"]["refused"] > 0


def test_spoilt_input_takes_little_memory(report: dict[str, Any]) -> None:
    """Headers claim terabytes; the inputs themselves are a few kilobytes."""
    assert report["grown_mib"] < 512
