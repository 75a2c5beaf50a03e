"""Draw with matplotlib's defaults, whatever the process was set to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_style() -> Iterator[None]:
    """Set matplotlib back to its defaults for a while: nnU-Net's progress plot enlarges every font of the process."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
