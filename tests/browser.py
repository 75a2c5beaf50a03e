"""Open a page in headless Chromium, for tests of what people look at."""

import json
import shutil
import subprocess

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium or Chrome on this machine to open the page in"
)


def opened(page, folder):
    """Open a page in headless Chromium: its DOM, its console output, the URLs that the page asked for."""
    net_log = folder / "net.json"
    done = subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser's own housekeeping stays inside too
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={net_log}",
            *("--enable-logging=stderr", "--dump-dom"),
            page.as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    events = [event.get("params", {}) for event in json.loads(net_log.read_text(encoding="utf-8"))["events"]]
    # The browser's own requests have no page as initiator.
    asked = {
        e["url"] for e in events if "url" in e and e.get("initiator", "not an origin") != "not an origin"
    }
    return done.stdout, console, asked
