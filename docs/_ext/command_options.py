"""A directive that writes a command's options from its parser, so that the page cannot tell another story.

```{command-options} predict
```
"""

from __future__ import annotations

import argparse
from typing import Any, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from nnunet_multiphase.cli.main import build_parser


class CommandOptions(SphinxDirective):
    """Write what a command takes: its arguments and options, with their choices, defaults and help."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        parser = parser_of(self.arguments[0])
        written: list[nodes.Node] = [nodes.paragraph(text=capitalised(parser.description or ""))]
        # pylint: argparse offers its groups by no public name.
        for group in parser._action_groups:
            shown = [
                action for action in group._group_actions if not isinstance(action, argparse._HelpAction)
            ]
            if shown:
                written.append(nodes.paragraph("", "", nodes.strong(text=capitalised(group.title or ""))))
                written.append(nodes.definition_list("", *(item(action) for action in shown)))
        return written


def parser_of(command: str) -> argparse.ArgumentParser:
    """Give a command's own parser.

    Raises:
        KeyError: There is no such command.
    """
    (commands,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    parser: argparse.ArgumentParser = commands.choices[command]
    return parser


def item(action: argparse.Action) -> nodes.definition_list_item:
    """Write one option."""
    formatter = argparse.HelpFormatter("")
    value = (
        ""
        if action.nargs == 0
        else formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    )
    names = ", ".join(action.option_strings)
    term = f"{names} {value}".strip() if names else formatter._format_args(action, action.dest)
    told = formatter._expand_help(action) if action.help else ""
    return nodes.definition_list_item(
        "", nodes.term("", "", nodes.literal(text=term)), nodes.definition("", nodes.paragraph(text=told))
    )


def capitalised(text: str) -> str:
    """Begin with a capital."""
    return text[:1].upper() + text[1:]


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_directive("command-options", CommandOptions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
