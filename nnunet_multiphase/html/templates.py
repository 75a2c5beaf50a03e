"""Fill the templates that the pages are made of: they lie, as styles and scripts do, beside the Python that uses them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE = Path(__file__).parents[1]


def render(template: str, **values: object) -> Markup:
    """Fill a template of the package; what is no `Markup` is text, and comes out escaped.

    Args:
        template: Its path in the package, such as "html/page.html".
        values: What it speaks of.

    Returns:
        HTML or SVG, without a newline at its end.

    Raises:
        jinja2.UndefinedError: the template speaks of what it was not given.
    """
    return Markup(_environment().get_template(template).render(values))


@cache
def own_text(name: str) -> Markup:
    """Read a style or script of the package, such as "html/page.css"; it is ours, and goes into a page as it is."""
    return Markup((PACKAGE / name).read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    """Make Jinja's surroundings once, and only when a page is written: the command line's help shall not wait for them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(PACKAGE),
        autoescape=True,  # whatever a template's name ends in
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["tenths"] = "{:.1f}".format  # of a drawing's coordinates
    return environment
