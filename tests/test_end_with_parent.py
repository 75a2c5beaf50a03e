"""A training or a worker ends where the command that started it was killed: two would write the same files otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import sys
from nnunet_multiphase.end_with_parent import end_with_parent
end_with_parent()
print("at work", flush=True)
sys.stdin.read()
"""
PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1]])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process keeps its parent's number there")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "at work\n"
    parent.kill()
    parent.wait()
    # The child alone still holds the pipe: it ends with the child. Its own input stays open, which does not end it.
    assert parent.stdout.read() == ""
