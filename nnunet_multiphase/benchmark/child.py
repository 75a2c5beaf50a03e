"""Run a step in a process of its own: what one step holds in memory stays out of the next one's figures."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_object, write_json

ROOM_BYTES = 1 << 16
"""With less a disk counts as full."""


def run_module(
    module: str, task: Mapping[str, Any], record: Path, log: Path, environment: Mapping[str, str], what: str
) -> dict[str, Any]:
    """Give a module of this package its task and read its record; one done before is only read.

    Args:
        module: Run as `python -m MODULE TASK.json RECORD.json`.
        task: What it is to do.
        record: Where it writes what it did, last of all.
        log: Receives all that it prints.
        environment: Variables that it gets besides this process's.
        what: Named in messages.

    Returns:
        The record.

    Raises:
        InputError: It failed; the sentence names its log.
    """
    if not record.is_file():
        task_file = write_json(log.with_suffix(".task.json"), task)
        record.parent.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", module, str(task_file), str(record)], log, environment, what)
        if not record.is_file():
            raise InputError(f"{what} left no record; see {log}, then run the same command to go on")
    return load_object(record, "remove it, then run the same command to go on")


def run_nnunet(line: Sequence[str], log: Path, environment: Mapping[str, str], what: str) -> None:
    """Run one of nnU-Net's own commands, such as ["nnUNetv2_preprocess", "-d", "501"].

    Raises:
        InputError: It failed; the sentence names its log.
    """
    script = Path(sys.executable).with_name(line[0])
    # The console script, as users type it; where there is none (pip --target), the same through our launcher.
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "nnunet_multiphase.launch", line[0]]
    log.parent.mkdir(parents=True, exist_ok=True)
    _run([*start, *line[1:]], log, environment, what)


def _run(command: Sequence[str], log: Path, environment: Mapping[str, str], what: str) -> None:
    with log.open("w") as file:
        done = subprocess.run(
            command, env={**os.environ, **environment}, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        raise InputError(
            f"{what} failed ({_why(done.returncode, log)}); see {log}, then run the same command to go on"
        )


def _why(status: int, log: Path) -> str:
    """Say why a process ended: what the system did to it, else the last that it said."""
    text = log.read_text(errors="replace")
    # On a full disk the log may be cut off before it says so.
    if "No space left on device" in text or shutil.disk_usage(log.parent).free < ROOM_BYTES:
        return f"the disk is full: make room where {log.parent} lies"
    if status == -getattr(signal, "SIGKILL", 9):
        return "it was killed, as the system does where memory runs out"
    return (text.strip().splitlines() or ["it said nothing"])[-1].strip()
