"""Read what the pages are made of: styles and scripts that lie beside the Python that uses them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@cache
def own_text(name: str) -> str:
    """Read a style or script of the package, by its path there, such as "html/page.css"."""
    return (PACKAGE / name).read_text(encoding="utf-8")
