"""Write one self-contained HTML page of text, tables and pictures: nothing external, no script unless one is given."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from nnunet_multiphase.html.templates import own_text
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
class Markup:
    """Hold a piece of HTML as it is: whoever makes it escapes what it holds."""

    html: str


@dataclass(frozen=True)
class Section:
    """Hold a heading and what stands below it, in order; `on_screen` is left out of the print."""

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
    style = "".join(map(own_text, ("html/page.css", *styles)))
    links = "".join(f'<a href="#s{i}">{escape(s.title)}</a> ' for i, s in enumerate(sections, 1))
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # An empty data: icon keeps the browser from asking a server for favicon.ico.
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title><style>\n{style}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{escape(lead)}</p>' if lead else "",
        f"<nav>{links}</nav>" if len(sections) > 1 else "",
    ]
    for i, section in enumerate(sections, 1):
        kind = ' class="on-screen"' if section.on_screen else ""
        parts.append(f'<section id="s{i}"{kind}><h2>{escape(section.title)}</h2>')
        parts.extend(_block(block) for block in section.blocks)
        parts.append("</section>")
    if script:
        parts.append(f"<script>\n{own_text(script)}</script>")
    parts.append("</body></html>\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as beside:
        beside.write_text("\n".join(parts), encoding="utf-8")
    return path


def _block(block: Text | Table | Figure | Markup) -> str:
    if isinstance(block, Markup):
        return block.html
    if isinstance(block, Text):
        return f"<pre>{escape(block.body)}</pre>" if block.code else f"<p>{escape(block.body)}</p>"
    if isinstance(block, Table):
        return _table(block)
    caption = f"<figcaption>{escape(block.caption)}</figcaption>" if block.caption else ""
    alt = escape(block.alt or block.caption, quote=True)
    return f'<figure><img src="{data_uri(block.picture)}" alt="{alt}">{caption}</figure>'


def _table(table: Table) -> str:
    for row in table.rows:
        if len(row) != len(table.header):
            raise ValueError(f"a table row has {len(row)} cells, its header {len(table.header)}: {list(row)}")
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.header)
    numeric = [i > 0 and bool(column) and all(map(_is_number, column)) for i, column in enumerate(columns)]
    kinds = [' class="number"' if number else "" for number in numeric]

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for cell, kind in zip(row, kinds, strict=True))

    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    body = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    head = f"<thead><tr>{cells(table.header, 'th')}</tr></thead>" if any(table.header) else ""
    return f'<div class="wide"><table>{caption}{head}<tbody>{body}</tbody></table></div>'


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
