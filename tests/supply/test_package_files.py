"""Wheel and sdist hold all files of the package, not its Python alone: templates, styles, scripts."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_what_the_pages_are_made_of_is_packed(tmp_path: Path, target: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = tmp_path.iterdir()
    if target == "wheel":
        packed = set(zipfile.ZipFile(made).namelist())
    else:
        with tarfile.open(made) as archive:
            packed = {name.partition("/")[2] for name in archive.getnames()}
    files = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nnunet_multiphase").rglob("*")
        if path.suffix in (".css", ".html", ".js", ".svg", ".txt")
    ]
    assert len(files) > 10
    assert [name for name in files if name not in packed] == []
