"""Forbid connections and look-ups of names. What compiled libraries do past Python's sockets is not seen."""

import sys

CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
NAMING = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
HERE = ("127.", "::1", "localhost")


def watch(note, *, also_here):
    """Raise an OSError whenever this process would connect, for good: Python's audit hooks stay.

    Args:
        note: Takes a line for each attempt, so that one whose failure is swallowed is known of, too.
        also_here: Forbid connections to this machine as well; sockets in the file system are always free.
    """

    def hook(event, arguments):
        if event not in CONNECTING + NAMING:
            return
        target = arguments[1] if event in CONNECTING else arguments[0]
        if target is None or (event in CONNECTING and isinstance(target, (str, bytes))):
            return  # in the file system, connected already, or nobody
        host = target[0] if isinstance(target, tuple) else target
        host = host.decode() if isinstance(host, bytes) else str(host)
        if not also_here and host.startswith(HERE):
            return
        note(f"{event} {target!r}")
        raise OSError(f"no network in this test: {event} {target!r}")

    sys.addaudithook(hook)
