"""The watch that no test connects to another machine, and the demo and an exported model to none at all; see conftest.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from without_network import ROOT, attempts, without_network

CONNECT = {
    "a connection": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "a connection by number": "import socket; socket.socket().connect(('192.0.2.1', 80))",
    "a name": "import socket; socket.getaddrinfo('host.invalid', 80)",
    "a message": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "a page": "import urllib.request; urllib.request.urlopen('http://192.0.2.1/')",
    "a child's connection": "import multiprocessing as m, socket\n"
    "if __name__ == '__main__':\n"
    "    child = m.get_context('spawn').Process(target=socket.create_connection, args=(('192.0.2.1', 80),))\n"
    "    child.start(); child.join(); raise SystemExit(child.exitcode)",
}


def run(log: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=without_network(log),
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("what", CONNECT)
def test_the_watch_notices(tmp_path: Path, what: str) -> None:
    script = tmp_path / "connects.py"
    script.write_text(CONNECT[what])
    assert run(tmp_path / "log", str(script)).returncode != 0
    assert len(attempts(tmp_path / "log")) == 1


def test_processes_may_speak_to_each_other(tmp_path: Path) -> None:
    script = "import socket; s = socket.socketpair(); s[0].sendall(b'x'); assert s[1].recv(1) == b'x'"
    assert run(tmp_path / "log", "-c", script).returncode == 0
    assert attempts(tmp_path / "log") == []
