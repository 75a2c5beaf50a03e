"""Start a real PACS (Orthanc with its DICOMweb plug-in, Debian's orthanc and orthanc-dicomweb) on this machine alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ORTHANC = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
needs_orthanc = pytest.mark.skipif(
    ORTHANC is None or not PLUGIN.exists(),
    reason="no Orthanc with its DICOMweb plug-in on this machine (Debian: orthanc, orthanc-dicomweb)",
)
USER, PASSWORD = "somebody", "secret"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running_orthanc(folder: Path, *, login: bool = False) -> Iterator[str]:
    """Run Orthanc in a folder of its own until the block is done; the address of its DICOMweb service."""
    assert ORTHANC is not None
    port = free_port()
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": port,
        "HttpBindAddresses": ["127.0.0.1"],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": login,
        "RegisteredUsers": {USER: PASSWORD},
        "DicomServerEnabled": False,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [ORTHANC, str(folder / "orthanc.json")], cwd=folder, stdout=log, stderr=log, env={**os.environ}
        )
        try:
            _wait(f"http://127.0.0.1:{port}/app/explorer.html", process, folder / "log")
            yield f"http://127.0.0.1:{port}/dicom-web"
        finally:
            process.kill()  # nothing to be kept
            process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            opener.open(url, timeout=5).close()
        except urllib.error.HTTPError:
            return  # it wants a password: it is there
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"Orthanc did not start: {log.read_text(errors='replace')[-2000:]}")
