"""Start a command as a fork of a process that has imported what it needs: of a kill's time all is the command's own.

`python tests/faults/forked.py MODULE ...` imports the modules, reads a task a line from its input, and answers with the
number and then the exit status of the process that does it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback


def work(task: dict) -> int:
    """Run a command as if it had been typed."""
    os.setsid()
    log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.argv = ["nnunet-multiphase", *task["arguments"]]
    try:
        return int(importlib.import_module("nnunet_multiphase.cli.main").main(task["arguments"]))
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1


def main(modules: list[str]) -> None:
    """Import, and fork as often as asked."""
    for module in modules:
        importlib.import_module(module)
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            status = 1
            try:
                status = work(json.loads(line))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
