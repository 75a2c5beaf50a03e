"""Run commands with every connection forbidden; what a Python process and its children try is noted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def without_network(log: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment for a Python that may not connect; what it tries all the same is in `log`."""
    variables = dict(os.environ if environment is None else environment)
    folders = [str(ROOT / "tests" / "no_network"), variables.get("PYTHONPATH", "")]
    return {
        **variables,
        "PYTHONPATH": os.pathsep.join(folder for folder in folders if folder),
        "NO_NETWORK_LOG": str(log),
    }


def attempts(log: Path) -> list[str]:
    """Give the connections that were tried."""
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []
