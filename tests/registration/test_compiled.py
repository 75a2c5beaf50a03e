"""Compiling where no cache can be kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# The coefficients of a constant volume are that constant, and so are its splines.
INTERPOLATE = """
import logging
logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")
logging.getLogger("numba").setLevel(logging.WARNING)
import numpy as np
from registration import spline
values = spline.interpolate(spline.spline_coefficients(np.full((4, 5, 6), 7.0)), np.array([[1.5, 2.2, 3.1]]))
print(spline.__file__, float(values[0]))
"""


def test_without_a_place_for_numbas_cache_the_spline_is_compiled_all_the_same(tmp_path: Path) -> None:
    # Files where folders are needed keep even the superuser from writing a cache.
    package = tmp_path / "registration"
    source = Path(__file__).parents[2] / "registration"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    home = tmp_path / "home"
    for blocked in (package / "__pycache__", home):
        blocked.write_bytes(b"")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", INTERPOLATE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, done.stderr
    file, value = done.stdout.split()
    assert file == str(package / "spline.py")
    assert abs(float(value) - 7.0) < 1e-5  # float32
    assert done.stderr.splitlines() == [
        "registration.compiled: numba can write its cache nowhere; this process compiles without it."
    ]
