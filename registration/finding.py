"""Hold what a check finds of a volume, and how to insist."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Say what is not clear or cannot be: the name of the check, and a clause to follow the file's name."""

    check: str
    clause: str

    def __str__(self) -> str:
        """Add how to insist."""
        return f"{self.clause}; if it is right as it is, pass --accept {self.check}"
