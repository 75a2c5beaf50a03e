"""The documentation's site: every page is in its table of contents, and its commands' options come from the parsers."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_every_page_is_in_the_table_of_contents() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = {
        line
        for block in re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL)
        for line in block.splitlines()
        if line and not line.startswith(":")
    }
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert listed == pages | {f"notebooks/{page.stem}" for page in (DOCS / "notebooks").glob("*.ipynb")}


def test_every_command_has_its_options_on_the_page() -> None:
    from nnunet_multiphase.cli.main import COMMANDS

    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r"\{command-options\} (\S+)", page) == list(COMMANDS)


def test_an_option_is_written_as_the_parser_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(DOCS / "_ext"), *sys.path])
    page = import_module("command_options")
    options = {name: action for action in page.parser_of("setup")._actions for name in action.option_strings}
    written = page.item(options["--missing"])
    assert written.astext().startswith("--missing {error,skip,fill}")
    assert "fill its channel with air" in written.astext()
