"""Change what a Python process and its children do, by what Python reads at its start (the folder `at_start`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

AT_START = Path(__file__).resolve().parent / "at_start"


def without_network(log: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment for a Python that may not connect; what it tries all the same is in `log`."""
    return _at_start(environment) | {"NO_NETWORK_LOG": str(log)}


def attempts(log: Path) -> list[str]:
    """Give the connections that were tried."""
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def with_fewer_samples(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment in which nnU-Net's fingerprint draws 1e5 intensities a channel, not 1e8.

    However few voxels there are it draws so many, with replacement: half a minute and 5 GB for four channels.
    """
    return _at_start(environment) | {"FEWER_SAMPLES": "1e5"}


def _at_start(environment: Mapping[str, str] | None) -> dict[str, str]:
    variables = dict(os.environ if environment is None else environment)
    folders = [str(AT_START), variables.get("PYTHONPATH", "")]
    return variables | {"PYTHONPATH": os.pathsep.join(folder for folder in folders if folder)}
