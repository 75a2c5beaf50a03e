"""Python reads this at its start, in child processes too, where the folder is in PYTHONPATH; see without_network.py."""

import os
import sys

from network_watch import watch


def _note(line):
    with open(os.environ["NO_NETWORK_LOG"], "a", encoding="utf-8") as log:  # noqa: PTH123 (nothing is imported for it)
        log.write(f"{line} by {sys.argv[:2]}\n")


if "NO_NETWORK_LOG" in os.environ:
    watch(_note, also_here=True)
