"""Hold what a reader of DICOM results has to know beside the numbers, in signs and lengths that DICOM has."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

LONGEST = {"LO": 64, "ST": 1024, "LT": 10240}
"""Characters of value representations (DICOM PS3.5 6.2); UT, a report's text, has as many as one likes."""


@dataclass(frozen=True)
class Told:
    """Hold it.

    Attributes:
        warnings: A sentence each, the worst first.
        model: Which one answered; empty: it does not tell.
        lacking: What the results are partial for, in short; empty: they are complete.
    """

    warnings: tuple[str, ...] = ()
    model: str = ""
    lacking: tuple[str, ...] = ()

    def text(self) -> str:
        """Give warnings and model as a text."""
        parts = []
        if self.warnings:
            listed = " ".join(f"({number}) {text}" for number, text in enumerate(self.warnings, 1))
            parts.append(f"To know before relying on it: {listed}")
        if self.model:
            parts.append(f"Model: {self.model}.")
        return plain(" ".join(parts))

    def series(self, description: str) -> str:
        """Add to a series' description, which is all that a list of series shows, that it is partial (LO)."""
        return clipped(f"{description}{' PARTIAL, see comment' if self.lacking else ''}", "LO")


NOTHING = Told()


def plain(text: str) -> str:
    """Give a text in ASCII, on one line: the character set is the source's, which may have nothing else."""
    known = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return (
        " ".join("".join(sign if sign.isprintable() else " " for sign in known).split())
        .encode("ascii", "replace")
        .decode("ascii")
    )


def clipped(text: str, representation: str) -> str:
    """Cut a text to what its value representation holds."""
    text, most = plain(text), LONGEST[representation]
    text = text.replace("\\", "/") if representation == "LO" else text  # there it parts values
    return text if len(text) <= most else f"{text[: most - 4]} ..."
