"""Write one self-contained HTML page of text, tables and pictures: nothing external, no script unless one is given."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from nnunet_multiphase.html.templates import own_text, render
from nnunet_multiphase.whole_file import whole_file


@dataclass(frozen=True)
class Text:
    """Hold one paragraph of plain text; `code` sets it in a typewriter face and keeps its line breaks."""

    body: str
    code: bool = False


@dataclass(frozen=True)
class Table:
    """Hold a table of short strings; columns of numbers are set to the right. An empty header is left out."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """Hold a picture (PNG, JPEG or SVG; file or bytes); `caption` is shown, `alt` read aloud instead."""

    picture: Path | bytes
    caption: str
    alt: str = ""


@dataclass(frozen=True)
class Section:
    """Hold a heading and what stands below it, in order; `on_screen` is left out of the print. Markup is HTML as it is."""

    title: str
    blocks: Sequence[Text | Table | Figure | Markup]
    on_screen: bool = False


_NUMBER = re.compile(r"-?|[-+]?\d[\d.,x ]*(e[-+]?\d+)?( ?%)?")


def write_report(
    path: Path | str,
    *,
    title: str,
    sections: Sequence[Section],
    lead: str = "",
    styles: Sequence[str] = (),
    script: str = "",
) -> Path:
    """Write the page, whole or not at all.

    Args:
        path: the .html file; its folder is made.
        title: heading of the page.
        sections: what it holds, in order. All text is escaped, pictures are embedded; Markup stays as it is.
        lead: a sentence below the title.
        styles: more of the package's .css files, after the page's own.
        script: the package's .js file that runs when the page stands; the page has to be readable without.

    Returns:
        The path written.

    Raises:
        ValueError: a table's row has another length than its header, or a picture is of no known kind.
        FileNotFoundError: a picture's file is absent.
    """
    path = Path(path)
    page = render(
        "html/page.html",
        title=title,
        lead=lead,
        sections=[
            {"title": s.title, "on_screen": s.on_screen, "blocks": list(map(_html, s.blocks))}
            for s in sections
        ],
        style=Markup().join(map(own_text, ("html/page.css", *styles))),
        script=own_text(script) if script else "",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as beside:
        beside.write_text(f"{page}\n", encoding="utf-8")
    return path


def _html(block: Text | Table | Figure | Markup) -> Markup:
    if isinstance(block, Markup):
        return block
    if isinstance(block, Text):
        return Markup("<pre>{}</pre>" if block.code else "<p>{}</p>").format(block.body)
    if isinstance(block, Table):
        return _table(block)
    source, alt = data_uri(block.picture), block.alt or block.caption
    return render("html/figure.html", source=source, alt=alt, caption=block.caption)


def _table(table: Table) -> Markup:
    for row in table.rows:
        if len(row) != len(table.header):
            raise ValueError(f"a table row has {len(row)} cells, its header {len(table.header)}: {list(row)}")
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.header)
    numeric = [i > 0 and bool(column) and all(map(_is_number, column)) for i, column in enumerate(columns)]
    header = table.header if any(table.header) else ()
    return render("html/table.html", caption=table.caption, header=header, rows=table.rows, numeric=numeric)


def _is_number(cell: str) -> bool:
    """Tell whether a cell is a number, a size such as 3x4, a list of numbers, or a dash for an undefined one."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def data_uri(picture: Path | bytes) -> str:
    """Write a PNG, JPEG or SVG (file or bytes) as an address that needs no file."""
    content = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
    if content.startswith(b"\x89PNG"):
        kind = "png"
    elif content.startswith(b"\xff\xd8"):
        kind = "jpeg"
    elif b"<svg" in content[:2000]:
        kind = "svg+xml"
    else:
        raise ValueError("a figure's picture must be PNG, JPEG or SVG")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
