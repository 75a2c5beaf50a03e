"""Kill a stage again and again at random moments, look at what it left, let it go on, compare with an undisturbed run.

`python tests/faults/kill.py FOLDER SEED KILLS [STAGE ...]` prints what became of it as JSON; `stages.py` has the stages.
With FORKED=1 commands need not import what they use, and most kills fall into what they write.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from stages import OURS, STAGES, Stage, hidden, tree

FORKED = bool(os.environ.get("FORKED"))
"""Start commands as forks of a process that has imported what they need: more kills in the same time."""
IN_A_ROW = 4
"""Kills before a run is left to end."""
LEFT = re.compile(r"(.*/)?\.[^/]+\.[0-9a-f]{8}\.partial|(.*/)?\.registration_\w+(/.*)?")
"""What a kill may leave for an hour: the hidden file that was being written."""


class BrokenError(Exception):
    """Say what a kill has broken."""


@dataclass(frozen=True)
class Undisturbed:
    """What a stage makes when it is left alone.

    Attributes:
        source: Its input, and what it held.
        files: What came of it.
        first_s: When the first file came.
        last_s: When it ended.
    """

    source: Path
    sources: dict[str, str]
    files: dict[str, str]
    first_s: float
    last_s: float


class Forked:
    """A command that `forked.py` runs: what of a Popen is used here."""

    starter: dict[tuple[str, ...], subprocess.Popen[str]] = {}  # noqa: RUF012 (one a stage, for all its runs)

    def __init__(self, stage: Stage, source: Path, out: Path, log: Path) -> None:
        environment = stage.environment(source, out)
        process = self.starter.get(stage.preload)
        if process is None:
            line = [sys.executable, str(Path(__file__).with_name("forked.py")), *stage.preload]
            process = subprocess.Popen(
                line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
            self.starter[stage.preload] = process
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        assert process.stdin is not None
        assert process.stdout is not None
        arguments = list(stage.command(source, out))[len(OURS) :]
        task = {"arguments": arguments, "environment": environment, "log": str(log)}
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        self.answers = process.stdout
        self.pid = int(self.answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Give the exit status, if there is one."""
        if self.returncode is None and select.select([self.answers], [], [], 0)[0]:
            self.returncode = int(self.answers.readline())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status."""
        if self.returncode is None:
            if not select.select([self.answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("forked", timeout or 0)
            self.returncode = int(self.answers.readline())
        return self.returncode


@contextmanager
def running(stage: Stage, source: Path, out: Path) -> Iterator[subprocess.Popen[str] | Forked]:
    """Start a stage in a process group of its own, and leave none of it."""
    log = out.with_suffix(".log")
    process: subprocess.Popen[str] | Forked
    if FORKED and stage.preload:
        process = Forked(stage, source, out, log)
    else:
        with log.open("w") as stream:
            process = subprocess.Popen(
                list(stage.command(source, out)),
                env=stage.environment(source, out),
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[str] | Forked) -> None:
    """Kill a process and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def fresh(out: Path) -> Path:
    """Make an output folder anew, with nnU-Net's folders in it."""
    shutil.rmtree(out, ignore_errors=True)
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (out / name).mkdir(parents=True)
    return out


def to_its_end(stage: Stage, source: Path, out: Path) -> tuple[float, float]:
    """Run a stage; the seconds until its first file and its end."""
    began, first = time.monotonic(), 0.0
    with running(stage, source, out) as process:
        while process.poll() is None:
            if not first and any(path.is_file() for path in out.rglob("*")):
                first = time.monotonic() - began
            if time.monotonic() - began > stage.seconds:
                raise BrokenError(f"it did not end within {stage.seconds} s: {said(out)}")
            time.sleep(0.01 if not first else 0.05)
        if process.returncode != 0 and not re.search(stage.done, said(out)):
            raise BrokenError(f"it ended with {process.returncode}: {said(out)}")
    return first, time.monotonic() - began


def said(out: Path) -> str:
    """Give the end of what a stage printed."""
    return out.with_suffix(".log").read_text(errors="replace")[-1500:]


KNOWN: dict[Path, Undisturbed] = {}
"""By folder: one undisturbed run is enough for all that is broken there."""


def undisturbed(name: str, place: Path) -> Undisturbed:
    """Make a stage's input in a folder and let it run there once."""
    if place not in KNOWN:
        shutil.rmtree(place, ignore_errors=True)
        KNOWN[place] = _undisturbed(STAGES[name], place)
    return KNOWN[place]


def place_of(name: str, folder: Path) -> Path:
    """Name a stage's own folder."""
    return folder / name.replace(" ", "_").replace(",", "")


def _undisturbed(stage: Stage, folder: Path) -> Undisturbed:
    source = folder / "source"
    source.mkdir(parents=True)
    stage.make(source)
    sources = tree(source)
    for _ in range(2 if FORKED else 1):  # the first fork waits for what is imported
        out = fresh(folder / "undisturbed")
        first, last = to_its_end(stage, source, out)
    return Undisturbed(source, sources, tree(out), first, last)


def killed(stage: Stage, out: Path, whole: Undisturbed, after_s: float) -> bool:
    """Start a stage and kill it; False where it had ended before."""
    with running(stage, whole.source, out) as process:
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            kill_group(process)
            return True
        if process.returncode != 0 and not re.search(stage.done, said(out)):
            raise BrokenError(f"gone on with after a kill it ended with {process.returncode}: {said(out)}")
        return False


def no_half_file(stage: Stage, out: Path, whole: Undisturbed) -> None:
    """Make sure that all there is under a final name is what an undisturbed run puts there."""
    for name, digest in tree(out).items():
        if hidden(name) or re.fullmatch(stage.theirs, name):
            continue
        if re.fullmatch(stage.varies, name) or re.fullmatch(stage.grows, name):
            readable(out / name)
        elif name not in whole.files:
            raise BrokenError(f"{name} is none of the results")
        elif digest != whole.files[name]:
            raise BrokenError(
                f"{name} is not what an undisturbed run writes ({(out / name).stat().st_size} bytes)"
            )


def readable(path: Path) -> None:
    """Make sure that a file that is never the same is whole all the same."""
    if path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".html":
        assert path.read_text().endswith("</html>\n"), path
    elif path.suffix == ".pth":
        import torch

        torch.load(path, map_location="cpu", weights_only=False)


def right_in_the_end(stage: Stage, out: Path, whole: Undisturbed) -> None:
    """Make sure that a run that was gone on with ends as an undisturbed one, leaves nothing else and its input alone."""
    found = {name: digest for name, digest in tree(out).items() if not LEFT.fullmatch(name)}
    lacking, more = set(whole.files) - set(found), set(found) - set(whole.files)
    logged = re.compile(r".*(\.log|training_log_[\d_]+\.txt)")
    lacking, more = ({name for name in names if not logged.fullmatch(name)} for names in (lacking, more))
    if lacking or more:
        raise BrokenError(f"lacks {sorted(lacking)[:5]}, has {sorted(more)[:5]}")
    for name, digest in found.items():
        if re.fullmatch(stage.varies, name):
            readable(out / name)
        elif digest != whole.files[name]:
            raise BrokenError(f"{name} is not what an undisturbed run writes")
    if tree(whole.source) != whole.sources:
        raise BrokenError("its input was touched")


def try_stage(name: str, folder: Path, seed: int, kills: int) -> dict[str, Any]:
    """Kill a stage that often; what became of it."""
    stage = STAGES[name]
    rng = random.Random(f"{name} {seed}")
    place = place_of(name, folder)
    whole = undisturbed(name, place)
    done, rounds, broken = 0, 0, []
    pace = 1.0  # a busy machine has become a quiet one: runs end before they are killed
    while done < kills and len(broken) < 5:
        out, moments = fresh(place / "out"), []
        rounds += 1
        try:
            for _ in range(min(rng.randint(1, IN_A_ROW), kills - done)):
                # Not while it is imported: nothing is written then.
                after_s = pace * rng.uniform(0.9 * whole.first_s, 1.05 * whole.last_s)
                moments.append(round(after_s, 2))
                if not killed(stage, out, whole, after_s):
                    # Of a run from its beginning, before its end as that was measured.
                    pace *= 0.8 if len(moments) == 1 and after_s < pace * whole.last_s else 1.0
                    break
                done += 1
                no_half_file(stage, out, whole)
            to_its_end(stage, whole.source, out)
            right_in_the_end(stage, out, whole)
        except Exception as error:
            broken.append(f"killed after {moments} s: {type(error).__name__} {error}")
            shutil.copytree(out, place / f"broken_{rounds}", dirs_exist_ok=True, symlinks=True)
        if rounds > 3 * kills + 10:
            break
    return {"kills": done, "rounds": rounds, "seconds": round(whole.last_s, 1), "broken": broken}


def main(folder: str, seed: str, kills: str, *names: str) -> None:
    """Kill the stages and print what became of them."""
    for name in names or STAGES:
        report = try_stage(name, Path(folder), int(seed), int(kills))
        print(json.dumps({name: report}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
