"""Draw with matplotlib's defaults, whatever the process was set to, and leave nothing in memory."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_style() -> Iterator[None]:
    """Set matplotlib back to its defaults for a drawing function: nnU-Net's progress plot enlarges every font there is.

    A figure and its parts refer to each other, so that it goes only when Python looks for such circles, which it does by
    their number, not their size: in a long run, thirty figures of 25 MB each lay about. Looked for is among what came
    since the drawing began: all that torch and nnU-Net have loaded would take a third of a second each time.
    """
    import matplotlib

    gc.freeze()
    try:
        with matplotlib.rc_context(), warnings.catch_warnings():
            matplotlib.rcdefaults()
            # A case may be called by letters that its font lacks: boxes stand for them, and the file's name has them.
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from")
            yield
    finally:
        gc.collect()
        gc.unfreeze()
