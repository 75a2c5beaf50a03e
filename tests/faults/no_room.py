"""Let a disk run full, or take the rights away, in the middle of a stage; look at what it says and leaves; go on with room.

`python tests/faults/no_room.py FOLDER full|rights [STAGE ...]` prints what became of it as JSON; as root, on Linux.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from kill import BrokenError, fresh, no_half_file, place_of, right_in_the_end, to_its_end, undisturbed
from stages import STAGES, Stage, tree

SHARES = (0.02, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Of what a stage writes: where its disk is full."""
PAGE = 4096
SENTENCE = r"error: |registration: "
"""How a command begins what it refuses by."""
NOBODY = 65534
ORDINARY = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""Starts a process that the system refuses what it refuses ordinary users, although root still owns its files."""
WITHOUT = ("its folder", "an input", "a result")


def may_mount() -> bool:
    """Tell whether this process may mount a file system of its own."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    done = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return done.returncode == 0


@contextmanager
def small_disk(place: Path, size_bytes: int) -> Iterator[None]:
    """Mount a file system of that size."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def grow(place: Path) -> None:
    """Give a mounted file system all the room there is."""
    subprocess.run(["mount", "-o", "remount,size=8g", str(place)], check=True)


def size_of(folder: Path) -> int:
    """Add up what files take of a disk, page by page; a folder takes none of a tmpfs."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*") if path.is_file())


def refused(stage: Stage, source: Path, out: Path, log: Path, before: tuple[str, ...] = ()) -> str:
    """Run a stage that cannot be done; what it says of that. Empty: it was done all the same."""
    with log.open("w") as stream:
        done = subprocess.run(
            [*before, *stage.command(source, out)],
            env=stage.environment(source, out),
            stdout=subprocess.DEVNULL,
            stderr=stream,
            stdin=subprocess.DEVNULL,
            timeout=stage.seconds,
            check=False,
        )
    text = log.read_text(errors="replace")
    if done.returncode == 0:
        return ""
    if "Traceback" in text:
        raise BrokenError(f"a traceback: {text[-1500:]}")
    lines = [line for line in text.splitlines() if re.match(SENTENCE, line)]
    if not lines:
        raise BrokenError(f"it ended with {done.returncode} and no sentence: {text[-1500:]}")
    return "\n".join(lines)


def fill(name: str, folder: Path, shares: Sequence[float] = SHARES) -> dict[str, Any]:
    """Let a stage's disk run full at several points; what became of it."""
    stage, place = STAGES[name], place_of(name, folder)
    whole = undisturbed(name, place)
    total, full, broken, words = size_of(place / "undisturbed"), 0, [], set()
    for share in shares:
        disk = place / "disk"
        try:
            with small_disk(disk, max(PAGE, int(share * total) // PAGE * PAGE)):
                out = fresh(disk / "out")
                sentence = refused(stage, whole.source, out, place / "refused.log")
                if sentence:
                    full += 1
                    words.add(sentence)
                    if "the disk is full" not in sentence or str(disk) not in sentence:
                        raise BrokenError(
                            f"it does not say that the disk is full, and of which file: {sentence}"
                        )
                    no_half_file(stage, out, whole)
                grow(disk)
                to_its_end(stage, whole.source, out)
                right_in_the_end(stage, out, whole)
        except Exception as error:
            broken.append(f"full at {share:.0%} of {total}: {type(error).__name__} {error}")
    return {"full": full, "tried": len(shares), "words": sorted(words), "broken": broken}


def may_drop_rights() -> bool:
    """Tell whether this process can start another that may do no more than an ordinary user."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    return subprocess.run([*ORDINARY, "true"], capture_output=True, check=False).returncode == 0


def give_away(path: Path) -> None:
    """Make a file, or a folder with all in it, somebody else's, whom nobody else may write."""
    for entry in (path, *path.rglob("*")):
        os.chown(entry, NOBODY, NOBODY, follow_symlinks=False)


def take_rights(name: str, folder: Path) -> dict[str, Any]:
    """Run a stage without the right to write its folder, to read an input, or to replace a result; what became of it."""
    stage, place = STAGES[name], place_of(name, folder)
    whole = undisturbed(name, place)
    log, broken, words = place / "refused.log", [], set()
    for what in WITHOUT:
        out = fresh(place / "out")
        inputs = (p for p in whole.source.rglob("*") if p.is_file() and re.fullmatch(stage.needs, p.name))
        closed = max(inputs, key=lambda p: (p.suffix, p.name))
        try:
            if what == "an input":
                give_away(closed)
                closed.chmod(0o600)
            elif what == "a result":
                shutil.rmtree(out)
                shutil.copytree(place / "undisturbed", out)
                give_away(out)
            else:
                give_away(out)
            before = tree(out)
            sentence = refused(stage, whole.source, out, log, before=ORDINARY)
            words.add(f"{what}: {sentence}")
            if what == "an input" and "cannot be opened: restore them" in sentence:
                pass  # DICOM files' names may be a patient's: they are counted, and the others imported
            elif what == "an input":
                if closed.name not in sentence:
                    raise BrokenError(f"it does not name {closed}: {sentence}")
                no_half_file(stage, out, whole)
            elif not sentence:
                raise BrokenError("nothing kept it from writing")
            elif tree(out) != before:
                raise BrokenError("something was changed all the same")
        except Exception as error:
            broken.append(f"no right to {what}: {type(error).__name__} {error}")
        finally:
            os.chown(closed, 0, 0)
            closed.chmod(0o644)
    return {"tried": len(WITHOUT), "words": sorted(words), "broken": broken}


def main(folder: str, what: str, *names: str) -> None:
    """Break the stages and print what became of them."""
    for name in names or STAGES:
        report = (fill if what == "full" else take_rights)(name, Path(folder))
        print(json.dumps({name: report}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
