"""Hold what a layout finds of each case, and what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CaseKey = tuple[str, str]
"""Patient ("" where nothing says who) and case."""


@dataclass
class CaseFiles:
    """Files and folders of one case, by our names of the phases; a mask may be in several."""

    images: dict[str, Path] = field(default_factory=dict)
    lesions: dict[str, list[Path]] = field(default_factory=dict)
    livers: dict[str, list[Path]] = field(default_factory=dict)

    def masks(self) -> Iterator[tuple[str, list[Path]]]:
        """Give what is drawn ("lesions" or "liver"), with its files, for each phase."""
        yield from (("lesions", paths) for paths in self.lesions.values())
        yield from (("liver", paths) for paths in self.livers.values())


@dataclass
class Listing:
    """What the patterns of a layout find below a folder.

    Attributes:
        found: What matches, by patient and case.
        problems: A sentence each.
        unmatched: Files that match no pattern, below the folder.
        folders: The same of folders.
    """

    found: dict[CaseKey, CaseFiles] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
