"""What the container file names is there; with BUILD_CONTAINER=1 and docker or podman it is built, which downloads GBs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
BUILDER = shutil.which("docker") or shutil.which("podman")


def test_what_it_copies_is_there() -> None:
    copied = [path for line in re.findall(r"^COPY (.+) \S+$", TEXT, re.MULTILINE) for path in line.split()]
    assert {"nnunet_multiphase", "registration"} <= set(copied)
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_the_extras_that_it_installs_are_there() -> None:
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', TEXT)
    known = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(extras.split(",")) <= set(known)


def test_its_torch_is_the_makefiles() -> None:
    (makefiles,) = re.findall(
        r"^TORCH \?= (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(re.findall(r"torch==[\d.]+", TEXT)) == {makefiles}


def test_it_does_not_run_as_root() -> None:
    steps = re.findall(r"^(\w+) (.*)", TEXT, re.MULTILINE)
    assert [value for step, value in steps if step == "USER"] == ["user"]
    assert [step for step, _ in steps].index("USER") < [step for step, _ in steps].index("ENTRYPOINT")


@pytest.mark.skipif("BUILD_CONTAINER" not in os.environ, reason="BUILD_CONTAINER is not set")
def test_it_builds_and_answers() -> None:
    assert BUILDER is not None, "neither docker nor podman is here"
    subprocess.run(
        [BUILDER, "build", "-f", "Containerfile", "-t", "nnunet-multiphase-test", "."], cwd=ROOT, check=True
    )
    subprocess.run([BUILDER, "run", "--rm", "nnunet-multiphase-test", "--version"], check=True)
