"""Start a stage twice at once on the same output: the second is refused in one sentence, or both end right.

`python tests/faults/two_writers.py FOLDER SEED TIMES [STAGE ...]` prints what became of it as JSON.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from kill import BrokenError, Undisturbed, fresh, place_of, right_in_the_end, to_its_end, undisturbed
from no_room import SENTENCE
from stages import STAGES, Stage


def both(stage: Stage, whole: Undisturbed, out: Path, apart_s: float) -> list[tuple[int, str]]:
    """Run a stage twice, one beginning a little after the other; exit status and words of each."""
    with ExitStack() as stack:
        runs = []
        for number in range(2):
            log = out.with_name(f"writer_{number}.log")
            stream = stack.enter_context(log.open("w"))
            process = subprocess.Popen(
                list(stage.command(whole.source, out)),
                env=stage.environment(whole.source, out),
                stdout=subprocess.DEVNULL,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            stack.callback(process.kill)
            runs.append((process, log))
            if number == 0:
                time.sleep(apart_s)
        return [(process.wait(stage.seconds), log.read_text(errors="replace")) for process, log in runs]


def try_stage(name: str, folder: Path, seed: int, times: int) -> dict[str, Any]:
    """Let two write at once that often; what became of it."""
    stage, rng = STAGES[name], random.Random(f"{name} {seed}")
    place = place_of(name, folder)
    whole = undisturbed(name, place)
    refused, words, broken = 0, set(), []
    for _ in range(times):
        out = fresh(place / "out")
        apart_s = round(rng.uniform(0, 0.3 * whole.last_s), 2)
        try:
            ends = both(stage, whole, out, apart_s)
            for status, text in ends:
                if "Traceback" in text:
                    raise BrokenError(f"a traceback: {text[-1500:]}")
                sentences = [line for line in text.splitlines() if re.match(SENTENCE, line)]
                if status != 0 and not sentences:
                    raise BrokenError(f"it ended with {status} and no sentence: {text[-1500:]}")
                words |= set(sentences)
                refused += status != 0
            if all(status != 0 for status, _ in ends) and not stage.shared:
                raise BrokenError(f"both were refused: {ends}")
            if all(status == 0 for status, _ in ends) or stage.done not in ends[1][1]:
                to_its_end(stage, whole.source, out)  # what one left does not stand in the other's way
            right_in_the_end(stage, out, whole)
        except Exception as error:
            broken.append(f"{apart_s} s apart: {type(error).__name__} {error}")
    return {"times": times, "refused": refused, "words": sorted(words), "broken": broken}


def main(folder: str, seed: str, times: str, *names: str) -> None:
    """Let two write at once and print what became of it."""
    for name in names or STAGES:
        print(json.dumps({name: try_stage(name, Path(folder), int(seed), int(times))}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
