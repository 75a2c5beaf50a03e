"""Say what a report was made with: command, seed, commit, versions, machine."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nnunet_multiphase
from nnunet_multiphase.html.page import Table

PACKAGES = ("nnunetv2", "torch", "SimpleITK", "numpy")


def provenance_table(
    *, command: str, seed: int, device: str = "cpu", more: Mapping[str, str] | None = None
) -> Table:
    """List what somebody else needs to repeat a run.

    Args:
        command: as it was typed.
        seed: the run's seed.
        device: torch device the networks ran on.
        more: further rows, name -> value.
    """
    machine = f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores, {device}"
    rows = [
        ["command", command],
        ["seed", str(seed)],
        ["nnunet-multiphase", f"{nnunet_multiphase.__version__}, commit {commit()}"],
        ["packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES)],
        ["machine", machine],
        *([name, value] for name, value in (more or {}).items()),
    ]
    return Table(("", ""), rows)


def commit() -> str:
    """Name the checkout's commit, with a note if files differ from it; "unknown" outside a checkout."""
    root = Path(nnunet_multiphase.__file__).parents[1]
    if not (root / ".git").exists():
        return "unknown (installed without its checkout)"
    try:
        head = _git(root, "rev-parse", "--short=10", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown (git cannot be asked)"
    return head + (" with uncommitted changes" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
